"""Catalogues: cleaning, the processed table, products and their split."""
