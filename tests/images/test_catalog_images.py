"""Images that the catalogue holds as bytes: read where they are, never copied."""

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from upath import UPath

from tests.support.catalog_run import catalog_of, content_of, images_of, run_catalog
from tests.support.image_shop import image, record_opened, table_of
from vitrina.catalog.cleaning import clean_catalog
from vitrina.catalog.image_refs import CatalogImage, hash_bytes
from vitrina.config.catalog import CleanConfig
from vitrina.errors import UserError
from vitrina.images.catalog_images import CatalogImageReader, CatalogImages
from vitrina.store.artifacts import Artifact
from vitrina.store.files import atomic_write, listing, write_bytes
from vitrina.store.paths import to_path

IDS = list(range(10))
HF = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def structs(images: list[Any]) -> pa.Array:
    """A column as Hugging Face's datasets write it."""
    return pa.array([{"bytes": data, "path": f"{nm}.jpg"} for nm, data in enumerate(images)], HF)


@pytest.mark.parametrize(
    "column",
    [
        structs,
        pa.array,
        lambda images: pa.array(images, pa.large_binary()),
        lambda images: pa.array(images, pa.binary_view()),
        lambda images: pa.array(images).dictionary_encode(),
        lambda images: structs(images).cast(
            pa.struct([("bytes", pa.large_binary()), ("path", pa.large_string())])
        ),
    ],
)
def test_images_in_the_table_give_the_table_of_the_plain_form(place: UPath, column: Any) -> None:
    """Neither table of the run has the bytes, nor the CSV; a second run opens none."""
    for nm in IDS:
        write_bytes(place / "images" / f"{nm}.jpg", image(nm))
    plain = run_catalog(place / "plain", catalog_of(IDS), place / "images")
    catalog = catalog_of(IDS, photo=column([image(nm) for nm in IDS]))
    result = run_catalog(place, catalog, image_column="photo")
    assert content_of(result).equals(content_of(plain))
    assert list(table_of(result)) == list(table_of(plain))
    sizes = {name: info.size for name, info in listing(place / "clean")}
    assert sizes["cleaned.parquet"] < sum(len(image(nm)) for nm in IDS)
    again = run_catalog(place, catalog, image_column="photo")
    assert again == result.model_copy(update={"images_resized": 0})


def test_lists_of_images_are_several_a_row(place: UPath) -> None:
    """Of bytes or of structs; an image that is twice in a row counts once."""
    lists = [[image(1), image(2)], [image(3)], [image(1), None, image(1)], [], None]
    ids = [1, 2, 3, 4, 5]
    plain = run_catalog(place, catalog_of(ids, photos=lists), image_column="photos")
    assert images_of(plain) == [2, 1, 1]
    assert plain.reasons == {"no_image_value": 2}
    nested = pa.array(
        [some and [{"bytes": data, "path": "x.jpg"} for data in some] for some in lists],
        pa.list_(HF),
    )
    result = run_catalog(place / "hf", catalog_of(ids, photos=nested), image_column="photos")
    assert content_of(result).equals(content_of(plain))


def test_only_new_and_changed_images_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever rows are added before them, and whatever the file's name is."""
    root = to_path(tmp_path)
    run_catalog(
        root, catalog_of(IDS, photo=structs([image(nm) for nm in IDS])), image_column="photo"
    )
    opened = record_opened(monkeypatch)
    ids = [99, *IDS[:5], *IDS[6:]]
    images = [image(99), *(image(nm if nm != 3 else 33) for nm in ids[1:])]
    changed = run_catalog(root, catalog_of(ids, photo=structs(images)), image_column="photo")
    assert sorted(opened) == sorted([image(99), image(33)])
    afresh = run_catalog(
        root / "afresh", catalog_of(ids, photo=structs(images)), image_column="photo"
    )
    assert changed.table.fingerprint == afresh.table.fingerprint


def test_where_the_bytes_are_null_the_path_counts(place: UPath) -> None:
    """Relative to the folder of images; bytes that are text are paths too."""
    write_bytes(place / "images" / "a.jpg", image(1))
    values = [
        {"bytes": image(2), "path": None},
        {"bytes": None, "path": "a.jpg"},
        {"bytes": None, "path": "../a.jpg"},
        {"bytes": None, "path": None},
        None,
        {"bytes": b"", "path": "a.jpg"},
        {"bytes": b"a.jpg", "path": None},
        {"bytes": b"\x00\x01", "path": None},
    ]
    catalog = catalog_of(list(range(8)), photo=pa.array(values, HF))
    result = run_catalog(place, catalog, place / "images", image_column="photo")
    assert table_of(result)["nm"].tolist() == [0, 1, 6]
    assert result.reasons == {
        "empty_image": 1,
        "no_image_value": 2,
        "unreadable_image": 1,
        "unsafe_path": 1,
    }


