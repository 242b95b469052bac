"""Search the vectors of a finished run, with the model that made them."""
