"""Fetch images from http(s) addresses, many at a time, and never from a private network."""
