"""The page of what a run writes: the results of the stages, from their fields."""

from types import NoneType
from typing import Any, get_args

from docs.tools.cells import code, escaped, page, table
from vitrina.config.parameters import Parameters
from vitrina.results import StageResults

INTRODUCTION = """# What a run writes

Each stage writes an artifact, `<output>/<stage>/<key>/`; `<output>/<stage>/latest` points to the
newest one: a link, on S3 a file with the key. `manifest.json`, written last, holds the
parameters and, under `result`, the values below: paths, counts and metrics. Resized images are
in `<output>/images/`, models that embed or have embedded in `<output>/models/`, the LanceDB
table in `<output>/index/`.

```python
import json
from pathlib import Path

result = json.loads(Path("output/embed/latest/manifest.json").read_text())["result"]
print(result["npz"], result["rows"], result["embed_dim"])
```"""
FOLDERS = {
    "resized": "resize",
    "trained": "train",
    "evaluated": "evaluate",
    "promoted": "promote",
    "embedded": "embed",
    "indexed": "index",
    "changed": "changes",
}
"""Stages whose field has another name than their folder."""


def results_page() -> str:
    """The page."""
    sections = [
        _section(FOLDERS.get(name, name), _model(field.annotation))
        for name, field in StageResults.model_fields.items()
    ]
    return page(INTRODUCTION, *sections)


def _model(kind: Any) -> type[Parameters]:
    """The model of a field that may be None."""
    model: type[Parameters] = next((one for one in get_args(kind) if one is not NoneType), kind)
    return model


def _section(name: str, model: type[Parameters]) -> str:
    rows = [
        (code(field), escaped(info.description or field.replace("_", " ").capitalize() + "."))
        for field, info in model.model_fields.items()
    ]
    return f"## {name}\n\n{model.__doc__}\n\n{table(('', ''), rows)}"
