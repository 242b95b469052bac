"""A classifier of listings: the linear probe on a column, with calibrated probabilities."""
