"""Batches with listings that the model confuses: hard negatives, mined anew in each epoch."""
