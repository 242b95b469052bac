"""What the processor has for bfloat16: asked once, timed once, kept."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from vitrina.model import processor

Flags = Callable[[str], None]


@pytest.fixture
def flags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flags]:
    """Makes this a machine whose processor has these flags."""
    monkeypatch.setenv("VITRINA_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv(processor.ISA_LIMIT, raising=False)
    monkeypatch.setattr(processor, "CPUINFO", tmp_path / "cpuinfo")

    def make(listed: str) -> None:
        (tmp_path / "cpuinfo").write_text(f"processor : 0\nmodel name : X\n{listed}\n")
        processor.bfloat16_units.cache_clear()
        processor.bfloat16_gain.cache_clear()

    yield make
    processor.bfloat16_units.cache_clear()
    processor.bfloat16_gain.cache_clear()


@pytest.mark.parametrize(
    ("listed", "units"),
    [
        ("flags : fpu avx512f avx512_bf16 amx_bf16 amx_tile", ("amx_bf16", "avx512_bf16")),
        ("flags : fpu avx512f avx512_bf16", ("avx512_bf16",)),
        ("flags : fpu avx2 avx512f", ()),
        ("Features : fp asimd bf16 i8mm", ("bf16",)),
        ("", ()),
    ],
)
def test_units_are_read_from_the_processor_s_flags(
    listed: str, units: tuple[str, ...], flags: Flags
) -> None:
    """x86 and Arm name them differently; a name that only contains one is none."""
    flags(listed)
    assert processor.bfloat16_units() == units


def test_a_machine_that_does_not_list_them_has_none(flags: Flags, tmp_path: Path) -> None:
    """Another system than Linux: nothing is assumed."""
    flags("")
    (tmp_path / "cpuinfo").unlink()
    assert processor.bfloat16_units() == ()
    assert not processor.prefers_bfloat16()


@pytest.mark.parametrize(
    ("limit", "has_units"),
    [("AVX512_CORE", False), ("avx2", False), ("AVX512_CORE_BF16", True), ("DEFAULT", True)],
)
def test_onednn_s_own_limit_counts(
    limit: str, has_units: bool, flags: Flags, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It computes the products, and would emulate what it may not use."""
    flags("flags : avx512_bf16")
    monkeypatch.setenv(processor.ISA_LIMIT, limit)
    assert bool(processor.bfloat16_units()) == has_units


@pytest.mark.parametrize(("gain", "preferred"), [(2.4, True), (1.1, False)])
def test_a_product_is_timed_once_per_machine(
    gain: float, preferred: bool, flags: Flags, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer is kept, so that it does not change with what else the machine does."""
    monkeypatch.setattr(processor, "_timed_gain", lambda: gain)
    flags("flags : avx512_bf16")
    assert processor.prefers_bfloat16() == preferred
    (kept,) = (tmp_path / "cache" / "processor").iterdir()
    assert json.loads(kept.read_text()) == {"bfloat16_gain": gain}
    monkeypatch.setattr(processor, "_timed_gain", lambda: 0.0)
    flags("flags : avx512_bf16")
    assert processor.prefers_bfloat16() == preferred


def test_a_cut_file_is_timed_again(
    flags: Flags, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk may have cut it off."""
    monkeypatch.setattr(processor, "_timed_gain", lambda: 3.0)
    flags("flags : avx512_bf16")
    assert processor.bfloat16_gain() == 3.0
    (kept,) = (tmp_path / "cache" / "processor").iterdir()
    kept.write_text('{"bfl')
    flags("flags : avx512_bf16")
    assert processor.bfloat16_gain() == 3.0


def test_a_processor_without_units_is_not_timed(
    flags: Flags, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It could only emulate bfloat16."""

    def never() -> float:
        raise AssertionError

    monkeypatch.setattr(processor, "_timed_gain", never)
    flags("flags : avx512f avx2")
    assert processor.bfloat16_gain() == 0
