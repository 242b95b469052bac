"""A table of queries as a Parquet file, local or on S3."""

import io

import pandas as pd
from upath import UPath

from vitrina.store.files import read_bytes, write_bytes


def put_queries(queries: pd.DataFrame, path: UPath) -> None:
    """Write a table of queries."""
    content = io.BytesIO()
    queries.to_parquet(content, index=False)
    write_bytes(path, content.getvalue())


def read_queries(path: UPath) -> pd.DataFrame:
    """Read a table of queries."""
    return pd.read_parquet(io.BytesIO(read_bytes(path)))
