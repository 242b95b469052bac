"""The embed stage: finished embeddings are found, killed ones resumed, vectors reused."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from upath import UPath

from tests.support.embed_stage import CONFIG, Shop
from tests.support.embedding import ROWS, arrays, assert_same_vectors, mug_model, noise_listings
from vitrina.config.text import EmbeddedListingConfig, ListingConfig
from vitrina.embedding.npz_reader import checksums
from vitrina.embedding.shard_file import read_origin, write_shard
from vitrina.embedding.stored import OutputNames
from vitrina.errors import UserError
from vitrina.model.folder import folder_fingerprint
from vitrina.model.tokenize import TEMPLATES
from vitrina.results import ModelResult, VectorOrigin
from vitrina.store.artifacts import Store
from vitrina.store.fingerprint import file_fingerprint
from vitrina.store.paths import to_path

OWN = EmbeddedListingConfig()  # the text that the model was trained with


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ModelResult:
    """A tiny ruCLIP folder."""
    return mug_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def table(tmp_path: Path) -> pd.DataFrame:
    """Ten listings with images of noise and the hashes of these."""
    return noise_listings(tmp_path)


@pytest.fixture
def shop(tmp_path: Path, model: ModelResult) -> Shop:
    """A shop with a store on this machine."""
    return Shop(to_path(tmp_path / "store"), tmp_path, model)


def test_finished_embedding_is_found_again(shop: Shop, table: pd.DataFrame) -> None:
    """The second run returns the first one's result and opens no image."""
    first = shop.embed(table)
    for path in table["image_path"]:
        Path(path).unlink()
    assert shop.embed(table) == first
    assert shop.outcome is not None
    assert shop.outcome.found_in == str(to_path(first.parquet).parent)


def test_what_made_the_vectors_is_recorded(shop: Shop, table: pd.DataFrame, tmp_path: Path) -> None:
    """In the result, in each shard's metadata, and the model itself in the store."""
    result = shop.embed(table)
    kept = shop.store.path / "models" / shop.model.fingerprint
    assert result.origin == VectorOrigin(
        model=shop.model.fingerprint,
        model_folder=str(kept),
        templates=TEMPLATES,
        text="{title}",
        arithmetic="cpu float32",
    )
    assert result.table == str(shop.csv)
    assert folder_fingerprint(kept) == shop.model.fingerprint
    assert {read_origin(shard) for shard in to_path(result.parquet).iterdir()} == {result.origin}
    assert result.checksums == checksums(Path(result.npz))
    script = Store(root=str(tmp_path / "out"), keyed=False, manifest_name="x.manifest.json")
    assert shop.embed(table, store=script).origin.model_folder == shop.model.folder
    assert not (tmp_path / "out" / "models").exists()


def test_a_model_that_was_removed_is_kept_again(shop: Shop, table: pd.DataFrame) -> None:
    """Also when the vectors are found in the store."""
    shop.embed(table)
    kept = shop.store.path / "models" / shop.model.fingerprint
    shutil.rmtree(kept.path)
    shop.embed(table)
    assert shop.outcome is not None
    assert shop.outcome.found_in
    assert folder_fingerprint(kept) == shop.model.fingerprint


def test_deleted_shard_is_made_again(shop: Shop, table: pd.DataFrame) -> None:
    """A stored result never points at files that are gone; the other shards are kept."""
    first = shop.embed(table)
    before = arrays(first)
    next(to_path(first.parquet).iterdir()).unlink()
    again = shop.embed(table)
    assert again.rows_embedded in (2, 4)
    for name, array in arrays(again).items():
        np.testing.assert_allclose(array, before[name], atol=1e-6)


