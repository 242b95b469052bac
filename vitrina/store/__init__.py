"""The store: files, fingerprints, artifacts and stages, local or on S3."""
