"""Catalogues: cleaning, the processed table, products and the split by product."""
