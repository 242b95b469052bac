"""The stages of the pipeline as Prefect tasks, one thin file each."""
