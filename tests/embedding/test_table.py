"""Embedding a table: shards, resumption, taking over, and the files that come out."""

import io
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from upath import UPath

from tasks.child_stages import embed_in_deployment
from tasks.embed import embed
from vitrina.config import EmbedConfig, GenerateEmbeddingsConfig, PipelineConfig
from vitrina.embedding.embedder import Embedder
from vitrina.embedding.reuse import COLUMNS, ReuseIndex
from vitrina.embedding.rows import Rows
from vitrina.embedding.shard import embed_rows
from vitrina.embedding.shard_file import read_column, write_shard
from vitrina.embedding.stored import OutputNames, vector_settings
from vitrina.errors import UserError
from vitrina.model.folder import folder_fingerprint
from vitrina.model.model import load_folder
from vitrina.model.tiny import make_tiny
from vitrina.results import EmbedResult, ModelResult
from vitrina.store.artifacts import Store
from vitrina.store.files import read_bytes
from vitrina.store.fingerprint import file_fingerprint
from vitrina.store.paths import to_path

ROWS = 10
CONFIG = EmbedConfig(shard_rows=4, device="cpu")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ModelResult:
    """A tiny ruCLIP folder."""
    folder = tmp_path_factory.mktemp("tiny")
    make_tiny([f"Кружка синяя с котом номер {number}" for number in range(40)], folder)
    return ModelResult(folder=str(folder), fingerprint=folder_fingerprint(UPath(folder)))


@pytest.fixture
def table(tmp_path: Path) -> pd.DataFrame:
    """Ten listings with images of noise and the hashes of these."""
    generator = np.random.default_rng(0)
    listings = []
    for nm in range(ROWS):
        path = tmp_path / f"{nm}.png"
        Image.fromarray(generator.integers(0, 255, (70, 64, 3), dtype=np.uint8)).save(path)
        listings.append(
            {
                "title": f"Кружка номер {nm}",
                "image_path": str(path),
                "nm": 1000 + nm,
                "image_hash": file_fingerprint(to_path(path)),
            }
        )
    return pd.DataFrame(listings)


class Shop:
    """A table in a file, and what embedding it into one store gives."""

    def __init__(self, root: UPath, scratch: Path, model: ModelResult) -> None:
        self.store = Store(root=str(root))
        self.csv = scratch / "processed_data.csv"
        self.model = model

    def embed(
        self,
        table: pd.DataFrame,
        config: EmbedConfig = CONFIG,
        store: Store | None = None,
        **options: Any,
    ) -> EmbedResult:
        table.to_csv(self.csv, index=False)
        fingerprint = file_fingerprint(to_path(self.csv))
        state = embed.fn(
            str(self.csv), fingerprint, self.model, store or self.store, config, **options
        )
        return state if isinstance(state, EmbedResult) else state.data


@pytest.fixture
def shop(tmp_path: Path, model: ModelResult) -> Shop:
    """A shop with a store on this machine."""
    return Shop(to_path(tmp_path / "store"), tmp_path, model)


def arrays(result: EmbedResult) -> dict[str, np.ndarray]:
    with np.load(io.BytesIO(read_bytes(to_path(result.npz)))) as loaded:
        return dict(loaded)


def assert_equal(one: EmbedResult, other: EmbedResult) -> None:
    first, second = arrays(one), arrays(other)
    np.testing.assert_array_equal(first["nm"], second["nm"])
    for name in ("text", "img"):
        np.testing.assert_allclose(first[name], second[name], atol=1e-6)


