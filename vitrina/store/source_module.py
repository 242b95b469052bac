"""Modules of this package as parsed source: what they define, import and run; never imported."""

import ast
import functools
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import NamedTuple

from vitrina.store.syntax_tree import parse_content

PACKAGE = "vitrina"
WHOLE, EFFECTS = "", "*"  # names that stand for a whole module, and for what importing it runs


class Symbol(NamedTuple):
    """A name in a module."""

    module: str
    name: str


@dataclass
class SourceModule:
    """A parsed module, without what changes no result."""

    definitions: dict[str, list[ast.stmt]] = field(default_factory=dict)
    imports: dict[str, Symbol] = field(default_factory=dict)
    effects: list[ast.stmt] = field(default_factory=list)  # statements that define no name
    loads: set[str] = field(default_factory=set)  # modules that importing this one imports


@functools.cache
def parsed_module(name: str) -> SourceModule:
    """The module of a name, parsed once. Raises ModuleNotFoundError if there is none."""
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(name)
    tree = parse_content(Path(spec.origin).read_text(encoding="utf-8"))
    module = SourceModule(loads={name.rpartition(".")[0] or name})  # its package is imported first
    for statement in tree.body:
        if names := _defined(statement):
            for defined in names:
                module.definitions.setdefault(defined, []).append(statement)
            continue
        imports = dict(imports_in(statement))
        module.imports |= imports
        if isinstance(statement, ast.If) and "TYPE_CHECKING" in ast.unparse(statement.test):
            continue
        module.loads.update(target.module for target in imports.values() if is_ours(target.module))
        if not isinstance(statement, ast.Import | ast.ImportFrom | ast.Pass):
            module.effects.append(statement)
    return module


def _defined(statement: ast.stmt) -> list[str]:
    match statement:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return [statement.name]
        case ast.Assign() | ast.AnnAssign():
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            nodes = (node for target in targets for node in ast.walk(target))
            stored = (node for node in nodes if isinstance(node, ast.Name))
            return [node.id for node in stored if isinstance(node.ctx, ast.Store)]
    return []


def imports_in(statement: ast.stmt) -> Iterator[tuple[str, Symbol]]:
    """The local names that the imports in a statement bind, and what they stand for.

    Raises ImportError for a form that cannot be followed.
    """
    for node in ast.walk(statement):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if is_ours(alias.name) and not alias.asname:
                    raise ImportError(f"cannot follow `import {alias.name}`: use from ... import")
                yield alias.asname or alias.name.split(".")[0], Symbol(alias.name, WHOLE)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if node.module is None or node.level or alias.name == "*":
                    raise ImportError(f"cannot follow `{ast.unparse(node)}`: use full names")
                submodule = f"{node.module}.{alias.name}"
                is_module = is_ours(submodule) and find_spec(submodule) is not None
                target = Symbol(submodule, WHOLE) if is_module else Symbol(node.module, alias.name)
                yield alias.asname or alias.name, target


@functools.cache
def find_spec(module: str) -> ModuleSpec | None:
    """Where a module is, found without importing it or its package."""
    package = module.rpartition(".")[0]
    if not package:
        return importlib.util.find_spec(module)
    parent = find_spec(package)
    folders = parent.submodule_search_locations if parent else None
    return PathFinder.find_spec(module, folders) if folders else None


def is_ours(module: str) -> bool:
    """Whether a module belongs to this package."""
    return module == PACKAGE or module.startswith(f"{PACKAGE}.")
