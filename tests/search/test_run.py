"""A finished run as Python opens it."""

import shutil
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from upath import UPath

import vitrina
from tests.support.embedding import arrays
from tests.support.searched_run import CONFIG, SearchedRun, embed_again, embedded_run
from tests.support.shop import draw_shop, tiny_model
from vitrina.config.text import ListingConfig
from vitrina.errors import UserError
from vitrina.search.run import Run, open_run
from vitrina.store.artifacts import open_store
from vitrina.store.paths import to_path


def test_queries_are_encoded_as_the_stored_vectors_were(shop: SearchedRun, run: Run) -> None:
    """A title and an image of the table give their own stored vectors again."""
    stored = run.vectors()
    text = run.encode_texts(shop.rows["title"].tolist())
    img = run.encode_images(shop.rows["image_path"].tolist())
    np.testing.assert_allclose(text, stored.text, atol=1e-5)
    np.testing.assert_allclose(img, stored.img, atol=1e-5)
    for name, array in arrays(shop.result).items():
        np.testing.assert_array_equal(getattr(stored, name), array)
    opened = [Image.open(path) for path in shop.rows["image_path"]]
    np.testing.assert_allclose(run.encode_images(opened), img, atol=1e-6)


@pytest.mark.parametrize("by", ["text", "image", "both"])
def test_search_is_the_product_with_the_stored_vectors(
    shop: SearchedRun, run: Run, by: vitrina.search.run.By
) -> None:
    """Cosines with texts, with images, or with their means; nearest first."""
    query = run.encode_texts(["кружка"])[0]
    stored = run.vectors()
    mean = stored.text + stored.img
    product = mean / np.linalg.norm(mean, axis=1, keepdims=True)
    expected = {"text": stored.text, "image": stored.img, "both": product}[by] @ query
    hits = run.search("  КРУЖКА\u200b ", k=7, by=by)
    rows = [shop.rows["nm"].tolist().index(hit.nm) for hit in hits]
    scores = [hit.score for hit in hits]
    np.testing.assert_allclose(scores, np.sort(expected)[::-1][:7], atol=1e-6)
    np.testing.assert_allclose(scores, expected[rows], atol=1e-6)
    assert asdict(hits[0]) | {"score": 0} == {
        **shop.rows.iloc[rows[0]].to_dict(),
        "score": 0,
    }


def test_an_image_finds_itself_first(shop: SearchedRun, run: Run) -> None:
    """Given by its path or opened by Pillow."""
    row = shop.rows.iloc[5]
    same = set(shop.rows["nm"][run.vectors().img @ run.vectors().img[5] > 1 - 1e-6])
    for image in (row["image_path"], Path(row["image_path"]), Image.open(row["image_path"])):
        hit = run.search(image=image, k=1, by="image")[0]
        assert hit.nm in same
        assert hit.score == pytest.approx(1, abs=1e-5)


def test_similar_listings_leave_out_the_listing_itself(shop: SearchedRun, run: Run) -> None:
    """Its twin, listed a second time, comes first; ids may be given as text."""
    twin = run.similar(9, k=1)[0]
    assert twin.nm == 8  # equal but for the number in its title
    assert [hit.nm for hit in run.similar("9", k=100)].count(9) == 0
    assert len(run.similar(9, k=100)) == len(shop.rows) - 1
    assert run.similar(9, k=1, where={"nm": 9}) == []


def test_filters_narrow_the_listings(shop: SearchedRun, run: Run) -> None:
    """A value or any of several; conditions on two columns must both hold."""
    categories = shop.rows.set_index("nm")["category"]
    for wanted in (["Посуда"], ["Посуда", "Дом"], ["Ёлки"]):
        hits = run.search("кружка", k=100, where={"category": wanted})
        assert {hit.nm for hit in hits} == set(categories.index[categories.isin(wanted)])
    dishes = {"category": "Посуда", "nm": [int(categories.index[categories == "Посуда"][0]), -1]}
    assert len(run.search("кружка", where=dishes)) == 1


def test_wrong_questions_are_refused(shop: SearchedRun, run: Run, tmp_path: Path) -> None:
    """By name, with what is there instead."""
    damaged = tmp_path / "photo.jpg"
    damaged.write_bytes(Path(shop.rows["image_path"][0]).read_bytes()[:200])
    for question, message in (
        (lambda: run.search(""), "query '' is empty"),
        (lambda: run.search(" \u200b<br>"), "is empty"),
        (lambda: run.search(), "either a text or an image"),
        (lambda: run.search("a", image="b.jpg"), "either a text or an image"),
        (lambda: run.search("a", k=0), "k is 0"),
        (lambda: run.search("a", by="img"), "by is 'img': expected one of both, image, text"),
        (lambda: run.search(image=tmp_path / "absent.jpg"), r"absent\.jpg does not exist"),
        (lambda: run.search(image=damaged), r"photo\.jpg is not a readable image"),
        (lambda: run.search("a", where={"categry": "x"}), "Did you mean 'category'"),
        (lambda: run.search("a", where={"nm": "x"}), "Column 'nm' is int64"),
        (lambda: run.similar(77_777), r"nm 77777\. It has 40 listings"),
        (lambda: run.similar("кружка"), "No listing of this run has nm 'кружка'"),
    ):
        with pytest.raises(UserError, match=message):
            question()
    with pytest.raises(TypeError, match="list of texts"):
        run.encode_texts("кружка")
    with pytest.raises(TypeError, match="list of images"):
        run.encode_images("a.jpg")  # type: ignore[arg-type]  # the mistake at hand


