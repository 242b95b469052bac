"""What runs: one file, one flow, one command line."""

import logging

# A run says what its stages do, on a terminal and in the Prefect UI alike.
logging.getLogger("tasks").setLevel(logging.INFO)
