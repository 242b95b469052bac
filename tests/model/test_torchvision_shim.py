"""ruclip can be imported beside a CPU-only torch."""

import subprocess
import sys
from collections.abc import Callable

import pytest
import torch

from vitrina.model import torchvision_shim
from vitrina.model.torchvision_shim import OPERATOR_SCHEMAS, declare_missing_operators


def test_importing_ruclip_works_after_the_declaration() -> None:
    """In a new process, as a worker imports it; declaring comes first."""
    code = (
        "from vitrina.model.torchvision_shim import declare_missing_operators\n"
        "declare_missing_operators()\n"
        "import ruclip, torchvision.transforms"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("loads", [True, False])
def test_operators_are_declared_only_if_the_binary_does_not(
    loads: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Declaring them twice would fail."""
    declared: dict[str, str] = {}
    define: Callable[[str, str], None] = declared.__setitem__
    monkeypatch.setattr(torchvision_shim, "_binary_loads", lambda: loads)
    monkeypatch.setattr(torchvision_shim, "_is_declared", lambda _: False)
    monkeypatch.setattr(torch.library, "define", define)
    declare_missing_operators()
    assert declared == ({} if loads else OPERATOR_SCHEMAS)


def test_a_second_declaration_does_nothing() -> None:
    """torch itself refuses to define an operator twice."""
    declare_missing_operators()
    declare_missing_operators()


def test_without_torchvision_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """ruclip's own import would fail later and say less."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(ModuleNotFoundError, match="torchvision is not installed; ruclip"):
        declare_missing_operators()