def test_bytes_are_paths_if_that_is_said(tmp_path: Path) -> None:
    """Impala writes texts so; then the column is carried as it is."""
    write_bytes(to_path(tmp_path) / "images" / "a.jpg", image(1))
    catalog = catalog_of([1], photo=[b"a.jpg"])
    result = run_catalog(
        to_path(tmp_path),
        catalog,
        tmp_path / "images",
        image_column="photo",
        image_column_holds="path",
    )
    assert table_of(result)["photo"].tolist() == [b"a.jpg"]


def test_shards_read_their_images_themselves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What travels to a worker and back is small, and the result is that of threads."""
    monkeypatch.setattr("vitrina.images.cleaned_rows.BATCH_ROWS", 4)
    large = [image(nm, size=(900, 900), kind="BMP") for nm in IDS]
    catalog = catalog_of(IDS, photo=structs(large))
    expected = run_catalog(to_path(tmp_path) / "threads", catalog, image_column="photo")
    sizes: list[int] = []

    def map_shards(work: Any, shards: Any) -> Iterator[Any]:
        for shard in shards:
            sent = pickle.dumps((work, shard))
            sizes.append(len(sent))
            task, jobs = pickle.loads(sent)
            yield task(jobs)

    root = to_path(tmp_path) / "shards"
    result = run_catalog(root, catalog, image_column="photo", map_shards=map_shards)
    assert result.table.fingerprint == expected.table.fingerprint
    assert len(sizes) == 3
    assert max(sizes) < 10_000


def parts_of(place: UPath, groups: int) -> tuple[list[CatalogImage], list[bytes]]:
    """A catalogue of two files with row groups of a size; its images by place, and their bytes."""
    images, data = [], []
    for part in range(2):
        photos = [image(10 * part + row) for row in range(10)]
        with atomic_write(place / f"part-{part}.parquet") as temp_file:
            catalog = catalog_of([10 * part + row for row in range(10)], photo=structs(photos))
            pq.write_table(catalog, temp_file, row_group_size=groups)
        data += photos
        hashes = [hash_bytes(pa.py_buffer(photo)) for photo in photos]
        images += [CatalogImage(part, row, 0, len(photos[row]), hashes[row]) for row in IDS]
    return images, data


@pytest.mark.parametrize("groups", [1, 3, 100])
def test_images_are_found_by_part_and_row(place: UPath, groups: int) -> None:
    """In order, some of them, or going back; however large row groups are."""
    images, data = parts_of(place, groups)
    with CatalogImageReader(CatalogImages((str(place),), "photo")) as reader:
        for wanted in ([0, 1, 2], [2, 7, 12], [19], [4, 3], list(range(20))):
            read = list(reader.read([images[one] for one in wanted]))
            assert read == [data[one] for one in wanted]


def test_a_catalogue_that_has_changed_is_told(tmp_path: Path) -> None:
    """Whatever stands there now is no image of a row that was cleaned."""
    root = to_path(tmp_path)
    images, _ = parts_of(root, 3)
    other = images[0]._replace(hash=1)
    beyond = images[0]._replace(row=99)
    item = images[0]._replace(item=5)
    for image_ref in (other, beyond, item):
        with (
            CatalogImageReader(CatalogImages((str(root),), "photo")) as reader,
            pytest.raises(UserError, match=r"has changed since it was cleaned.*Run again"),
        ):
            list(reader.read([image_ref]))


def test_the_cleaned_table_refers_to_rows_of_files(tmp_path: Path) -> None:
    """To those that are kept, by their numbers in their files."""
    root = to_path(tmp_path)
    parts_of(root / "parts", 3)
    clean_catalog(root / "parts", Artifact(root / "clean"), CleanConfig(batch_rows=4), "photo")
    table = pq.read_table(tmp_path / "clean" / "cleaned.parquet")
    refs = table["photo"].to_pylist()
    assert [(ref["part"], ref["row"]) for ref in refs] == [
        (part, row) for part in range(2) for row in range(10)
    ]
