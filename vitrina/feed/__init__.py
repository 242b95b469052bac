"""What changed between two runs of one output, for whoever keeps a copy of its vectors."""