def test_outputs_hold_every_row_in_order(
    place: UPath, table: pd.DataFrame, tmp_path: Path, model: ModelResult
) -> None:
    """NPZ and Parquet, local or on S3: the embedder's vectors beside the table's ids."""
    result = Shop(place, tmp_path, model).embed(table)
    embedder = Embedder(load_folder(Path(model.folder)), torch.device("cpu"), 32)
    found = arrays(result)
    assert set(found) == {"text", "img", "nm"}
    assert found["text"].dtype == found["img"].dtype == np.float32
    np.testing.assert_array_equal(found["nm"], table["nm"])
    np.testing.assert_allclose(found["text"], embedder.texts(list(table["title"])), atol=1e-6)
    expected = embedder.images(list(table["image_path"]))
    np.testing.assert_allclose(found["img"], expected, atol=1e-6)
    shards = sorted(to_path(result.parquet).iterdir(), key=str)
    numbers = [nm for shard in shards for nm in read_column(shard, "nm")]
    assert numbers == table["nm"].tolist()
    assert (result.rows, result.rows_embedded, result.embed_dim) == (ROWS, ROWS, 64)
    assert len(shards) == 3


def test_parquet_folder_opens_with_pandas(shop: Shop, table: pd.DataFrame) -> None:
    """One data set, whatever the shards."""
    result = shop.embed(table)
    frame = pd.read_parquet(result.parquet)
    np.testing.assert_allclose(np.stack(frame["text"]), arrays(result)["text"])
    assert list(frame["nm"]) == list(table["nm"])


def test_text_ids_stay_text(shop: Shop, table: pd.DataFrame) -> None:
    """Also when only the last shard holds one that is no number."""
    table["nm"] = [*(str(nm) for nm in table["nm"][:-1]), "артикул-9"]
    result = shop.embed(table)
    assert arrays(result)["nm"].tolist() == table["nm"].tolist()
    assert pd.read_parquet(result.parquet)["nm"].tolist() == table["nm"].tolist()


def test_empty_table_gives_empty_outputs(shop: Shop, table: pd.DataFrame) -> None:
    """No rows, no failure."""
    result = shop.embed(table.iloc[:0])
    assert arrays(result)["img"].shape == (0, 64)
    assert arrays(result)["nm"].shape == (0,)
    assert len(pd.read_parquet(result.parquet)) == 0


def test_finished_embedding_is_found_again(shop: Shop, table: pd.DataFrame) -> None:
    """The second run returns the first one's result and opens no image."""
    first = shop.embed(table)
    for path in table["image_path"]:
        Path(path).unlink()
    assert shop.embed(table) == first


def test_deleted_shard_is_made_again(shop: Shop, table: pd.DataFrame) -> None:
    """A hit never points at something that is gone; the other shards stand."""
    first = shop.embed(table)
    before = arrays(first)
    next(to_path(first.parquet).iterdir()).unlink()
    again = shop.embed(table)
    assert again.rows_embedded in (2, 4)
    for name, array in arrays(again).items():
        np.testing.assert_allclose(array, before[name], atol=1e-6)


