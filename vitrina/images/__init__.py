"""Images: resizing, loading, and the cache of decoded pixels."""
