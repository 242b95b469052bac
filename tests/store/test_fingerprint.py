"""Equal content has equal fingerprints, and other content has others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from upath import UPath

from vitrina.config.training import TrainConfig
from vitrina.store.files import write_bytes
from vitrina.store.fingerprint import file_fingerprint, fingerprint


def test_content_decides_the_fingerprint(place: UPath) -> None:
    """Equal bytes have equal fingerprints; one byte more has another."""
    write_bytes(place / "a", b"same")
    write_bytes(place / "b", b"same")
    write_bytes(place / "c", b"same!")
    assert file_fingerprint(place / "a") == file_fingerprint(place / "b")
    assert file_fingerprint(place / "a") != file_fingerprint(place / "c")


@given(
    st.dictionaries(st.text(), st.integers() | st.text() | st.none() | st.floats(allow_nan=False))
)
def test_fingerprint_ignores_the_order_of_names(values: dict[str, object]) -> None:
    """A mapping's fingerprint does not depend on the order of its keys."""
    assert fingerprint(values) == fingerprint(dict(reversed(values.items())))


def test_fingerprint_tells_parameters_apart() -> None:
    """Another learning rate gives another fingerprint; other objects are refused."""
    assert fingerprint(TrainConfig(lr=1e-5)) != fingerprint(TrainConfig(lr=1e-6))
    with pytest.raises(TypeError):
        fingerprint(object())