def test_a_run_opens_from_disk_and_from_s3(place: UPath, tmp_path: Path) -> None:
    """Same answers; text ids stay text, though the NPZ holds integers; no category is None."""
    rows = draw_shop(tmp_path / "images", 12).drop(columns="category")
    rows["nm"] = [f"{100 + nm}" for nm in rows["nm"]]
    embedded_run(place, tmp_path, rows)
    run = vitrina.open_run(str(place), "cpu")
    hits = run.search("кружка", k=3)
    assert [type(hit.nm) for hit in hits] == [str] * 3
    assert hits[0].category is None
    assert run.vectors().nm.tolist() == rows["nm"].tolist()
    assert run.similar(105, k=1) == run.similar("105", k=1)


def test_text_ids_with_leading_zeros_are_kept(tmp_path: Path) -> None:
    """007 is not 7."""
    rows = draw_shop(tmp_path / "images", 12).assign(nm=[f"{nm:03}" for nm in range(12)])
    run = open_run(embedded_run(to_path(tmp_path / "out"), tmp_path, rows).store.root, "cpu")
    assert run.listing("007").title == rows["title"][7]
    with pytest.raises(UserError, match="No listing"):
        run.similar("7")


def test_templates_are_those_of_the_run(tmp_path: Path) -> None:
    """Also for the pipeline of a run, and for one made of the folder that the run keeps."""
    single = CONFIG.model_copy(update={"templates": "single"})
    shop = embedded_run(to_path(tmp_path / "out"), tmp_path, config=single)
    titles, stored = shop.rows["title"].tolist(), arrays(shop.result)["text"]
    run = open_run(shop.store.root, "cpu")
    np.testing.assert_allclose(run.encode_texts(titles), stored, atol=1e-5)
    kept = f"{shop.store.root}/models/{shop.model.fingerprint}"
    for pipeline in (run.pipeline, vitrina.EmbeddingPipeline(kept, device="cpu")):
        _, text = pipeline.get_embeddings(shop.rows)
        np.testing.assert_allclose(text, stored, atol=1e-5)
        np.testing.assert_allclose(pipeline.encode_texts(titles), stored, atol=1e-5)
    six = vitrina.EmbeddingPipeline(shop.model.folder, device="cpu").encode_texts(titles)
    assert np.abs(six - stored).max() > 1e-3


def test_an_open_run_stays_whole_when_a_new_one_is_finished(
    tmp_path: Path,
) -> None:
    """It goes on with its own vectors and model; only what is opened later is of the new run."""
    shop = embedded_run(to_path(tmp_path / "out"), tmp_path)
    before = open_run(shop.store.root, "cpu")
    expected = before.search("кружка")
    embed_again(shop.store, shop.rows[:20], tiny_model(tmp_path / "other", shop.rows, 1))
    assert before.search("кружка") == expected
    after = open_run(shop.store.root, "cpu")
    assert len(after) == 20
    assert after.stored.result.origin.model != shop.model.fingerprint
    np.testing.assert_allclose(
        after.encode_texts(shop.rows["title"].tolist()[:20]), after.vectors().text, atol=1e-5
    )


def test_a_moved_store_is_opened_where_it_is(tmp_path: Path) -> None:
    """Paths in the manifest and in the table name the old folder, which is gone."""
    folder = tmp_path / "old"
    rows = draw_shop(folder / "images" / "resized", 12)
    shop = embedded_run(to_path(folder), tmp_path / "scratch", rows)
    shutil.move(folder, tmp_path / "new")
    shutil.rmtree(tmp_path / "scratch")
    hit = open_run(str(tmp_path / "new"), "cpu").search("кружка", k=1)[0]
    assert Path(hit.image_path).is_file()
    assert shop.result.table.startswith(str(folder))


def test_similar_needs_no_torch(shop: SearchedRun) -> None:
    """Neither the import nor a question that stored vectors answer pays for it."""
    code = (
        "import sys, vitrina; vitrina.open_run(sys.argv[1]).similar(3); "
        "sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, shop.store.root], check=False)
    assert done.returncode == 0


def test_hits_make_a_frame(run: Run) -> None:
    """As a notebook shows them."""
    frame = pd.DataFrame(run.search("кружка", k=3))
    assert list(frame.columns) == ["nm", "title", "category", "image_path", "score"]


def test_other_listings_are_encoded_as_the_stored_ones_were(
    shop: SearchedRun, tmp_path: Path
) -> None:
    """Their texts by the run's template, whose columns the frame must have; all their images."""
    listing = ListingConfig(text="{title}. {category}")
    store = open_store(str(tmp_path))
    paths = shop.rows["image_path"].tolist()
    rows = shop.rows.assign(image_paths=[[one, *paths[:2]] for one in paths])
    embed_again(store, rows, shop.model, listing=listing)
    run = open_run(store.root)
    vectors = run.encode_listings(rows)
    np.testing.assert_allclose(vectors.text, run.vectors().text, atol=1e-5)
    np.testing.assert_allclose(vectors.img, run.vectors().img, atol=1e-5)
    with pytest.raises(UserError, match="no column 'category'"):
        run.encode_listings(rows.drop(columns="category"))
    alone = run.encode_listings(shop.rows).img  # the frame names one image each
    assert np.abs(alone - vectors.img).max() > 1e-3
    model = vitrina.EmbeddingPipeline(str(run.stored.model()))
    assert model.listing.text == "{title}. {category}"  # of the run that keeps this model
