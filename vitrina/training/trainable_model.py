"""The copy of the base model that is trained, and the configuration that goes with its weights."""

import copy
import dataclasses
from typing import Any

from vitrina.config.text import BY_TITLE, ListingConfig
from vitrina.config.training import TrainConfig
from vitrina.model.model import RuCLIP


def trainable_copy(model: RuCLIP, config: TrainConfig, listing: ListingConfig = BY_TITLE) -> RuCLIP:
    """A copy of the base model with weights of its own and the configuration to be saved."""
    return dataclasses.replace(
        model, clip=copy.deepcopy(model.clip), config=trained_config(model, config, listing)
    )


def trained_config(model: RuCLIP, config: TrainConfig, listing: ListingConfig) -> dict[str, Any]:
    """The content of the fine-tuned model's config.json: the base's, with what was trained with.

    That is the resize mode, the template of a listing's text, and the lengths to which vectors may
    be cut.
    """
    resize_mode = model.resize_mode if config.resize_mode == "model" else config.resize_mode
    trained = {**model.config, "resize_mode": resize_mode, "text": listing.text}
    if config.matryoshka:
        trained["matryoshka"] = sorted(config.matryoshka, reverse=True)
    return trained
