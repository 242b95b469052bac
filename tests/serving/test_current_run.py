"""A new run is served as soon as it is whole, and never mixed with the last one."""

import logging
import threading
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tests.search.test_approximate import make_index
from tests.serving.conftest import CONFIG
from tests.support.searched_run import SearchedRun, embed_again, embedded_run
from tests.support.shop import draw_shop, tiny_model
from vitrina.config.index import IndexConfig
from vitrina.serving.app import make_app
from vitrina.serving.current_run import CurrentRun, RunKeys, lacks_index
from vitrina.store.paths import to_path

INDEX = IndexConfig(image_weight=0.3, exact_below=30)


@pytest.fixture
def shop(tmp_path: Path) -> SearchedRun:
    """Forty listings, embedded and indexed."""
    rows = draw_shop(tmp_path / "images", 40)
    shop = embedded_run(to_path(tmp_path / "output"), tmp_path, rows)
    make_index(shop, INDEX)
    return shop


@pytest.fixture
def current(shop: SearchedRun) -> CurrentRun:
    """The run, opened."""
    current = CurrentRun(shop.store.root, "cpu", 60)
    current.open()
    return current


def key_of(current: CurrentRun) -> str:
    """The key of the run that is served."""
    assert current.run is not None
    return current.run.key


def test_a_new_run_is_taken_up_with_its_index(current: CurrentRun, shop: SearchedRun) -> None:
    """Until the index is there, the last run answers; nothing new is not opened again."""
    first = current.run
    current.look()
    assert current.run is first
    later = embed_again(shop.store, shop.rows[:35], shop.model)
    current.look()
    assert current.run is first
    make_index(later, INDEX)
    current.look()
    assert current.run is not None
    assert len(current.run) == 35
    assert current.run.run.searcher.approximate is not None
    assert first is not None
    assert current.run.encoder is first.encoder, "the model is the same, and is not loaded again"


def test_a_run_whose_index_does_not_come_is_served_in_the_end(
    current: CurrentRun, shop: SearchedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exactly searched."""
    monkeypatch.setattr("vitrina.serving.current_run.INDEX_SECONDS", 0.0)
    embed_again(shop.store, shop.rows[:35], shop.model)
    current.look()
    assert current.run is not None
    assert len(current.run) == 35
    assert current.run.run.searcher.approximate is None


@pytest.mark.parametrize(
    ("latest", "served", "waits"),
    [
        (RunKeys("a", "i"), RunKeys(), False),
        (RunKeys("b", "i"), RunKeys("a", "i"), True),
        (RunKeys("b", "j"), RunKeys("a", "i"), False),
        (RunKeys("b", None), RunKeys("a", None), False),
        (RunKeys("a", "j"), RunKeys("a", "i"), False),
    ],
)
def test_only_a_store_with_an_index_is_waited_for(
    latest: RunKeys, served: RunKeys, waits: bool
) -> None:
    """And only while the index is that of the last run."""
    assert lacks_index(latest, served) == waits


def test_a_damaged_new_run_leaves_the_last_one(
    current: CurrentRun, shop: SearchedRun, caplog: pytest.LogCaptureFixture
) -> None:
    """It is said, and tried again later; a whole one is then served."""
    before = key_of(current)
    model = tiny_model(Path(shop.store.root).parent / "other", shop.rows, 1)
    later = embed_again(shop.store, shop.rows, model)
    make_index(later, INDEX)
    npz = Path(later.folder.path) / "embeddings.npz"
    content = npz.read_bytes()
    npz.write_bytes(content[:1000])
    with caplog.at_level(logging.WARNING):
        current.look()
    assert key_of(current) == before
    assert "the new run cannot be opened" in caplog.text
    npz.write_bytes(content)
    current.look()
    assert key_of(current) == before, "not at once: a store may be down"
    current._ready_at = 0.0
    current.look()
    assert key_of(current) != before


@pytest.mark.slow
def test_answers_during_switches_are_of_one_run(current: CurrentRun, shop: SearchedRun) -> None:
    """Two models in turn, while two clients ask all the time: scores, titles and key agree."""
    other = tiny_model(Path(shop.store.root).parent / "other", shop.rows, 1)
    renamed = shop.rows.assign(title=shop.rows["title"] + " другая")
    client = TestClient(make_app(current, CONFIG), "http://127.0.0.1:8100")
    answers: dict[str, set[str]] = {}
    end, failures = threading.Event(), []

    def ask() -> None:
        while not end.is_set():
            response = client.get("/search", params={"q": "кружка", "top": 3})
            if response.status_code != 200:
                failures.append(response.text)
                return
            found = response.json()
            answers.setdefault(found.pop("run"), set()).add(str(found))

    clients = [threading.Thread(target=ask) for _ in range(2)]
    for one in clients:
        one.start()
    for rows, model in ((renamed, other), (shop.rows, shop.model)) * 2:
        make_index(embed_again(shop.store, rows, model), INDEX)
        current.look()
    end.set()
    for one in clients:
        one.join()
    assert not failures
    assert len(answers) == 2
    assert {len(different) for different in answers.values()} == {1}, "each run answers alike"
