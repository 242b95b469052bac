"""Embedding a whole table: shards, resumption and the files that come out."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from upath import UPath

from tests.support.embedding import ROWS, arrays, assert_same_vectors, mug_model, noise_listings
from vitrina.embedding.embedder import Embedder
from vitrina.embedding.precision import Precision
from vitrina.embedding.shard import EmbedShards, embed_shard
from vitrina.embedding.shard_file import read_column
from vitrina.embedding.stored import OutputNames
from vitrina.embedding.table import EmbedRequest, embed_table
from vitrina.errors import UserError
from vitrina.model.model import RuCLIP, load_folder
from vitrina.results import EmbedResult
from vitrina.store.paths import to_path

NAMES = OutputNames("x.npz", "x.parquet")


@pytest.fixture(scope="module")
def mugs(tmp_path_factory: pytest.TempPathFactory) -> RuCLIP:
    """A tiny ruCLIP that knows the listings' titles."""
    return load_folder(Path(mug_model(tmp_path_factory.mktemp("tiny")).folder))


@pytest.fixture
def table(tmp_path: Path) -> pd.DataFrame:
    """Ten listings with images of noise and the hashes of these."""
    return noise_listings(tmp_path)


class Run:
    """Embeds tables with one model into one folder, four rows a shard."""

    def __init__(self, model: RuCLIP, folder: UPath, scratch: Path) -> None:
        self.model, self.folder, self.csv = model, folder, scratch / "processed_data.csv"
        self.progress: list[tuple[int, int]] = []
        self.files: list[str] = []

    def embedder(self, precision: Precision = "auto") -> Embedder:
        return Embedder(self.model, torch.device("cpu"), 32, "single", precision)

    def embed(
        self, table: pd.DataFrame, embed_shards: EmbedShards | None = None, **options: Any
    ) -> EmbedResult:
        table.to_csv(self.csv, index=False)
        request = EmbedRequest(
            to_path(self.csv), self.folder, NAMES, "settings", shard_rows=4, **options
        )
        work = embed_shards or partial(map, partial(embed_shard, self.embedder()))
        result, self.files = embed_table(
            request, work, lambda done, total: self.progress.append((done, total))
        )
        return result

    @property
    def shards(self) -> list[UPath]:
        return sorted((self.folder / NAMES.shards).iterdir(), key=str)


@pytest.fixture
def run(mugs: RuCLIP, tmp_path: Path) -> Run:
    """A run into a folder on this machine."""
    return Run(mugs, to_path(tmp_path / "out"), tmp_path)


def test_outputs_hold_every_row_in_order(
    place: UPath, table: pd.DataFrame, tmp_path: Path, mugs: RuCLIP
) -> None:
    """NPZ and Parquet, local or on S3: the embedder's vectors beside the table's ids."""
    run = Run(mugs, place, tmp_path)
    result, embedder = run.embed(table), run.embedder()
    found = arrays(result)
    assert set(found) == {"text", "img", "nm"}
    assert found["text"].dtype == found["img"].dtype == np.float32
    np.testing.assert_array_equal(found["nm"], table["nm"])
    np.testing.assert_allclose(found["text"], embedder.texts(list(table["title"])), atol=1e-6)
    expected = embedder.images(list(table["image_path"]))
    np.testing.assert_allclose(found["img"], expected, atol=1e-6)
    assert result.parquet == str(place / NAMES.shards)
    assert [nm for shard in run.shards for nm in read_column(shard, "nm")] == table["nm"].tolist()
    assert (result.rows, result.rows_embedded, result.embed_dim) == (ROWS, ROWS, 64)
    assert len(run.shards) == 3
    assert run.files == ["x.npz", *(f"x.parquet/{shard.name}" for shard in run.shards)]
    assert run.progress == [(4, ROWS), (8, ROWS), (10, ROWS)]


def test_parquet_folder_opens_with_pandas(run: Run, table: pd.DataFrame) -> None:
    """The shards together are one dataset."""
    result = run.embed(table)
    frame = pd.read_parquet(result.parquet)
    np.testing.assert_allclose(np.stack(frame["text"]), arrays(result)["text"])
    assert list(frame["nm"]) == list(table["nm"])


def test_text_ids_stay_text(run: Run, table: pd.DataFrame) -> None:
    """Also when only the last shard holds one that is no number."""
    table["nm"] = [*(str(nm) for nm in table["nm"][:-1]), "артикул-9"]
    result = run.embed(table)
    assert arrays(result)["nm"].tolist() == table["nm"].tolist()
    assert pd.read_parquet(result.parquet)["nm"].tolist() == table["nm"].tolist()


def test_empty_table_gives_empty_outputs(run: Run, table: pd.DataFrame) -> None:
    """A table without rows is no error."""
    result = run.embed(table.iloc[:0])
    assert arrays(result)["img"].shape == (0, 64)
    assert arrays(result)["nm"].shape == (0,)
    assert len(pd.read_parquet(result.parquet)) == 0


