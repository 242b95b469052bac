"""The moving average of the weights."""

from pathlib import Path

import torch

from tests.support.small_training import Train, small_config
from vitrina.model.model import RuCLIP
from vitrina.training.ema import MovingAverage


def test_moving_average_follows_its_formula_and_gives_the_weights_back(own_model: RuCLIP) -> None:
    """After some updates the average is the recursion's; the live weights are untouched by it."""
    clip = own_model.clip
    average = MovingAverage(clip, 0.9)
    live = dict(clip.named_parameters())["visual.proj"]
    expected = live.detach().clone()
    for step in range(1, 4):
        with torch.no_grad():
            live.add_(1.0)
        average.update(step)
        expected = expected.lerp(live.detach(), 1 - min(0.9, (1 + step) / (10 + step)))
    before = live.detach().clone()
    with average.in_place():
        torch.testing.assert_close(dict(clip.named_parameters())["visual.proj"].detach(), expected)
    assert torch.equal(live.detach(), before)


def test_averaged_weights_are_validated_and_kept(train: Train, tmp_path: Path) -> None:
    """With EMA the checkpoint's weights are the average, and the live ones are beside them."""
    progress = train(tmp_path, small_config(ema_decay=0.5))
    content = torch.load(tmp_path / "ruCLIP_model_epoch3.pth", weights_only=True)
    average, live = content["model_state_dict"], content["live_state_dict"]
    assert not torch.equal(average["visual.proj"], live["visual.proj"])
    assert progress.best
