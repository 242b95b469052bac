"""Retrieval, duplicate and category metrics of a model on held-out products."""
