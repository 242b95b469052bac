"""Which model is the current one."""
