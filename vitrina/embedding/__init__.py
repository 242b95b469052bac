"""Vectors of texts and images, one by one and of whole tables."""