def test_killed_run_goes_on_with_the_next_shard(
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
    assert_equal(resumed, shop.embed(table, store=Store(root=str(tmp_path / "full"))))


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
    assert_equal(result, full)


def test_older_embedding_is_taken_over_when_the_latest_is_of_another_kind(
    shop: Shop, table: pd.DataFrame
) -> None:
    """The latest with the same settings counts, not the latest at all."""
    shop.embed(table)
    other = shop.embed(table, CONFIG.model_copy(update={"templates": "single"}))
    assert other.rows_embedded == ROWS
    assert shop.embed(table.iloc[1:]).rows_embedded == 0


def test_another_model_takes_nothing_over(shop: Shop, table: pd.DataFrame, tmp_path: Path) -> None:
    """Vectors of other weights are other vectors."""
    shop.embed(table)
    make_tiny(table["title"].tolist() * 4, tmp_path / "other", seed=1)
    fingerprint = folder_fingerprint(UPath(tmp_path / "other"))
    shop.model = ModelResult(folder=str(tmp_path / "other"), fingerprint=fingerprint)
    assert shop.embed(table).rows_embedded == ROWS


def test_how_the_work_is_done_is_not_in_the_key() -> None:
    """Batch, shard and device change no vector; templates and precision do."""
    same = CONFIG.model_copy(update={"batch_size": 7, "shard_rows": 3, "device": "auto"})
    other = CONFIG.model_copy(update={"precision": "int8"})
    assert vector_settings("weights", CONFIG) == vector_settings("weights", same)
    assert vector_settings("weights", CONFIG) != vector_settings("weights", other)
    assert vector_settings("weights", CONFIG) != vector_settings("others", CONFIG)


def test_refresh_computes_everything(shop: Shop, table: pd.DataFrame) -> None:
    """Nothing is found, resumed or taken over."""
    shop.embed(table)
    assert shop.embed(table, refresh=True).rows_embedded == ROWS


def test_ids_of_a_csv_are_numbers_only_if_none_is_lost(shop: Shop, table: pd.DataFrame) -> None:
    """``007`` is not 7: with one such id all of them stay texts."""
    plain = table.drop(columns=["image_hash"])
    assert arrays(shop.embed(plain))["nm"].dtype == np.int64
    plain["nm"] = ["007", *plain["nm"].astype(str)[1:]]
    assert arrays(shop.embed(plain))["nm"].tolist() == plain["nm"].tolist()


def test_image_without_hash_is_known_by_its_content(shop: Shop, table: pd.DataFrame) -> None:
    """A CSV of another tool: an equal file is taken over, a repainted one is not."""
    plain = table.drop(columns=["image_hash", "nm"])
    first = shop.embed(plain)
    assert arrays(first)["nm"].tolist() == list(range(ROWS))
    Image.new("RGB", (64, 70), "red").save(table["image_path"][2])
    result = shop.embed(plain.iloc[1:])
    assert result.rows_embedded == 1


def test_embeddings_elsewhere_are_taken_over_when_named(
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


def test_a_child_run_is_told_of_the_embeddings_before(
    shop: Shop, table: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On another pool too only the new row is computed, into the artifact that the parent finds."""
    shop.embed(table[:9])
    table.to_csv(shop.csv, index=False)
    settings = PipelineConfig(
        catalog="demo", images="demo", embedding_deployment="generate-embeddings/gpu"
    )

    sent: list[str] = []

    def child(_deployment: str, config: GenerateEmbeddingsConfig) -> None:
        output = to_path(config.output_path).parent
        store = Store(root=str(output), keyed=False, manifest_name="embeddings.manifest.json")
        shop.embed(table, config.part(EmbedConfig), store=store, reuse_from=config.reuse_from)
        sent.append(config.model)

    monkeypatch.setattr("tasks.child_stages.run_remotely", child)
    embed_there = embed_in_deployment(settings)
    result = embed_there.fn(str(shop.csv), "table", shop.model, shop.store, CONFIG)
    assert (result.rows, result.rows_embedded) == (ROWS, 1)
    assert arrays(result)["nm"].tolist() == table["nm"].tolist()
    assert sent == [settings.model]  # not where this machine has it


def test_script_names_its_outputs_after_the_path(
    shop: Shop, table: pd.DataFrame, tmp_path: Path
) -> None:
    """X.npz, X.parquet/ and X.manifest.json, beside other things, and taken over in place."""
    folder = tmp_path / "out"
    store = Store(root=str(folder), keyed=False, manifest_name="x.manifest.json")
    assert OutputNames.of(store) == OutputNames("x.npz", "x.parquet")
    shop.embed(table, store=store)
    result = shop.embed(table.iloc[1:], store=store)
    assert {path.name for path in folder.iterdir()} == {"x.npz", "x.parquet", "x.manifest.json"}
    assert result.rows_embedded == 0
    assert arrays(result)["nm"].tolist() == table["nm"][1:].tolist()
    assert pd.read_parquet(folder / "x.parquet")["nm"].tolist() == table["nm"][1:].tolist()


def test_file_where_the_shards_should_go_is_named(
    shop: Shop, table: pd.DataFrame, tmp_path: Path
) -> None:
    """A table of the same name is not replaced by a folder."""
    (tmp_path / "x.parquet").write_bytes(b"somebody's")
    store = Store(root=str(tmp_path), keyed=False, manifest_name="x.manifest.json")
    with pytest.raises(UserError, match=r"x\.parquet is a file"):
        shop.embed(table, store=store)
    assert (tmp_path / "x.parquet").read_bytes() == b"somebody's"


def test_what_no_embedding_wrote_is_left_alone(
    shop: Shop, table: pd.DataFrame, tmp_path: Path
) -> None:
    """A data set of the same name beside the NPZ is refused, not emptied."""
    somebodys = tmp_path / "x.parquet" / "year=2025" / "part-0.parquet"
    somebodys.parent.mkdir(parents=True)
    somebodys.write_bytes(b"rows")
    store = Store(root=str(tmp_path), keyed=False, manifest_name="x.manifest.json")
    with pytest.raises(UserError, match=r"x\.parquet holds year=2025/part-0\.parquet"):
        shop.embed(table, store=store)
    assert somebodys.read_bytes() == b"rows"


def test_a_row_without_a_image_is_named(shop: Shop, table: pd.DataFrame) -> None:
    """An empty path would be the working directory."""
    table.loc[3, "image_path"] = ""
    with pytest.raises(UserError, match=r"processed_data\.csv names no image in row 3"):
        shop.embed(table)


@pytest.mark.parametrize("hashed", [True, False])
def test_unreadable_image_is_named_with_its_table(
    hashed: bool, shop: Shop, table: pd.DataFrame
) -> None:
    """Which file, where it stands, and what to do; no finished artifact is left."""
    Path(table["image_path"][6]).unlink()
    with pytest.raises(UserError, match=r"6\.png.*processed_data\.csv.*data_preprocessing"):
        shop.embed(table if hashed else table.drop(columns="image_hash"))
    assert shop.store.latest("embed") is None


def test_wrong_key_behind_an_equal_hash_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """64 bits may collide in a large catalogue; the whole key decides."""
    monkeypatch.setattr(
        "vitrina.embedding.reuse._hashes", lambda keys: np.zeros(len(keys), np.uint64)
    )
    rows = Rows([1], ["a"], ["a.jpg"], ["text of a"], ["image of a"])
    shard = UPath(tmp_path / "part.parquet")
    write_shard(shard, rows, np.ones((1, 4), np.float32), np.ones((1, 4), np.float32))
    vectors, known = ReuseIndex.of([shard], "text").take(["text of b", "text of a"], 4)
    assert known.tolist() == [False, True]
    assert vectors.tolist() == [[0] * 4, [1] * 4]


class Echo:
    """Stands in for the embedder where only the bookkeeping is at stake: fast and exact."""

    class model:  # noqa: N801 - stands for an attribute
        embed_dim = 2

    def __init__(self) -> None:
        self.computed: list[str] = []

    def texts(self, texts: Sequence[str]) -> np.ndarray:
        self.computed += texts
        return np.array([[len(text), ord(text[0])] for text in texts], np.float32)

    images = texts


def rows_of(letters: str) -> Rows:
    items = list(letters)
    return Rows(range(len(items)), items, [item * 2 for item in items], items, items)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    before=st.lists(st.text("abcdefgh", min_size=1, max_size=5), max_size=4),
    after=st.text("abcdefgh", min_size=1, max_size=9),
)
def test_taking_over_equals_computing(tmp_path: Path, before: list[str], after: str) -> None:
    """Whatever stood in which shard: equal vectors, and each new key is computed once."""
    shutil.rmtree(tmp_path / "shards", ignore_errors=True)
    shards = []
    for number, letters in enumerate(before):
        rows, echo = rows_of(letters), Echo()
        shard = UPath(tmp_path / "shards" / f"{number}.parquet")
        write_shard(shard, rows, echo.texts(rows.titles), echo.images(rows.paths))
        shards.append(shard)
    echo = Echo()
    known = {column: ReuseIndex.of(shards, column) for column in COLUMNS}
    text, img, fresh = embed_rows(rows_of(after), echo, known)  # type: ignore[arg-type]  # Echo
    np.testing.assert_array_equal(text, Echo().texts(list(after)))
    np.testing.assert_array_equal(img, Echo().images([letter * 2 for letter in after]))
    new = set(after) - set("".join(before))
    assert sorted(echo.computed) == sorted([*new, *(letter * 2 for letter in new)])
    assert fresh == sum(letter in new for letter in after)
