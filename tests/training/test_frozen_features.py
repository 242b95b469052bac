"""A frozen tower: it keeps its weights, and its stored features are those it would compute."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from tests.support.small_training import ROWS, Train, small_config, weights_of
from vitrina.model.model import RuCLIP
from vitrina.store.paths import to_path
from vitrina.training.checkpoints import RunFolder
from vitrina.training.frozen_features import image_features, text_features
from vitrina.training.loop import TrainingLoop, TrainingRun


@pytest.mark.parametrize("source", ["title", "both"])
@pytest.mark.parametrize("tower", ["image", "text"])
def test_a_frozen_tower_keeps_its_weights_and_its_features_are_its_own(
    table: pd.DataFrame, model: RuCLIP, train: Train, tmp_path: Path, tower: Any, source: str
) -> None:
    """Only the other tower and logit_scale move; the features used are those recomputed."""
    config = small_config(num_epochs=1, freeze=tower, text_source=source)
    train(tmp_path, config)
    tuned, base = weights_of(tmp_path, "ruCLIP_model_epoch1.pth"), model.clip.state_dict()
    moved = {name for name in base if not torch.equal(tuned[name], base[name])}
    trainable = {
        name
        for name in base
        if name == "logit_scale" or name.startswith("visual.") != (tower == "image")
    }
    assert "logit_scale" in moved
    assert moved <= trainable
    assert len(moved) > 0.9 * len(trainable)

    run = TrainingRun(RunFolder(to_path(tmp_path / "other"), "key", {}))
    training = TrainingLoop(table[:ROWS], table[ROWS:], model, config, run)
    learner, batches = training.learner, training.batches
    learner.compute_frozen(batches.pixels)
    for batch in (batches[0], batches[1], batches[0]):
        pixels, ids = learner._inputs(batch)
        if tower == "image":
            own = batches.pixels.stack(batch.rows.tolist())
            expected = image_features(learner.towers, own, training.device)
            torch.testing.assert_close(pixels, expected, atol=1e-6, rtol=0)
        else:
            expected = text_features(learner.towers, batch.ids, training.device)
            torch.testing.assert_close(ids, expected, atol=1e-6, rtol=0)
