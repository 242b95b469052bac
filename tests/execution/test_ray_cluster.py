"""The address of a cluster, and the signal handler that stays Prefect's."""

import signal

import pytest

from vitrina.execution.ray_cluster import address_of, joining


def test_the_environment_names_the_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    """``ray`` is the cluster at RAY_ADDRESS, or a new one; an address is itself."""
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    assert address_of("ray") == "local"
    monkeypatch.setenv("RAY_ADDRESS", "ray://head.example:10001")
    assert address_of("ray") == "ray://head.example:10001"
    assert address_of("ray://other.example:10001") == "ray://other.example:10001"


def test_the_handler_that_cancels_a_run_stays_prefects() -> None:
    """A handler that Ray sets while it starts is replaced by the former one."""
    before = signal.getsignal(signal.SIGTERM)
    with joining():
        signal.signal(signal.SIGTERM, lambda *_: None)
    assert signal.getsignal(signal.SIGTERM) == before
