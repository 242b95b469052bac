"""Queries that people typed, and the listings that they chose."""
