"""The API: its answers, and what it refuses."""

import base64
import io
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from tests.serving.conftest import CONFIG, HOSTILE
from tests.support.searched_run import SearchedRun, embedded_run
from tests.support.shop import draw_shop
from vitrina.search.run import open_run
from vitrina.serving.app import make_app
from vitrina.serving.current_run import CurrentRun
from vitrina.store.paths import to_path


def photo(shop: SearchedRun, row: int) -> bytes:
    """The image of a listing as a file's content."""
    return Path(shop.rows["image_path"][row]).read_bytes()


def test_answers_are_those_of_the_run(client: TestClient, shop: SearchedRun) -> None:
    """By words, by a photo, by a listing, in every way of comparing, filtered or not."""
    run = open_run(shop.store.root, "cpu")
    key = run.stored.embedding.manifest.key
    for by in ("both", "text", "image"):
        for where in ({}, {"category": ["Посуда", "Дом"]}):
            parameters = {
                "by": by,
                "top": 5,
                "where": [f"category={one}" for one in where.get("category", ())],
            }
            options = {"k": 5, "by": by, "where": where}
            image = shop.rows["image_path"][3]
            similar = client.get("/similar/9", params=parameters)
            by_text = client.get("/search", params=parameters | {"q": "кружка"})
            by_photo = client.post("/search", params=parameters, content=photo(shop, 3))
            asked = (
                (by_text, run.search("кружка", **options)),
                (by_photo, run.search(image=image, **options)),
                (similar, run.similar(9, **options)),
            )
            for response, hits in asked:
                found = response.json()
                assert (response.status_code, found["run"]) == (200, key), found
                assert [one["nm"] for one in found["listings"]] == [hit.nm for hit in hits]
                scores = [one["score"] for one in found["listings"]]
                np.testing.assert_allclose(scores, [hit.score for hit in hits], atol=1e-4)
            assert similar.json()["like"]["nm"] == 9


