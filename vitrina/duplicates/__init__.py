"""Listings that are the same product with another title or another image."""
