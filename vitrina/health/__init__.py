"""The health of a catalogue: listings that look wrong, each with a score and a reason."""
