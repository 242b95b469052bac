"""Training data: pairs, their pixels, and the batches they form."""
