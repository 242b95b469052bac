"""Images at addresses: fetched once, asked for again only if they may have changed."""

import pickle
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from upath import UPath

from tests.support.catalog_run import catalog_of, content_of, images_of, run_catalog
from tests.support.image_server import Handler, Reply, Site, cut, in_turn, serving, slow, status
from tests.support.image_shop import image, record_opened, rejects_of, table_of
from vitrina.config.fetch import FetchConfig
from vitrina.errors import UserError
from vitrina.images.fetch import retry
from vitrina.images.resize_index import ResizeIndex
from vitrina.results import ResizeResult
from vitrina.store.files import listing, read_bytes, write_bytes
from vitrina.store.paths import to_path

IDS = [11, 12, 13]


@pytest.fixture
def site() -> Iterator[Site]:
    """A server with an image for each id, each with an ETag."""
    with serving() as site:
        for nm in IDS:
            site.at(f"/{nm}.jpg", versioned(image(nm), f'"v{nm}"'))
        yield site


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short waits between attempts, and no proxies."""
    monkeypatch.setattr(retry, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(retry, "LONGEST_WAIT", 0.05)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def versioned(body: bytes, etag: str) -> Reply:
    """An image with an ETag, and 304 to who has it."""

    def reply(handler: Handler) -> None:
        if handler.headers.get("If-None-Match") == etag:
            status(304, ETag=etag)(handler)
        else:
            status(200, body, ETag=etag)(handler)

    return reply


def run(root: UPath, site: Site, ids: list[int] = IDS, **parameters: Any) -> ResizeResult:
    """Clean and resize a catalogue with a column of addresses."""
    catalog = catalog_of(ids, photo=[f"{site.url}/{nm}.jpg" for nm in ids])
    return run_catalog(root, catalog, **{"image_column": "photo", **parameters})


def cached(hours: float = 24, **changes: Any) -> FetchConfig:
    """A config by which what was fetched counts as unchanged for some hours."""
    return FetchConfig(allow_private_addresses=True, revalidate_hours=hours, **changes)


def test_addresses_give_the_table_of_the_plain_form(place: UPath, site: Site) -> None:
    """Each is asked for once."""
    for nm in IDS:
        write_bytes(place / "images" / f"{nm}.jpg", image(nm))
    plain = run_catalog(place / "plain", catalog_of(IDS), place / "images")
    result = run(place, site)
    assert content_of(result).equals(content_of(plain))
    assert list(table_of(result)) == [*list(table_of(plain))[:-1], "photo", "image_hash"]
    assert result.images_resized == 3
    assert len(site.asked) == 3


def test_what_has_not_changed_costs_a_question_and_no_resize(
    place: UPath, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And after a change only that image is resized."""
    first = run(place, site)
    opened = record_opened(monkeypatch)
    assert run(place, site) == first.model_copy(update={"images_resized": 0})
    assert opened == []
    assert len(site.asked) == 6
    assert site.headers("/11.jpg")["If-None-Match"] == '"v11"'
    site.at("/12.jpg", versioned(image(99), '"v2"'))
    changed = run(place, site)
    assert opened == [image(99)]
    assert changed.images_resized == 1
    assert changed.table.fingerprint != first.table.fingerprint
    afresh = run(place / "afresh", site)
    assert changed.table.fingerprint == afresh.table.fingerprint


def test_for_some_hours_no_server_is_asked(tmp_path: Path, site: Site) -> None:
    """A new row costs one request, and so does an image that was lost."""
    root = to_path(tmp_path)
    run(root, site, [11, 12], fetching=cached())
    run(root, site, [11, 12], fetching=cached())
    assert len(site.asked) == 2
    result = run(root, site, fetching=cached())
    assert result.rows_kept == 3
    assert len(site.asked) == 3
    lost = next(path for path in (tmp_path / "resized").glob("11-*.jpg"))
    lost.unlink()
    assert run(root, site, fetching=cached()).rows_kept == 3
    assert len(site.asked) == 4
    assert "If-None-Match" not in site.headers("/11.jpg")
    run(root, site, fetching=cached(0))
    assert len(site.asked) == 7


def test_last_modified_is_as_good_as_an_etag(tmp_path: Path, site: Site) -> None:
    """It is sent back as it came."""
    when = "Wed, 21 Oct 2015 07:28:00 GMT"
    answer = in_turn(status(200, image(1), Last_Modified=when), status(304))
    site.at("/11.jpg", answer)
    run(to_path(tmp_path), site, [11])
    assert run(to_path(tmp_path), site, [11]).images_resized == 0
    assert site.headers("/11.jpg")["If-Modified-Since"] == when


