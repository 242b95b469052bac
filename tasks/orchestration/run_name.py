"""Names of runs that say what they work on, and when."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from prefect import runtime

from vitrina.config.parameters import Parameters
from vitrina.reporting.run_facts import catalogue_name

# The parameter that names what a flow reads, the first that is given.
SOURCES = ("catalog", "file_path", "processed_data_csv", "processed_data_path", "output")
NAMED = re.compile(r" \d{4}-\d\d-\d\d \d\d:\d\d$")


def run_name() -> str:
    """Such as ``catalog.parquet 2026-11-27 02:00``: what is read, and the local time."""
    run = runtime.flow_run
    return name_of_run(run.parameters, datetime.now(), str(run.name or ""))


def name_of_run(parameters: Mapping[str, Any], time: datetime, given: str = "") -> str:
    """The name of a run with these parameters that starts at this time.

    One that it was given stays if it is of this form: a child has the name of its parent, because
    what it reads itself, such as ``processed_data.parquet``, says nothing.
    """
    if NAMED.search(given):
        return given
    config = parameters.get("config")
    values = dict(config) if isinstance(config, Parameters | Mapping) else {}
    source = next((values[name] for name in SOURCES if values.get(name)), "")
    first = source[0] if isinstance(source, list | tuple) else str(source)
    return f"{catalogue_name(first)} {time:%Y-%m-%d %H:%M}".strip()
