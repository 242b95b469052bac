"""A look at a catalogue and its images before the first run."""
