"""The embed stage without Prefect, on one table and one store."""

from pathlib import Path

import pandas as pd
from upath import UPath

from tasks.embed import embed
from vitrina.config.embedding import EmbedConfig
from vitrina.config.run_options import RunOptions
from vitrina.config.text import BY_TITLE, ListingConfig
from vitrina.results import EmbedResult, ModelResult, TableRef
from vitrina.store.artifacts import Store
from vitrina.store.fingerprint import file_fingerprint
from vitrina.store.paths import to_path
from vitrina.store.stage import StageOutcome

CONFIG = EmbedConfig(shard_rows=4, device="cpu")


class Shop:
    """A table in a file, and what embedding it into one store gives."""

    def __init__(self, root: UPath, scratch: Path, model: ModelResult) -> None:
        self.store = Store(root=str(root))
        self.csv = scratch / "processed_data.csv"
        self.model = model
        self.outcome: StageOutcome[EmbedResult] | None = None

    def table(self, listings: pd.DataFrame) -> TableRef:
        """The listings, written to the file."""
        listings.to_csv(self.csv, index=False)
        return TableRef(path=str(self.csv), fingerprint=file_fingerprint(to_path(self.csv)))

    def embed(
        self,
        listings: pd.DataFrame,
        config: EmbedConfig = CONFIG,
        store: Store | None = None,
        *,
        listing: ListingConfig = BY_TITLE,
        reuse_from: str | None = None,
        refresh: bool = False,
    ) -> EmbedResult:
        """The stage's result; ``outcome`` says where it was found."""
        self.outcome = embed.fn(
            self.table(listings),
            self.model,
            store or self.store,
            config,
            RunOptions(refresh=refresh),
            listing,
            reuse_from,
        )
        return self.outcome.result
