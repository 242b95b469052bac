"""Stages that run as deployments of their own; the child run is replaced by its stage."""

from pathlib import Path

import pandas as pd
import pytest

from tasks.child_stages import embed_in_deployment, published
from tests.support.embed_stage import CONFIG, Shop
from tests.support.embedding import ROWS, arrays, mug_model, noise_listings
from vitrina.config.embedding import EmbedConfig
from vitrina.config.pipeline import PipelineConfig
from vitrina.config.run_options import RunOptions
from vitrina.config.scripts import GenerateEmbeddingsConfig
from vitrina.model.folder import missing_files
from vitrina.results import EmbedResult
from vitrina.store.artifacts import Artifact, Store
from vitrina.store.paths import to_path

PIPELINE = PipelineConfig(
    catalog="demo", images="demo", embedding_deployment="generate-embeddings/gpu"
)


@pytest.fixture
def table(tmp_path: Path) -> pd.DataFrame:
    """Ten listings with images of noise and the hashes of these."""
    return noise_listings(tmp_path)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """A shop with a store on this machine."""
    return Shop(to_path(tmp_path / "store"), tmp_path, mug_model(tmp_path / "tiny"))


@pytest.fixture
def sent(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> list[GenerateEmbeddingsConfig]:
    """The parameters of each child run, which this process carries out."""
    runs: list[GenerateEmbeddingsConfig] = []

    def child(deployment: str, config: GenerateEmbeddingsConfig) -> None:
        assert deployment == PIPELINE.embedding_deployment
        runs.append(config)
        output = to_path(config.output_path).parent
        store = Store(root=str(output), keyed=False, manifest_name="embeddings.manifest.json")
        listings = pd.read_csv(config.processed_data_csv)
        shop.embed(listings, config.part(EmbedConfig), store, reuse_from=config.reuse_from)

    monkeypatch.setattr("tasks.child_stages.run_in_deployment", child)
    return runs


def test_a_child_run_is_told_of_the_embeddings_before(
    shop: Shop, table: pd.DataFrame, sent: list[GenerateEmbeddingsConfig]
) -> None:
    """On another pool too only the new row is computed, into the artifact that the parent finds."""
    embed_there = embed_in_deployment(PIPELINE)
    first = embed_there.fn(shop.table(table[:9]), shop.model, shop.store, CONFIG, RunOptions())
    assert first.result.rows_embedded == 9
    listings = shop.table(table)
    result = embed_there.fn(listings, shop.model, shop.store, CONFIG, RunOptions()).result
    assert (result.rows, result.rows_embedded) == (ROWS, 1)
    assert arrays(result)["nm"].tolist() == table["nm"].tolist()
    assert [run.model for run in sent] == [PIPELINE.model] * 2  # not where this machine has it
    again = embed_there.fn(listings, shop.model, shop.store, CONFIG, RunOptions())
    assert again.found_in
    assert again.result == result
    assert len(sent) == 2
    kept = shop.store.path / "models" / shop.model.fingerprint
    assert not missing_files(kept)  # the worker's own copy may be in its cache


def test_vectors_of_this_machine_are_not_those_of_a_deployment(
    shop: Shop, table: pd.DataFrame, sent: list[GenerateEmbeddingsConfig]
) -> None:
    """Its hardware is not known here, so nothing of this process is reused there."""
    shop.embed(table)
    embed_there = embed_in_deployment(PIPELINE)
    outcome = embed_there.fn(shop.table(table), shop.model, shop.store, CONFIG, RunOptions())
    assert (outcome.found_in, outcome.result.rows_embedded) == ("", ROWS)
    assert sent[0].reuse_from is None


def test_a_child_that_writes_elsewhere_is_noticed(tmp_path: Path) -> None:
    """Two machines that both call another disk by the same path."""
    with pytest.raises(FileNotFoundError, match="both workers can read"):
        published(Artifact(to_path(tmp_path / "absent")), EmbedResult)
