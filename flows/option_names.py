"""Parameters in error messages, as the script at hand spells them.

The library names a parameter by its place in the pipeline's configuration, ``clean.title_column``.
In the pipeline that is ``--clean.title_column``, in a script of one stage ``--title_column``.
"""

import re
from collections.abc import Mapping
from typing import Any

from vitrina.config.parameters import Parameters
from vitrina.config.pipeline import PipelineConfig

# Where else an option of a group is found, for a script that lacks it.
SCRIPTS = {
    "clean": "flows/data_preprocessing.py",
    "resize": "flows/data_preprocessing.py",
    "train": "flows/train_model.py",
    "embed": "flows/generate_embeddings.py",
}


def with_option_names(message: str, model: type[Parameters]) -> str:
    """``message`` with every ``group.parameter`` replaced by the option of ``model``'s script.

    An option that the script lacks is named with the script that has it.
    """
    groups = _groups()
    names = "|".join(groups)

    def option(found: re.Match[str]) -> str:
        group, name = found.groups()
        if name not in groups[group]:
            return found[0]
        if group in model.model_fields:
            return f"--{group}.{name}"
        if name in model.model_fields:
            return f"--{name}"
        script = SCRIPTS.get(group)
        return f"--{name} of {script}" if script else f"--{group}.{name} of flows/pipeline.py"

    return re.sub(rf"(?<![\w./-])({names})\.(\w+)\b", option, message)


def _groups() -> Mapping[str, Mapping[str, Any]]:
    """The pipeline's groups of parameters, by name, with the parameters of each."""
    return {
        name: kind.model_fields
        for name, field in PipelineConfig.model_fields.items()
        if isinstance(kind := field.annotation, type) and issubclass(kind, Parameters)
    }
