"""A PostgreSQL database with pgvector, brought to the state of a run."""