def test_each_failure_has_its_reason(tmp_path: Path, site: Site) -> None:
    """Also of images that arrive and are none."""
    site.at("/14.jpg", status(200, b"<html>"))
    site.at("/15.jpg", status(200, b""))
    site.at("/16.jpg", status(403))
    site.at("/17.jpg", status(503))
    site.at("/18.jpg", cut(image(1), len(image(1))))
    site.at("/19.jpg", status(410))
    site.at("/20.jpg", status(200, bytes(2_000_000)))
    config = cached(retries=1, patience=0.1, max_megabytes=1)
    result = run(to_path(tmp_path), site, [11, *range(14, 22)], fetching=config)
    assert rejects_of(result)[1:] == [
        ["14", "unreadable_image"],
        ["15", "empty_image"],
        ["16", "failed_download"],
        ["17", "failed_download"],
        ["18", "failed_download"],
        ["19", "not_found_url"],
        ["20", "too_large_image"],
        ["21", "not_found_url"],
    ]


def test_a_private_address_is_refused_unless_it_is_allowed(tmp_path: Path, site: Site) -> None:
    """Once it is, it is fetched."""
    write_bytes(to_path(tmp_path) / "x.jpg", image(1))
    values = ["x.jpg", f"{site.url}/11.jpg", "http://[::1]/1.jpg", "http://"]
    catalog = catalog_of([1, 2, 3, 4], photo=values)
    root, careful = to_path(tmp_path), FetchConfig()
    result = run_catalog(root, catalog, image_column="photo", fetching=careful)
    assert result.reasons == {"refused_url": 3}
    assert site.asked == []
    result = run_catalog(root, catalog_of([1, 2], photo=values[:2]), image_column="photo")
    assert result.rows_kept == 2


def test_a_failure_that_may_pass_is_not_remembered(tmp_path: Path, site: Site) -> None:
    """The next run fetches the image; one that is gone is asked for again only after some hours."""
    site.at("/12.jpg", in_turn(status(503), status(200, image(12))))
    site.at("/13.jpg", in_turn(status(404), status(200, image(13))))
    config = cached(retries=0, patience=0)
    root = to_path(tmp_path)
    first = run(root, site, fetching=config)
    assert first.reasons == {"failed_download": 1, "not_found_url": 1}
    assert run(root, site, fetching=config).reasons == {"not_found_url": 1}
    assert (site.count("/11.jpg"), site.count("/12.jpg"), site.count("/13.jpg")) == (1, 2, 1)
    assert run(root, site, fetching=cached(0)).reasons == {}


def test_an_image_that_cannot_be_asked_for_now_is_the_known_one(tmp_path: Path, site: Site) -> None:
    """A server that is down for an hour costs no listing; one that says 404 does."""
    root = to_path(tmp_path)
    first = run(root, site)
    site.at("/11.jpg", status(503))
    site.at("/12.jpg", status(404))
    config = cached(0, retries=0, patience=0)
    result = run(root, site, fetching=config)
    assert result.reasons == {"not_found_url": 1}
    assert table_of(result)["nm"].tolist() == [11, 13]
    kept = table_of(first).set_index("nm")["image_hash"]
    assert table_of(result)["image_hash"].tolist() == kept[[11, 13]].tolist()


def test_without_a_network_nothing_is_rejected(tmp_path: Path) -> None:
    """It is told in a line, and the next run fetches everything."""
    ids = list(range(25))
    catalog = catalog_of(ids, photo=[f"http://127.0.0.1:9/{nm}.jpg" for nm in ids])
    config = cached(patience=0, retries=0)
    with pytest.raises(UserError, match=r"No image can be fetched.*fetch\.unreachable"):
        run_catalog(to_path(tmp_path), catalog, image_column="photo", fetching=config)
    assert not (tmp_path / "table").exists()
    assert list(listing(to_path(tmp_path / "resized"))) == []


def test_addresses_and_paths_may_stand_in_one_column(place: UPath, site: Site) -> None:
    """In lists too; an address that several rows have is asked for once."""
    write_bytes(place / "images" / "a.jpg", image(7))
    lists = [
        ["a.jpg", f"{site.url}/11.jpg"],
        [f"{site.url}/11.jpg"],
        [f"{site.url}/gone.jpg", "a.jpg"],
    ]
    catalog = catalog_of([1, 2, 3], photos=lists)
    result = run_catalog(place, catalog, place / "images", image_column="photos")
    assert images_of(result) == [2, 1, 1]
    assert result.images_rejected == {"not_found_url": 1}
    assert site.count("/11.jpg") == 1
    assert result.images_resized == 4


