"""Modules read as source: their definitions, imports and statements."""

import importlib
from pathlib import Path

import pytest

from vitrina.store import source_module
from vitrina.store.source_module import EFFECTS, WHOLE, Symbol, find_spec, parsed_module

SOURCE = """
import numpy as np
from typing import TYPE_CHECKING
from shop import prices as p
from shop.prices import price

if TYPE_CHECKING:
    from shop.types import Kind

try:
    from shop.fast import size
except ImportError:
    size = None

A = B = 1
A += 1
C: int = 2
TABLE = {}
TABLE["a"] = A
np.seterr(all="raise")
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package ``shop``, which stands in for this one."""
    folder = tmp_path / "shop"
    folder.mkdir()
    for name, source in {"__init__": "", "stage": SOURCE, "prices": "price = 1"}.items():
        (folder / f"{name}.py").write_text(source)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(source_module, "PACKAGE", "shop")
    parsed_module.cache_clear()
    find_spec.cache_clear()
    importlib.invalidate_caches()
    return folder


@pytest.mark.usefixtures("shop")
def test_a_module_is_told_by_its_statements() -> None:
    """Names with every statement that defines them, imports, and what runs at import."""
    module = parsed_module("shop.stage")
    assert {name: len(found) for name, found in module.definitions.items()} == {
        "A": 1,
        "B": 1,
        "C": 1,
        "TABLE": 1,
    }
    assert module.imports == {
        "np": Symbol("numpy", WHOLE),
        "TYPE_CHECKING": Symbol("typing", "TYPE_CHECKING"),
        "p": Symbol("shop.prices", WHOLE),
        "price": Symbol("shop.prices", "price"),
        "Kind": Symbol("shop.types", "Kind"),
        "size": Symbol("shop.fast", "size"),
    }
    assert [type(effect).__name__ for effect in module.effects] == [
        "Try",
        "AugAssign",
        "Assign",
        "Expr",
    ]
    assert module.loads == {"shop", "shop.prices", "shop.fast"}
    assert EFFECTS not in module.definitions


@pytest.mark.usefixtures("shop")
def test_a_name_defined_twice_keeps_both_statements(shop: Path) -> None:
    """The second may use the first."""
    (shop / "twice.py").write_text("x = 1\nx = x + 1\n")
    assert len(parsed_module("shop.twice").definitions["x"]) == 2


@pytest.mark.usefixtures("shop")
def test_a_missing_module_is_an_error() -> None:
    """With its name."""
    with pytest.raises(ModuleNotFoundError, match=r"shop\.absent"):
        parsed_module("shop.absent")