def test_ids_of_a_csv_are_numbers_only_if_none_is_lost(run: Run, table: pd.DataFrame) -> None:
    """``007`` is not 7: with one such id all of them stay texts."""
    plain = table.drop(columns=["image_hash"])
    assert arrays(run.embed(plain))["nm"].dtype == np.int64
    plain["nm"] = ["007", *plain["nm"].astype(str)[1:]]
    assert arrays(run.embed(plain))["nm"].tolist() == plain["nm"].tolist()


def test_file_where_the_shards_should_go_is_named(
    run: Run, table: pd.DataFrame, tmp_path: Path
) -> None:
    """A table of the same name is not replaced by a folder."""
    file = tmp_path / "out" / "x.parquet"
    file.parent.mkdir()
    file.write_bytes(b"somebody's")
    with pytest.raises(UserError, match=r"x\.parquet is a file"):
        run.embed(table)
    assert file.read_bytes() == b"somebody's"


def test_what_no_embedding_wrote_is_left_alone(
    run: Run, table: pd.DataFrame, tmp_path: Path
) -> None:
    """A data set of the same name beside the NPZ is refused, not emptied."""
    somebodys = tmp_path / "out" / "x.parquet" / "year=2025" / "part-0.parquet"
    somebodys.parent.mkdir(parents=True)
    somebodys.write_bytes(b"rows")
    with pytest.raises(UserError, match=r"x\.parquet holds year=2025/part-0\.parquet"):
        run.embed(table)
    assert somebodys.read_bytes() == b"rows"


def test_a_row_without_an_image_is_named(run: Run, table: pd.DataFrame) -> None:
    """An empty path would be the working directory."""
    table.loc[3, "image_path"] = ""
    with pytest.raises(UserError, match=r"processed_data\.csv names no image in row 3"):
        run.embed(table)


def test_finished_shards_are_not_computed_again(run: Run, table: pd.DataFrame) -> None:
    """What was written before a kill stays; only the rest is embedded, unless all is asked for."""
    first = run.embed(table)
    run.shards[1].unlink()
    again = run.embed(table)
    assert (first.rows_embedded, again.rows_embedded) == (ROWS, 4)
    assert_same_vectors(first, again)
    assert run.embed(table, refresh=True).rows_embedded == ROWS


def test_shards_of_other_rows_are_removed(run: Run, table: pd.DataFrame) -> None:
    """So are a killed writer's temporary files; the folder is one dataset again."""
    run.embed(table)
    left = run.folder / NAMES.shards / ".part-00000.parquet.0123abcd.part"
    left.write_bytes(b"PAR1")
    result = run.embed(table.iloc[2:6])
    assert [read_column(shard, "nm") for shard in run.shards] == [table["nm"][2:6].tolist()]
    assert pd.read_parquet(result.parquet)["nm"].tolist() == table["nm"][2:6].tolist()


def test_vectors_are_reused_from_given_shards(
    run: Run, table: pd.DataFrame, mugs: RuCLIP, tmp_path: Path
) -> None:
    """Of ten listings one title is new, so one row is computed."""
    run.embed(table)
    table.loc[3, "title"] = "Кружка другая"
    other = Run(mugs, to_path(tmp_path / "other"), tmp_path)
    reused = other.embed(table, reuse_from=run.shards)
    assert reused.rows_embedded == 1
    assert_same_vectors(reused, Run(mugs, to_path(tmp_path / "full"), tmp_path).embed(table))


def mixed(run: Run) -> EmbedShards:
    """A cluster of two kinds of workers, which compute the shards in turn."""
    workers = [run.embedder("float32"), run.embedder("bfloat16")]

    def embed_shards(shards):  # type: ignore[no-untyped-def]  # an EmbedShards
        for number, shard in enumerate(shards):
            yield embed_shard(workers[number % 2], shard)

    return embed_shards


def test_shards_of_different_arithmetic_are_refused_by_name(run: Run, table: pd.DataFrame) -> None:
    """Their vectors cannot be compared, so no NPZ joins them; --refresh makes them anew."""
    message = (
        r"part-0000\d-\w+\.parquet in cpu float32, part-00001-\w+\.parquet in cpu bfloat16.*"
        "embed.precision.*--refresh"
    )
    with pytest.raises(UserError, match=message):
        run.embed(table, mixed(run))
    assert not (run.folder / NAMES.npz).exists()
    with pytest.raises(UserError, match=message):
        run.embed(table)  # they are still there
    assert run.embed(table, refresh=True).rows_embedded == ROWS


def test_reusing_vectors_of_different_arithmetic_is_refused(
    run: Run, table: pd.DataFrame, mugs: RuCLIP, tmp_path: Path
) -> None:
    """Equal settings may stand for workers that have changed since."""
    bfloat16 = partial(map, partial(embed_shard, run.embedder("bfloat16")))
    run.embed(table, bfloat16)
    other = Run(mugs, to_path(tmp_path / "other"), tmp_path)
    table.loc[3, "title"] = "Кружка другая"
    with pytest.raises(UserError, match="in different arithmetic"):
        other.embed(table, reuse_from=run.shards)
