"""The parameters of a first run, from what an inspection found."""

from typing import Any

import yaml

from vitrina.config.evaluation import EvaluateConfig
from vitrina.config.inspection import InspectConfig
from vitrina.config.model import DEFAULT_MODEL
from vitrina.config.pipeline import PipelineConfig
from vitrina.inspection.inspect_catalog import Inspection


def draft(config: InspectConfig, found: Inspection) -> str:
    """A YAML file for ``vitrina run --config``, with the parameters that differ from the default.

    It is checked: ``PipelineConfig`` accepts it.
    """
    label = EvaluateConfig.model_fields["label_column"].default
    category = found.roles.category
    groups: dict[str, Any] = {
        "clean": found.clean.model_dump(mode="json", exclude_defaults=True),
        "resize": found.images.way.model_dump(mode="json", exclude_defaults=True)
        if found.images
        else {},
        "evaluate": {"label_column": category} if category not in (None, label) else {},
    }
    values = {
        "catalog": list(config.catalog) if len(config.catalog) > 1 else config.catalog[0],
        **({"images": config.images} if config.images else {}),
        "output": "output",
        "model": DEFAULT_MODEL,
        **{name: group for name, group in groups.items() if group},
    }
    PipelineConfig.model_validate(values)
    return yaml.safe_dump(values, allow_unicode=True, sort_keys=False)
