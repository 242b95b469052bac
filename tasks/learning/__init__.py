"""Torch code of training, evaluation and embedding; never Prefect."""
