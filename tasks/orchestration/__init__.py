"""How stages run in Prefect: tasks, retries, progress, shards on Ray and child runs."""
