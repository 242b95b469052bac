"""Where work is done: this process or a Ray cluster, with progress."""
