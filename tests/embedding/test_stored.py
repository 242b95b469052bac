"""Finished embeddings in a store: which ones can be reused."""

from pathlib import Path

import pytest

from vitrina.config.embedding import EmbedConfig
from vitrina.embedding.stored import (
    STAGE,
    Embedding,
    OutputNames,
    latest_embedding,
    named_embedding,
    vector_settings,
)
from vitrina.errors import UserError
from vitrina.model import hardware
from vitrina.store.artifacts import Store
from vitrina.store.files import write_bytes

CONFIG = EmbedConfig(shard_rows=4, device="cpu")


def publish(store: Store, key: str, settings: str) -> None:
    """An embedding of one empty shard, as the stage publishes it."""
    artifact, names = store.artifact(STAGE, key), OutputNames.of(store)
    files = [names.npz, f"{names.shards}/part-00000.parquet"]
    for name in files:
        write_bytes(artifact.path / name, b"")
    artifact.publish(STAGE, key, files, parameters={"settings": settings}, result={})


def test_how_the_work_is_done_is_not_in_the_key() -> None:
    """Batch, shard and device change no vector; templates and precision do."""
    same = CONFIG.model_copy(update={"batch_size": 7, "shard_rows": 3, "device": "auto"})
    other = CONFIG.model_copy(update={"precision": "int8"})
    assert vector_settings("weights", CONFIG) == vector_settings("weights", same)
    assert vector_settings("weights", CONFIG) != vector_settings("weights", other)
    assert vector_settings("weights", CONFIG) != vector_settings("others", CONFIG)


def test_vectors_of_other_arithmetic_have_other_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """So they are never reused for each other; auto shares those of what it comes to."""
    settings = {
        arithmetic: vector_settings("weights", CONFIG, arithmetic)
        for arithmetic in ("cpu float32", "cpu int8", "cuda float32", "cuda bfloat16", "cuda auto")
    }
    assert len(set(settings.values())) == len(settings)
    monkeypatch.setattr(hardware, "has_gpu", lambda: True)
    monkeypatch.setattr(hardware, "has_native_bfloat16", lambda: False)
    assert vector_settings("weights", EmbedConfig()) == settings["cuda float32"]
    monkeypatch.setattr(hardware, "has_gpu", lambda: False)
    assert vector_settings("weights", EmbedConfig()) == settings["cpu float32"]
    on_workers = vector_settings("weights", EmbedConfig(device="cuda"))
    assert on_workers not in settings.values()


def test_names_follow_the_manifest() -> None:
    """A keyed store has a folder for each embedding; a script names its files itself."""
    assert OutputNames.of(Store(root="out")) == OutputNames("embeddings.npz", "embeddings.parquet")
    own = Store(root="out", keyed=False, manifest_name="x.manifest.json")
    assert OutputNames.of(own) == OutputNames("x.npz", "x.parquet")


def test_the_latest_with_equal_settings_counts(tmp_path: Path) -> None:
    """Not the latest of all; its shards are the Parquet files of its manifest."""
    store = Store(root=str(tmp_path))
    for key, settings in (("a", "ours"), ("b", "ours"), ("c", "others")):
        publish(store, key, settings)
    store.point_latest(STAGE, "c")
    found = latest_embedding(store, "ours")
    assert isinstance(found, Embedding)
    assert found.manifest.key == "b"
    shards = [found.artifact.path / "embeddings.parquet/part-00000.parquet"]
    assert found.shards == shards
    assert latest_embedding(store, "nobody's") is None
    shards[0].unlink()  # an embedding that is no longer complete does not count
    found = latest_embedding(store, "ours")
    assert found is not None
    assert found.manifest.key == "a"


def test_a_script_finds_its_own_earlier_embedding(tmp_path: Path) -> None:
    """In a store that is one artifact, whatever the key."""
    store = Store(root=str(tmp_path), keyed=False, manifest_name="x.manifest.json")
    assert latest_embedding(store, "ours") is None
    publish(store, "key", "ours")
    found = latest_embedding(store, "ours")
    assert found is not None
    assert [shard.parent.name for shard in found.shards] == ["x.parquet"]


def test_a_named_embedding_must_have_equal_settings(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Others are not reused, which a warning says; what is no manifest is refused."""
    store = Store(root=str(tmp_path))
    publish(store, "a", "ours")
    manifest = store.artifact(STAGE, "a").manifest_path
    found = named_embedding(manifest, "ours")
    assert found is not None
    assert found.manifest.key == "a"
    assert named_embedding(manifest, "others") is None
    assert "nothing is reused" in caplog.text
    with pytest.raises(UserError, match="no manifest of finished embeddings"):
        named_embedding(manifest.parent / "embeddings.npz", "ours")
