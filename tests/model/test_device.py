"""The device that a parameter means."""

import logging

import pytest
import torch

from vitrina.errors import UserError
from vitrina.model.device import choose


def test_cpu_is_the_cpu_also_beside_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is asked for is used."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose("cpu") == torch.device("cpu")


def test_auto_uses_a_gpu_if_there_is_one(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Without one it says that it computes on the CPU."""
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose("auto") == torch.device("cuda")
    assert not caplog.messages
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose("auto") == torch.device("cpu")
    assert caplog.messages == ["No GPU found: computing on the CPU."]


def test_a_gpu_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says which torch looked for it and what to use instead."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match=r"no GPU here \(torch \d.*'auto' or 'cpu'"):
        choose("cuda")
