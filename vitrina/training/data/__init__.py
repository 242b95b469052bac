"""Training data: image-text pairs, their pixels, and the batches they form."""
