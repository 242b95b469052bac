"""The store: files, fingerprints and artifacts, local or on S3."""
