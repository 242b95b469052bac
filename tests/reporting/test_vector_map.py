"""The map of vectors."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from vitrina.reporting.vector_map import arrange, draw_vector_map, vector_map
from vitrina.store.paths import to_path

Floats = np.typing.NDArray[np.float32]


def vectors(rows: int = 60) -> Floats:
    """Unit vectors in three clusters, one after the other."""
    random = np.random.default_rng(0)
    centres = np.eye(16, dtype=np.float32)[[0, 5, 10]]
    found = centres[np.arange(rows) % 3] + random.normal(0, 0.1, (rows, 16)).astype(np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def test_near_vectors_lie_close_together_and_always_in_the_same_place() -> None:
    """Clusters stay apart on the map, which is the same each time."""
    points = arrange(vectors())
    assert np.array_equal(points, arrange(vectors()))
    own = [points[start::3] for start in range(3)]
    spread = max(float(np.linalg.norm(one - one.mean(0), axis=1).max()) for one in own)
    centres = np.array([one.mean(0) for one in own])
    apart = min(float(np.linalg.norm(centres[i] - centres[i - 1])) for i in range(3))
    assert apart > 2 * spread


def test_categories_have_colours_and_numbers() -> None:
    """The most frequent eight by name; the others, and listings without one, are grey together."""
    names = [f"c{n}" for n in range(10) for _ in range(20 - n)] + [""] * 5
    points = np.random.default_rng(0).normal(size=(len(names), 2)).astype(np.float32)
    svg = vector_map(points, names).decode()
    assert re.findall(r">(c\d \(\d+\))<", svg) == [f"c{n} ({20 - n})" for n in range(8)]
    assert "other (28)" in svg
    assert {f"var(--c{n})" for n in range(1, 9)} <= set(re.findall(r"var\(--c\d\)", svg))


@pytest.fixture
def stored(tmp_path: Path) -> tuple[Path, Path]:
    """An NPZ and its table."""
    np.savez(tmp_path / "v.npz", text=vectors(), img=vectors(), nm=np.arange(60))
    table = pd.DataFrame({"title": "т", "image_path": "i", "nm": range(60), "category": "Дом"})
    table.to_parquet(tmp_path / "t.parquet")
    return tmp_path / "v.npz", tmp_path / "t.parquet"


def test_the_map_of_a_run_is_drawn_from_its_files(stored: tuple[Path, Path]) -> None:
    """A sample over the whole table; without such a column no legend; of a few rows no map."""
    npz, table = stored[0], to_path(stored[1])
    svg = draw_vector_map(npz, table, "category", 20, 0.5)
    assert svg is not None
    assert "Дом (20)" in svg.decode()
    plain = draw_vector_map(npz, table, "brend", 20, 0.5)
    assert plain is not None
    assert "<text" not in plain.decode()
    assert draw_vector_map(npz, table, "category", 9, 0.5) is None
