"""The version of a stage: a hash of the code that decides what comes out of it.

Starting from one function, every function, class and constant of this package that it reaches is
hashed. What does not change a result does not count: comments, docstrings, log lines, the messages
of exceptions, and the modules in ``NOT_CONTENT``. Prefect's TASK_SOURCE policy sees only the
decorated function, so an edit of a helper would return a stale artifact.
"""

import ast
import functools
import importlib.util
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import NamedTuple

from vitrina.store.fingerprint import fingerprint

PACKAGE = "vitrina"
# Parameters and results are in a key by value; the rest says how work is stored, spread over
# workers, reported or described.
NOT_CONTENT = (
    "vitrina.config",
    "vitrina.errors",
    "vitrina.results",
    "vitrina.store",
    "vitrina.execution",
    "vitrina.training.model_card",
    "vitrina.training.tracking",
)


class Symbol(NamedTuple):
    """A name of a module; an empty name stands for the whole module."""

    module: str
    name: str


@dataclass
class _Module:
    """A parsed module: its definitions, what its imports stand for, and its other statements."""

    definitions: dict[str, ast.stmt] = field(default_factory=dict)
    imports: dict[str, Symbol] = field(default_factory=dict)
    effects: list[ast.stmt] = field(default_factory=list)


@functools.cache
def code_version(entry: str) -> str:
    """Hash of ``module:name`` and of all code of this package that it reaches.

    Raises ModuleNotFoundError or AttributeError if there is no such module or name.
    """
    module, _, name = entry.partition(":")
    if name and name not in _parsed(module).definitions:
        raise AttributeError(f"{module} defines no {name!r}")
    code: dict[Symbol, str] = {}
    waiting = [Symbol(module, name)]
    while waiting:
        symbol = waiting.pop()
        if symbol in code or _is_excluded(symbol.module):
            continue
        statements = _statements(symbol)
        code[symbol] = "\n".join(map(ast.unparse, statements))
        waiting.extend(_references(statements, symbol.module))
        if symbol.name:  # a module's other statements run whenever any of its names is used
            waiting.append(Symbol(symbol.module, "*"))
    return fingerprint(sorted((*symbol, text) for symbol, text in code.items()))


def _statements(symbol: Symbol) -> list[ast.stmt]:
    module = _parsed(symbol.module)
    if symbol.name == "":
        return [*module.definitions.values(), *module.effects]
    if symbol.name == "*":
        return module.effects
    if symbol.name in module.definitions:
        return [module.definitions[symbol.name]]
    return []


def _references(statements: Iterable[ast.stmt], module: str) -> Iterator[Symbol]:
    """The symbols of this package that some statements of a module name."""
    own = _parsed(module)
    for statement in statements:
        imports = own.imports | dict(_imported(statement))
        for node in ast.walk(statement):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                target = imports.get(node.value.id)
                if target and not target.name:
                    yield _resolved(Symbol(target.module, node.attr))
            elif isinstance(node, ast.Name):
                if node.id in own.definitions:
                    yield Symbol(module, node.id)
                elif (target := imports.get(node.id)) and target.name:
                    yield _resolved(target)


def _resolved(symbol: Symbol) -> Symbol:
    """Where a name is defined, if the module it is imported from has imported it itself."""
    if _is_excluded(symbol.module):
        return symbol
    module = _parsed(symbol.module)
    if symbol.name not in module.definitions and symbol.name in module.imports:
        return _resolved(module.imports[symbol.name])
    return symbol


def _is_excluded(module: str) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in NOT_CONTENT)


@functools.cache
def _parsed(name: str) -> _Module:
    tree = _Stripped().visit(ast.parse(_source(name)))
    module = _Module()
    for statement in tree.body:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            module.imports.update(_imported(statement))
        elif _is_type_checking(statement):
            module.imports.update(_imported(statement))
        elif names := _defined(statement):
            module.definitions.update(dict.fromkeys(names, statement))
        elif not isinstance(statement, ast.Pass):
            module.effects.append(statement)
    return module


def _defined(statement: ast.stmt) -> list[str]:
    match statement:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return [statement.name]
        case ast.Assign():
            found = (node for target in statement.targets for node in ast.walk(target))
            return [node.id for node in found if isinstance(node, ast.Name)]
        case ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
    return []


def _is_type_checking(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.If) and ast.unparse(statement.test) == "TYPE_CHECKING"


def _imported(statement: ast.stmt) -> Iterator[tuple[str, Symbol]]:
    """Local names and what of this package they stand for, of every import in a statement."""
    for node in ast.walk(statement):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.asname and _is_ours(alias.name):
                    yield alias.asname, Symbol(alias.name, "")
        elif isinstance(node, ast.ImportFrom) and node.module and _is_ours(node.module):
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                is_module = _spec(submodule) is not None
                target = Symbol(submodule, "") if is_module else Symbol(node.module, alias.name)
                yield alias.asname or alias.name, target


def _is_ours(module: str) -> bool:
    return module == PACKAGE or module.startswith(f"{PACKAGE}.")


@functools.cache
def _spec(module: str) -> ModuleSpec | None:
    """Where a module lies, found without importing it: torch would cost a cached run seconds."""
    package = module.rpartition(".")[0]
    if not package:
        return importlib.util.find_spec(module)
    above = _spec(package)
    folders = above.submodule_search_locations if above else None
    return PathFinder.find_spec(module, folders) if folders else None


def _source(module: str) -> str:
    spec = _spec(module)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(module)
    return Path(spec.origin).read_text(encoding="utf-8")


class _Stripped(ast.NodeTransformer):
    """Takes out of a tree what decides no result."""

    def visit_Expr(self, node: ast.Expr) -> ast.stmt:  # noqa: N802 - ast's own name for it
        """Docstrings and log lines."""
        is_text = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        call = node.value.func if isinstance(node.value, ast.Call) else None
        is_log = isinstance(call, ast.Attribute) and ast.unparse(call.value) == "logger"
        return ast.Pass() if is_text or is_log else self.generic_visit(node)  # type: ignore[return-value]  # typed as AST, stays a statement

    def visit_Raise(self, node: ast.Raise) -> ast.stmt:  # noqa: N802 - ast's own name for it
        """The message of an exception; a bare name among its arguments, such as a reason, stays."""
        node.cause = None
        if isinstance(node.exc, ast.Call):
            node.exc.keywords = []
            node.exc.args = [a for a in node.exc.args if isinstance(a, ast.Name | ast.Attribute)]
        return node

    def visit_arg(self, node: ast.arg) -> ast.arg:
        """A quoted annotation becomes the expression that it quotes."""
        quoted = node.annotation
        if isinstance(quoted, ast.Constant) and isinstance(quoted.value, str):
            node.annotation = ast.parse(quoted.value, mode="eval").body
        return node
