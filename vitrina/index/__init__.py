"""A LanceDB table of the listings and their vectors, kept up to date run by run."""
