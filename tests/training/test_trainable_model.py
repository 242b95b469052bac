"""The copy of the base model that is trained."""

from pathlib import Path

import pandas as pd
import torch

from tests.support.small_training import ROWS, Train, small_config, small_fine_tune
from vitrina.config.text import ListingConfig
from vitrina.model.model import RuCLIP, load_checkpoint, load_folder
from vitrina.training.trainable_model import trainable_copy


def test_the_copy_shares_no_weight_with_the_base(model: RuCLIP) -> None:
    """Training the copy in place leaves the base as it is."""
    base = {name: tensor.clone() for name, tensor in model.clip.state_dict().items()}
    copy = trainable_copy(model, small_config())
    with torch.no_grad():
        for parameter in copy.clip.parameters():
            parameter.add_(1)
    assert all(torch.equal(one, base[name]) for name, one in model.clip.state_dict().items())


def test_the_chosen_resize_mode_is_stored_with_the_model(
    train: Train, model: RuCLIP, tmp_path: Path
) -> None:
    """resize_mode is stored in the folder and in the checkpoints, for embedding to use the same."""
    train(tmp_path, small_config(num_epochs=1, resize_mode="longest"))
    assert load_folder(tmp_path / "ruclip").resize_mode == "longest"
    assert load_checkpoint(tmp_path / "ruCLIP_model_epoch1.pth", None).resize_mode == "longest"
    assert model.resize_mode == "shortest"


def test_a_training_without_a_resize_mode_of_its_own_keeps_the_models(model: RuCLIP) -> None:
    """A model that pads is fine-tuned with padding, unless another mode is asked for."""
    padding = RuCLIP(model.clip, model.tokenizer_path, {**model.config, "resize_mode": "longest"})
    assert trainable_copy(padding, small_config()).resize_mode == "longest"
    assert trainable_copy(padding, small_config(resize_mode="squash")).resize_mode == "squash"


def test_the_text_of_a_listing_is_stored_with_the_model(
    table: pd.DataFrame, model: RuCLIP, tmp_path: Path
) -> None:
    """In the folder and in the checkpoints, for embedding to use the same; by default the title."""
    by_thing = ListingConfig(text="{title}. {thing}")
    rows = table.assign(thing="Вещь")
    config = small_config(num_epochs=1)
    small_fine_tune(rows[:ROWS], rows[ROWS:], model, tmp_path / "out", config, by_thing)
    checkpoint = load_checkpoint(tmp_path / "out" / "ruCLIP_model_epoch1.pth", None)
    assert load_folder(tmp_path / "out" / "ruclip").text == checkpoint.text == "{title}. {thing}"
    assert trainable_copy(model, small_config()).config["text"] == "{title}"