def test_no_path_of_the_server_is_told(client: TestClient, shop: SearchedRun) -> None:
    """Images are named by the listing, and nothing else of the disk is in an answer."""
    answer = client.get("/search", params={"q": "кружка"})
    assert str(Path(shop.store.root).parent) not in answer.text
    first = answer.json()["listings"][0]
    image = client.get(first["image"])
    rows = shop.rows.set_index("nm")
    assert image.content == Path(rows.loc[first["nm"], "image_path"]).read_bytes()
    assert image.headers["content-type"] == "image/jpeg"
    again = client.get(first["image"], headers={"if-none-match": image.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_vectors_are_those_of_the_run(client: TestClient, shop: SearchedRun) -> None:
    """Of texts and of photos, with the model's fingerprint."""
    images = [base64.b64encode(photo(shop, row)).decode() for row in (0, 1)]
    answer = client.post("/encode", json={"texts": ["кружка", "ваза"], "images": images}).json()
    run = open_run(shop.store.root, "cpu")
    np.testing.assert_allclose(answer["texts"], run.encode_texts(["кружка", "ваза"]), atol=1e-5)
    expected = run.encode_images(shop.rows["image_path"].tolist()[:2])
    np.testing.assert_allclose(answer["images"], expected, atol=1e-5)
    assert answer["model"] == shop.model.fingerprint


def test_listings_to_begin_with_are_spread_over_the_catalogue(client: TestClient) -> None:
    """Or over what the filters leave of it; they have no score."""
    answer = client.get("/listings", params={"top": 4}).json()["listings"]
    assert [one["nm"] for one in answer] == [0, 13, 26, 39]
    assert {one["score"] for one in answer} == {None}
    filtered = client.get("/listings", params={"where": "category=Дом"}).json()["listings"]
    assert {one["category"] for one in filtered} == {"Дом"}
    assert client.get("/listings", params={"where": "category=Ёлки"}).json()["listings"] == []


def test_filters_have_the_values_of_the_columns(client: TestClient, shop: SearchedRun) -> None:
    """The category, its values most often first."""
    answer = client.get("/filters").json()
    (facet,) = answer["facets"]
    expected = shop.rows["category"].value_counts().to_dict()
    assert facet["column"] == "category"
    assert {one["value"]: one["count"] for one in facet["values"]} == expected
    counts = [one["count"] for one in facet["values"]]
    assert counts == sorted(counts, reverse=True)
    assert answer["listings"] == 40


def test_hostile_texts_are_texts(client: TestClient) -> None:
    """In titles, in queries, in filters: answered as JSON, and nothing is executed."""
    found = client.get("/search", params={"q": HOSTILE, "top": 50})
    assert found.headers["content-type"] == "application/json"
    assert HOSTILE in {one["title"] for one in found.json()["listings"]}
    only = client.get("/search", params={"q": "кружка", "where": f"category={HOSTILE}"})
    assert [one["nm"] for one in only.json()["listings"]] == [8]
    unknown = client.get("/search", params={"q": "a", "where": f"{HOSTILE}=1"})
    assert unknown.status_code == 422
    assert "<script>" not in client.get("/docs").text.replace('<script src="/page', "")


@pytest.mark.parametrize(
    ("path", "parameters", "status", "told"),
    [
        ("/search", {}, 422, "q"),
        ("/search", {"q": ""}, 422, "q"),
        ("/search", {"q": "\u200b "}, 422, "is empty"),
        ("/search", {"q": "я" * 501}, 422, "500"),
        ("/search", {"q": "a", "top": 51}, 422, "50"),
        ("/search", {"q": "a", "top": 0}, 422, "top"),
        ("/search", {"q": "a", "by": "both; DROP"}, 422, "by"),
        ("/search", {"q": "a", "where": "category"}, 422, "expected column=value"),
        ("/search", {"q": "a", "where": ["nm=1"] * 51}, 422, "50"),
        ("/search", {"q": "a", "where": "nm=1 OR 1=1"}, 422, "is int64"),
        ("/similar/999", {}, 404, "no listing '999'"),
        ("/similar/1%20OR%201=1", {}, 404, "no listing"),
        ("/images/999", {}, 404, "no listing"),
        ("/images/..%2F..%2F..%2Fetc%2Fpasswd", {}, 404, "no listing"),
        ("/images/%2Fetc%2Fpasswd", {}, 404, "no listing"),
        ("/images/1%00.jpg", {}, 404, "no listing"),
        ("/page/..%2Fguard.py", {}, 404, ""),
        ("/page/index.html", {}, 404, "no such file"),
        ("/absent", {}, 404, ""),
    ],
)
def test_wrong_questions_are_refused(
    client: TestClient, path: str, parameters: dict[str, str], status: int, told: str
) -> None:
    """With what is wrong; no path of a client leads out of the table."""
    response = client.get(path, params=parameters)
    assert response.status_code == status, response.text
    assert told in response.text
    assert "root:" not in response.text


def test_bad_photos_are_refused(client: TestClient, shop: SearchedRun) -> None:
    """None, no image, a truncated one, one with too many pixels, and too many bytes."""
    bomb = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(bomb, "PNG")
    assert len(bomb.getvalue()) < 500_000
    for content, status, told in (
        (b"", 422, "holds no photo"),
        (b"GIF89a not really", 422, "not a readable image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 422, "not a readable image"),
        (photo(shop, 0)[:200], 422, "not a readable image"),
        (bomb.getvalue(), 422, "too_large_image"),
        (bytes(600_000), 413, "at most 0.5 MB"),
    ):
        response = client.post("/search", content=content)
        assert (response.status_code, told in response.text) == (status, True), response.text
    for what in ({"images": ["no base64!"]}, {"texts": ["a"] * 65}, {"texts": ["a" * 501]}):
        assert client.post("/encode", json=what).status_code == 422
    assert client.post("/encode", content=b"{").status_code == 422


def test_ids_with_slashes_are_found(tmp_path: Path) -> None:
    """As the answers name them."""
    rows = draw_shop(tmp_path / "images", 12)
    rows["nm"] = [f"a/../{row} é?#&" for row in range(12)]
    shop = embedded_run(to_path(tmp_path / "out"), tmp_path, rows)
    current = CurrentRun(shop.store.root, "cpu", 60)
    current.open()
    with TestClient(make_app(current, CONFIG), "http://127.0.0.1:8100") as client:
        for listing in client.get("/listings").json()["listings"]:
            assert client.get(listing["image"]).status_code == 200
            similar = client.get(listing["similar"]).json()
            assert similar["like"]["nm"] == listing["nm"]
            assert listing["similar"] == f"/similar/{quote(listing['nm'], safe='')}"


def test_before_the_first_run_it_says_that_it_waits(tmp_path: Path) -> None:
    """The page is there, questions are answered with 503."""
    waiting = CurrentRun(str(tmp_path), "cpu", 60)
    with TestClient(make_app(waiting, CONFIG), "http://localhost") as client:
        assert client.get("/healthz").status_code == 503
        assert client.get("/search", params={"q": "a"}).status_code == 503
        assert client.get("/").status_code == 200


def test_a_missing_image_is_no_failure(client: TestClient, shop: SearchedRun) -> None:
    """Neither is a file in its place that is no image."""
    path = Path(shop.rows["image_path"][30])
    content = path.read_bytes()
    try:
        path.write_bytes(b"<html>")
        assert client.get("/images/30").status_code == 404
        path.unlink()
        assert client.get("/images/30").status_code == 404
    finally:
        path.write_bytes(content)
