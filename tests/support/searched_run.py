"""A finished run to search: a small shop, its table in the store, embedded by a tiny ruCLIP."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from upath import UPath

from tasks.embed import embed
from tests.support.shop import draw_shop, tiny_model
from vitrina.config.embedding import EmbedConfig
from vitrina.config.run_options import RunOptions
from vitrina.config.text import BY_TITLE, ListingConfig
from vitrina.results import EmbedResult, ModelResult, TableRef
from vitrina.store.artifacts import Store, open_store
from vitrina.store.files import write_bytes
from vitrina.store.fingerprint import fingerprint

CONFIG = EmbedConfig(shard_rows=16, device="cpu")


@dataclass(frozen=True)
class SearchedRun:
    """The store, the rows of its table, and what embedded them."""

    store: Store
    rows: pd.DataFrame
    model: ModelResult
    result: EmbedResult
    table: TableRef
    config: EmbedConfig

    @property
    def folder(self) -> UPath:
        """The folder of the embedding."""
        return self.store.artifact("embed", self.store.latest_key("embed") or "").path


def embedded_run(
    root: UPath, scratch: Path, rows: pd.DataFrame | None = None, config: EmbedConfig = CONFIG
) -> SearchedRun:
    """Embed a shop of 40 listings, or other rows, into a store."""
    scratch.mkdir(parents=True, exist_ok=True)
    rows = draw_shop(scratch / "images", 40) if rows is None else rows
    model = tiny_model(scratch / "model", rows, 0)
    return embed_again(open_store(str(root)), rows, model, config)


def embed_again(
    store: Store,
    rows: pd.DataFrame,
    model: ModelResult,
    config: EmbedConfig = CONFIG,
    listing: ListingConfig = BY_TITLE,
) -> SearchedRun:
    """Embed these rows with this model into the store."""
    content = fingerprint(rows.astype(str).to_numpy().tolist())
    table = store.path / "resize" / content / "processed_data.parquet"
    write_bytes(table, rows.to_parquet(index=False))
    ref = TableRef(path=str(table), fingerprint=content)
    result = embed.fn(ref, model, store, config, RunOptions(), listing).result
    return SearchedRun(store, rows, model, result, ref, config)
