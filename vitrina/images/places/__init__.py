"""Where a row's images are: what the catalogue says, and the files that are there."""
