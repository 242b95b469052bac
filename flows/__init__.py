"""What runs: one file, one flow, one command line."""
