"""The demo catalogue, drawn by a program."""