def test_killed_run_resumes_with_the_next_shard(
    shop: Shop, table: pd.DataFrame, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What was written before the kill is not computed again, and the outputs are a full run's."""
    written = []

    def die_at_the_second(path: UPath, *content: Any) -> None:
        if written:
            raise KeyboardInterrupt
        written.append(path)
        write_shard(path, *content)

    with monkeypatch.context() as patch:
        patch.setattr("vitrina.embedding.shard.write_shard", die_at_the_second)
        with pytest.raises(KeyboardInterrupt):
            shop.embed(table)
    assert shop.store.latest("embed") is None
    resumed = shop.embed(table)
    assert resumed.rows_embedded == ROWS - CONFIG.shard_rows
    assert_same_vectors(resumed, shop.embed(table, store=Store(root=str(tmp_path / "full"))))


def test_only_what_changed_is_computed(shop: Shop, table: pd.DataFrame, tmp_path: Path) -> None:
    """A row new, one changed in its title, one in its image, one removed; order mixed."""
    shop.embed(table)
    new = table.iloc[[0]].assign(nm=1, title="Кружка новая")
    changed = pd.concat([new, table.drop(index=5)], ignore_index=True)
    changed.loc[changed["nm"] == 1003, "title"] = "Кружка другая"
    repainted = Path(changed.loc[changed["nm"] == 1007, "image_path"].item())
    Image.new("RGB", (64, 70), "red").save(repainted)
    changed.loc[changed["nm"] == 1007, "image_hash"] = file_fingerprint(to_path(repainted))
    changed = changed.iloc[::-1].reset_index(drop=True)
    full = shop.embed(changed, store=Store(root=str(tmp_path / "full")))
    for path in set(changed["image_path"]) - {str(repainted)}:
        Path(path).unlink()  # unchanged images are not even opened
    result = shop.embed(changed)
    assert result.rows == ROWS
    assert result.rows_embedded == 3
    assert_same_vectors(result, full)


def test_older_embedding_is_reused_when_the_latest_has_other_settings(
    shop: Shop, table: pd.DataFrame
) -> None:
    """The latest with the same settings counts, not the latest of all."""
    shop.embed(table)
    other = shop.embed(table, CONFIG.model_copy(update={"templates": "single"}))
    assert other.rows_embedded == ROWS
    assert shop.embed(table.iloc[1:]).rows_embedded == 0


def test_another_model_reuses_nothing(shop: Shop, table: pd.DataFrame, tmp_path: Path) -> None:
    """Vectors of other weights are other vectors."""
    shop.embed(table)
    shop.model = mug_model(tmp_path / "other", seed=1)
    assert shop.embed(table).rows_embedded == ROWS


def test_refresh_computes_everything(shop: Shop, table: pd.DataFrame) -> None:
    """Nothing is found, resumed or reused."""
    shop.embed(table)
    assert shop.embed(table, refresh=True).rows_embedded == ROWS


def test_image_without_hash_is_known_by_its_content(shop: Shop, table: pd.DataFrame) -> None:
    """A CSV of another tool: an equal file is reused, a repainted one is not."""
    plain = table.drop(columns=["image_hash", "nm"])
    first = shop.embed(plain)
    assert arrays(first)["nm"].tolist() == list(range(ROWS))
    Image.new("RGB", (64, 70), "red").save(table["image_path"][2])
    result = shop.embed(plain.iloc[1:])
    assert result.rows_embedded == 1


def test_embeddings_elsewhere_are_reused_when_named(
    shop: Shop, table: pd.DataFrame, tmp_path: Path
) -> None:
    """By their manifest; those of other settings are not, and what is no manifest is refused."""
    shop.embed(table)
    done = shop.store.latest("embed")
    assert done is not None
    elsewhere = Store(root=str(tmp_path / "elsewhere"))
    earlier = str(done.manifest_path)
    assert shop.embed(table[:8], store=elsewhere, reuse_from=earlier).rows_embedded == 0
    int8 = CONFIG.model_copy(update={"precision": "int8"})
    assert shop.embed(table, int8, store=elsewhere, reuse_from=earlier).rows_embedded == ROWS
    with pytest.raises(UserError, match="no manifest of finished embeddings"):
        shop.embed(table[:5], store=elsewhere, reuse_from=str(shop.csv))


def test_script_names_its_outputs_after_the_path(
    shop: Shop, table: pd.DataFrame, tmp_path: Path
) -> None:
    """X.npz, X.parquet/ and X.manifest.json, beside other files, and reused in place."""
    folder = tmp_path / "out"
    store = Store(root=str(folder), keyed=False, manifest_name="x.manifest.json")
    assert OutputNames.of(store) == OutputNames("x.npz", "x.parquet")
    shop.embed(table, store=store)
    result = shop.embed(table.iloc[1:], store=store)
    assert {path.name for path in folder.iterdir()} == {"x.npz", "x.parquet", "x.manifest.json"}
    assert result.rows_embedded == 0
    assert arrays(result)["nm"].tolist() == table["nm"][1:].tolist()
    assert pd.read_parquet(folder / "x.parquet")["nm"].tolist() == table["nm"][1:].tolist()


@pytest.mark.parametrize("hashed", [True, False])
def test_unreadable_image_is_named_with_its_table(
    hashed: bool, shop: Shop, table: pd.DataFrame
) -> None:
    """Which file, which table lists it, and what to do; no finished artifact is left."""
    Path(table["image_path"][6]).unlink()
    with pytest.raises(UserError, match=r"6\.png.*processed_data\.csv.*data_preprocessing"):
        shop.embed(table if hashed else table.drop(columns="image_hash"))
    assert shop.store.latest("embed") is None


def test_vectors_of_another_precision_are_not_reused(shop: Shop, table: pd.DataFrame) -> None:
    """auto and the precision that it comes to are the same embedding; another is not."""
    shop.embed(table)
    float32 = CONFIG.model_copy(update={"precision": "float32"})
    assert shop.embed(table, float32) is not None
    assert shop.outcome is not None
    assert shop.outcome.found_in
    bfloat16 = CONFIG.model_copy(update={"precision": "bfloat16"})
    assert shop.embed(table.iloc[:4], bfloat16).rows_embedded == 4


def test_a_listings_text_is_what_the_model_was_trained_with(
    shop: Shop, table: pd.DataFrame, tmp_path: Path
) -> None:
    """Unless another is given; the vectors name the one that made them, and so do the shards."""
    folder = tmp_path / "branded"
    shutil.copytree(shop.model.folder, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"text": "{title}. {brend}"}))
    branded = Shop(
        shop.store.path, tmp_path, ModelResult(folder=str(folder), fingerprint="branded")
    )
    rows = table.assign(brend=["Кот", ""] * 5)
    own, titles = (branded.embed(rows, listing=one) for one in (OWN, ListingConfig()))
    assert own.origin.text == "{title}. {brend}"
    assert titles.origin.text == "{title}"
    assert {read_origin(shard) for shard in to_path(own.parquet).iterdir()} == {own.origin}
    with_brand = np.abs(arrays(own)["text"] - arrays(titles)["text"]).max(axis=1) > 1e-4
    assert with_brand.tolist() == [True, False] * 5
    written = rows.assign(title=[f"{title}. Кот" for title in rows["title"]])
    expected = branded.embed(written, listing=ListingConfig())
    np.testing.assert_allclose(arrays(own)["text"][::2], arrays(expected)["text"][::2], atol=1e-6)


def test_only_texts_that_changed_are_embedded_again(shop: Shop, table: pd.DataFrame) -> None:
    """Neither a column that the text lacks nor a template that gives equal texts costs anything."""
    rows = table.assign(brend="Кот", price=5)
    shop.embed(rows, listing=ListingConfig(text="{title}. {brend}"))
    again = shop.embed(rows.assign(price=7), listing=ListingConfig(text="{title}. {brend}"))
    assert shop.outcome is not None
    assert not shop.outcome.found_in  # another table, with nothing to compute
    assert again.rows_embedded == 0
    rows.loc[3, "brend"] = "Пёс"
    assert shop.embed(rows, listing=ListingConfig(text="{title}. {brend}")).rows_embedded == 1
    equal = shop.embed(rows, listing=ListingConfig(text="{title}[. {brend}]"))
    assert equal.rows_embedded == 0
    assert equal.origin.text == "{title}[. {brend}]"


def test_a_missing_column_of_the_text_is_named(shop: Shop, table: pd.DataFrame) -> None:
    """With the table, before anything is computed."""
    with pytest.raises(UserError, match=r"processed_data\.csv has no column 'titel'.*'title'\?"):
        shop.embed(table, listing=ListingConfig(text="{titel}"))
