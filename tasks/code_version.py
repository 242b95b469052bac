"""The version of a stage is its code: the hash of its module and of what that imports from here.

Prefect's TASK_SOURCE sees only the decorated function, so an edit in a helper would return a stale
artifact. Comments, docstrings and layout do not count.
"""

import ast
import functools
import importlib.util
from collections.abc import Iterator
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

from tasks.storage import fingerprint

# Parameters and results are in the key by value; the store, the wrapping, what is shown and where
# shards are worked on change no content.
NOT_CONTENT = {
    f"tasks.{name}"
    for name in (
        "artifacts",
        "bars",
        "code_version",
        "config",
        "errors",
        "ray_cluster",
        "results",
        "retries",
        "runner",
        "shards",
        "stage",
        "storage",
    )
}


@functools.cache
def code_version(module: str) -> str:
    """Hash of the code of ``module`` and of every ``tasks`` module that it reaches by import."""
    trees: dict[str, str] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in trees or name in NOT_CONTENT:
            continue
        tree = ast.parse(_source(name))
        waiting.extend(found for found in _imports(tree) if _is_module(found))
        trees[name] = ast.dump(_without_docstrings(tree))
    return fingerprint(sorted(trees.items()))


def _spec(module: str) -> ModuleSpec | None:
    """Where a module lies, found without importing it: torch would cost a cached run seconds."""
    package = module.rpartition(".")[0]
    if not package:
        return importlib.util.find_spec(module)
    above = _spec(package)
    places = above.submodule_search_locations if above else None
    return PathFinder.find_spec(module, places) if places else None


def _source(module: str) -> str:
    spec = _spec(module)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(module)
    return Path(spec.origin).read_text(encoding="utf-8")


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _is_module(name: str) -> bool:
    return name.startswith("tasks.") and _spec(name) is not None


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                node.body = node.body[1:]
    return tree
