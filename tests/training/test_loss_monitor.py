"""Loss and gradient norm of the steps since the last check."""

import pandas as pd
import pytest
import torch

from vitrina.errors import UserError
from vitrina.training.loss_monitor import LossMonitor


@pytest.fixture
def monitor() -> LossMonitor:
    """A monitor of a hundred listings whose nm are 1000 to 1099."""
    return LossMonitor(pd.Series([str(1000 + row) for row in range(100)]))


def test_a_check_gives_the_means_since_the_last_one(monitor: LossMonitor) -> None:
    """Means of loss and norm over the steps, once; without a step there is nothing to give."""
    assert monitor.check() == {}
    monitor.add(torch.tensor([0, 1]), torch.tensor([2.0, 0.5]))
    monitor.add(torch.tensor([2, 3]), torch.tensor([4.0, 1.5]))
    checked = monitor.check()
    assert checked["loss"] == 3
    assert checked["grad_norm"] == 1
    assert checked["samples_per_second"] > 0
    assert monitor.check() == {}


def test_the_first_broken_step_is_named_by_its_listings(monitor: LossMonitor) -> None:
    """A loss or a gradient that is not finite is an error with that batch's nm, 50 at most."""
    monitor.add(torch.arange(5), torch.tensor([2.0, 0.5]))
    assert monitor.is_finite()
    monitor.add(torch.arange(10, 70), torch.tensor([2.0, float("inf")]))
    monitor.add(torch.arange(5), torch.tensor([float("nan"), float("nan")]))
    assert not monitor.is_finite()
    with pytest.raises(UserError, match=r"loss 2\.0, gradient norm inf") as caught:
        monitor.check()
    named = str(caught.value).split("nm ")[1].split(". ")[0]
    assert named == ", ".join(str(1000 + row) for row in range(10, 60)) + " and 10 more"


def test_a_restart_drops_the_steps_before_it(monitor: LossMonitor) -> None:
    """After a restart nothing is left to report, nor to be broken."""
    monitor.add(torch.arange(5), torch.tensor([float("nan"), 1.0]))
    monitor.restart()
    assert monitor.is_finite()
    assert monitor.check() == {}
