"""Names of runs that say what they work on, and when."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from prefect import runtime

from vitrina.config.parameters import Parameters
from vitrina.reporting.run_facts import catalogue_name

# The parameter that names what a flow reads, the first that is given.
SOURCES = ("catalog", "file_path", "processed_data_csv", "processed_data_path", "output")


def run_name() -> str:
    """Such as ``catalog.parquet 2026-11-27 02:00``: what is read, and the local time."""
    return name_of_run(runtime.flow_run.parameters, datetime.now())


def name_of_run(parameters: Mapping[str, Any], time: datetime) -> str:
    """The name of a run with these parameters that starts at this time."""
    config = parameters.get("config")
    values = dict(config) if isinstance(config, Parameters | Mapping) else {}
    source = next((values[name] for name in SOURCES if values.get(name)), "")
    first = source[0] if isinstance(source, list | tuple) else str(source)
    return f"{catalogue_name(first)} {time:%Y-%m-%d %H:%M}".strip()
