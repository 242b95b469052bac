"""How stages meet Prefect: tasks, retries, progress, Ray shards and child runs."""