@pytest.mark.parametrize(
    ("holds", "value", "reasons"),
    [
        ("path", "{url}/11.jpg", {"unsafe_path": 1}),
        ("url", "{host}/11.jpg", {"failed_download": 1}),  # https, as is usual
        ("url", "{url}/11.jpg", {}),
    ],
)
def test_what_a_column_holds_may_be_said(
    tmp_path: Path, site: Site, holds: str, value: str, reasons: dict[str, int]
) -> None:
    """Where its values do not show it."""
    write_bytes(to_path(tmp_path) / "x.jpg", image(1))
    host = site.url.removeprefix("http://")
    values = [value.format(url=site.url, host=host), f"{site.url}/12.jpg"]
    if holds == "path":
        values[1] = "x.jpg"
    config = cached(retries=0, patience=0)
    result = run_catalog(
        to_path(tmp_path),
        catalog_of([1, 2], photo=values),
        fetching=config,
        image_column="photo",
        image_column_holds=holds,
    )
    assert result.reasons == reasons


def test_originals_are_kept_if_asked(place: UPath, site: Site) -> None:
    """As they came, named by what they are."""
    site.at("/12.jpg", status(200, image(12, kind="PNG")))
    run(place, site, fetching=cached(keep_originals=str(place / "originals")))
    kept = {
        name: read_bytes(place / "originals" / name) for name, _ in listing(place / "originals")
    }
    assert sorted(name.partition("-")[0] + name[-4:] for name in kept) == [
        "11.jpg",
        "12.png",
        "13.jpg",
    ]
    assert set(kept.values()) == {image(11), image(12, kind="PNG"), image(13)}


def test_originals_are_not_kept_among_the_resized(place: UPath, site: Site) -> None:
    """Which would be written over them."""
    with pytest.raises(UserError, match=r"fetch\.keep_originals.*another"):
        run(place, site, fetching=cached(keep_originals=str(place / "resized")))
    assert site.asked == []


def test_a_raised_limit_counts_at_once(tmp_path: Path, site: Site) -> None:
    """What a parameter of fetch has refused is not remembered."""
    root = to_path(tmp_path)
    site.at("/11.jpg", status(200, image(11) + bytes(2_000_000)))
    result = run(root, site, fetching=cached(max_megabytes=1))
    assert result.reasons == {"too_large_image": 1}
    assert result.images_resized == 2
    assert run(root, site, fetching=cached()).reasons == {}


def test_failures_are_told_with_an_example(
    tmp_path: Path, site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    """One of each kind, without what may be secret in a URL."""
    host = site.url.removeprefix("http://")
    urls = [f"http://user:s3cret@{host}/{nm}.jpg?token=t0ken" for nm in (1, 2)]
    catalog = catalog_of([1, 2, 3], photo=[*urls, f"{site.url}/11.jpg"])
    caplog.set_level("INFO")
    run_catalog(to_path(tmp_path), catalog, image_column="photo")
    told = [line for line in caplog.messages if "cannot be fetched" in line]
    assert len(told) == 1
    assert re.search(rf"{site.url}/[12]\.jpg cannot be fetched, HTTP status 404$", told[0])
    assert "s3cret" not in caplog.text
    assert "t0ken" not in caplog.text


def test_an_error_ends_all_downloads(
    tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk, for example: nothing goes on behind the error."""

    def fail(*_arguments: object) -> None:
        raise OSError("no space left")

    site.at("/13.jpg", slow(status(200, image(13)), 5))
    monkeypatch.setattr(ResizeIndex, "_record", fail)
    with pytest.raises(OSError, match="no space left"):
        run(to_path(tmp_path), site)
    assert "fetch" not in [thread.name for thread in threading.enumerate()]


def test_shards_in_any_map_give_what_threads_give(
    tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Jobs and outcomes are small and can travel; bodies do not."""
    monkeypatch.setattr("vitrina.images.cleaned_rows.BATCH_ROWS", 2)
    site.at("/13.jpg", status(503))
    config = cached(0, retries=0, patience=0)
    expected = run(to_path(tmp_path) / "threads", site, fetching=config)
    sizes = []

    def map_shards(work: Any, shards: Any) -> Iterator[Any]:
        for shard in shards:
            sent = pickle.dumps((work, shard))
            result = pickle.dumps(work(shard))
            sizes.append((len(shard), len(sent) < 10_000, len(result) < 2_000))
            yield pickle.loads(result)

    root = to_path(tmp_path) / "shards"
    result = run(root, site, fetching=config, map_shards=map_shards)
    assert result.table.fingerprint == expected.table.fingerprint
    assert result.reasons == expected.reasons == {"failed_download": 1}
    assert sizes == [(2, True, True), (1, True, True)]


def test_the_index_knows_the_status_of_each_address(tmp_path: Path, site: Site) -> None:
    """And when it was asked."""
    site.at("/12.jpg", status(404))
    run(to_path(tmp_path), site)
    index = ResizeIndex.load(to_path(tmp_path) / "resized", of_fetched=True)
    rows = index.rows.to_pylist()
    assert sorted((row["nm"][:2], row["status"], row["etag"]) for row in rows) == [
        ("11", 200, '"v11"'),
        ("12", 404, ""),
        ("13", 200, '"v13"'),
    ]
    assert all(row["checked"] > 1_600_000_000 for row in rows)
