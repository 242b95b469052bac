"""The page of the Python API: signatures and docstrings of the public names."""

import ast
import importlib
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

from docs.tools.cells import page

INTRODUCTION = """# Python

`import vitrina` needs neither Prefect nor, until a model is loaded, torch. Vectors are float32
arrays of unit length, so that a product is the cosine. What a user can mend is raised as
`vitrina.errors.UserError`, with what to do.

```python
import vitrina

run = vitrina.open_run("output")  # or s3://bucket/shop
for hit in run.search("жёлтая кружка", k=5, where={"category": "Посуда"}):
    print(hit.nm, f"{hit.score:.3f}", hit.title)
similarity = run.encode_texts(["жёлтая кружка"]) @ run.vectors().img.T
```

In the signatures below, `By` is `"both"`, `"image"` or `"text"`; `Where` is a mapping of columns
to a value or a list of values; `Vectors` is a float32 array; `ImageInput` is a path, local or
`s3://`, or a Pillow image."""
PUBLIC = {
    "A finished run": (
        "vitrina.search.run:open_run",
        "vitrina.search.run:Run",
        "vitrina.search.run:Hit",
        "vitrina.search.run:RunVectors",
    ),
    "A model": (
        "vitrina.embedding.pipeline:EmbeddingPipeline",
        "vitrina.onnx_export.folder:open_encoder",
    ),
}
IN_PACKAGE = {"open_run", "EmbeddingPipeline"}  # of vitrina itself
MADE_BY = {"Run"}  # by a function of the page


def python_page() -> str:
    """The page."""
    parts = [INTRODUCTION]
    for title, names in PUBLIC.items():
        parts += [f"## {title}", *map(_described, names)]
    return page(*parts)


def _described(name: str) -> str:
    module, _, attribute = name.partition(":")
    found = getattr(importlib.import_module(module), attribute)
    shown = f"vitrina.{attribute}" if attribute in IN_PACKAGE else f"{module}.{attribute}"
    heading = f"### {attribute}\n\n`{shown}`"
    if not inspect.isclass(found):
        return f"{heading}\n\n{_signature(attribute, found)}\n\n{_prose(found)}"
    parts = [heading, _prose(found)]
    if _is_record(found):
        parts.append(_fields(found))
    elif attribute not in MADE_BY:
        made = vars(found)["__init__"]
        parts += [_signature(attribute, made), _prose(made)]
    parts += [
        f"#### {attribute}.{name}\n\n{_signature(name, member)}\n\n{_prose(member)}"
        for name, member in vars(found).items()
        if inspect.isfunction(member) and not name.startswith("_")
    ]
    return "\n\n".join(part for part in parts if part)


def _is_record(found: type) -> bool:
    """Whether it is a dataclass or a named tuple."""
    return hasattr(found, "__dataclass_fields__") or issubclass(found, tuple)


def _fields(found: type) -> str:
    """The fields of a record, as they are written."""
    fields = [one for one in _node(found).body if isinstance(one, ast.AnnAssign)]
    return "\n".join(f"- `{ast.unparse(one.target)}`: `{_text(one.annotation)}`" for one in fields)


def _signature(name: str, function: Callable[..., Any]) -> str:
    """A signature as it is written, a line for each argument."""
    node = _node(function)
    given = [one for one in _arguments(node.args) if one != "self"]
    result = f" -> {_text(node.returns)}" if name[:1].islower() else ""
    line = f"{name}({', '.join(given)}){result}"
    if len(line) > 80:
        line = "\n".join([f"{name}(", *(f"    {one}," for one in given), f"){result}"])
    return f"```text\n{line}\n```"


def _node(documented: Any) -> Any:
    (node,) = ast.parse(textwrap.dedent(inspect.getsource(documented))).body
    return node


def _arguments(given: ast.arguments) -> Iterator[str]:
    defaults = [None] * (len(given.args) - len(given.defaults)) + list(given.defaults)
    for argument, default in zip(given.args, defaults, strict=True):
        yield _argument(argument, default)
    if given.kwonlyargs:
        yield "*"
    for argument, default in zip(given.kwonlyargs, given.kw_defaults, strict=True):
        yield _argument(argument, default)


def _argument(argument: ast.arg, default: ast.expr | None) -> str:
    kind = f": {_text(argument.annotation)}" if argument.annotation else ""
    return argument.arg + kind + (f" = {_text(default, keep=True)}" if default else "")


def _text(node: ast.expr | None, *, keep: bool = False) -> str:
    """An expression as Python; a type in quotes without them, unless they are to be kept."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and not keep:
        return node.value
    return ast.unparse(node).replace("'", '"') if node else ""


def _prose(documented: Any) -> str:
    """A docstring as Markdown."""
    text = textwrap.dedent(inspect.getdoc(documented) or "")
    text = re.sub(r":\w+:`~?([^`]+)`", r"`\1`", text)
    return text.replace("``", "`")
