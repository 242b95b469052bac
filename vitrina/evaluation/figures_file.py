"""A table of figures as a Parquet file, local or on S3."""

import io

import pandas as pd
from upath import UPath

from vitrina.store.files import read_bytes, write_bytes


def put_figures(figures: pd.DataFrame, path: UPath) -> None:
    """Write a table of figures."""
    content = io.BytesIO()
    figures.to_parquet(content, index=False)
    write_bytes(path, content.getvalue())


def read_figures(path: UPath) -> pd.DataFrame:
    """Read a table of figures."""
    return pd.read_parquet(io.BytesIO(read_bytes(path)))
