"""Embed texts and images: in memory, and whole tables into files."""
