"""A catalogue in any form of table, read as Arrow batches."""
