"""The version of a stage: a hash of the code that decides its result.

Starting from a function, every function, class and constant of this package that it can reach is
hashed, with the statements that importing their modules runs and the names they take from other
packages. What changes no result does not count: comments, docstrings, log lines, the messages of
exceptions, layout, and the modules in ``NOT_CONTENT``. Sources are parsed, never imported, so a
stage that needs torch gets its version without it. (Prefect's TASK_SOURCE policy sees only the
decorated function: after an edit of a helper it would return a stale artifact.)
"""

import ast
import functools
from collections.abc import Iterable, Iterator

from vitrina.store import code_version_cache
from vitrina.store.code_version_cache import sources_state
from vitrina.store.fingerprint import fingerprint
from vitrina.store.source_module import (
    EFFECTS,
    WHOLE,
    Symbol,
    find_spec,
    imports_in,
    is_ours,
    parsed_module,
)
from vitrina.store.syntax_tree import canonical

# Parameters and results are in a key by value; the rest decides how work is stored, distributed,
# logged or described.
NOT_CONTENT = (
    "vitrina.config",
    "vitrina.errors",
    "vitrina.results",
    "vitrina.store",
    "vitrina.execution",
    "vitrina.training.model_card",
    "vitrina.training.tracking",
)


@functools.cache
def code_version(*entries: str) -> str:
    """:func:`compute_code_version`, kept in the user's cache until a source changes."""
    state = sources_state()
    version = code_version_cache.read(state, entries)
    if version is None:
        version = compute_code_version(*entries)
        code_version_cache.write(state, entries, version)
    return version


def compute_code_version(*entries: str) -> str:
    """Hash of the code that ``module:function`` entries, or whole modules, can reach.

    Raises ModuleNotFoundError or AttributeError if there is no such module or function, and
    ImportError if a module of this package is imported in a form that cannot be followed.
    """
    code: dict[Symbol, str] = {}
    pending = [_entry(entry) for entry in entries]
    while pending:
        symbol = pending.pop()
        if symbol in code or _is_excluded(symbol.module):
            continue
        if not is_ours(symbol.module):
            code[symbol] = "external"
            continue
        statements = _statements(symbol)
        code[symbol] = "".join(map(canonical, statements))
        pending.extend(_references(statements, symbol.module))
        if symbol.name == EFFECTS:
            pending.extend(Symbol(name, EFFECTS) for name in parsed_module(symbol.module).loads)
        else:
            pending.append(Symbol(symbol.module, EFFECTS))
    return fingerprint(sorted((*symbol, text) for symbol, text in code.items() if text))


def _entry(entry: str) -> Symbol:
    module, _, name = entry.partition(":")
    if name and name not in parsed_module(module).definitions:
        raise AttributeError(f"{module} defines no {name!r}")
    return Symbol(module, name)


def _statements(symbol: Symbol) -> list[ast.stmt]:
    module = parsed_module(symbol.module)
    if symbol.name == EFFECTS:
        return module.effects
    if symbol.name == WHOLE:
        return [statement for group in module.definitions.values() for statement in group]
    return module.definitions.get(symbol.name, [])


def _references(statements: Iterable[ast.stmt], module: str) -> Iterator[Symbol]:
    """The symbols that some statements of a module refer to."""
    own = parsed_module(module)
    for statement in statements:
        lazy = dict(imports_in(statement))
        imports = own.imports | lazy
        yield from (Symbol(target.module, EFFECTS) for target in lazy.values())
        nodes = list(ast.walk(statement))
        owners = {id(node.value) for node in nodes if isinstance(node, ast.Attribute)}
        for node in nodes:
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                target = imports.get(node.value.id)
                if target and target.name == WHOLE:
                    yield _resolved(Symbol(target.module, node.attr))
            elif isinstance(node, ast.Name):
                if node.id in own.definitions:
                    yield Symbol(module, node.id)
                target = imports.get(node.id)
                if target and not (target.name == WHOLE and id(node) in owners):
                    yield _resolved(target)


def _resolved(symbol: Symbol) -> Symbol:
    """Where a name is defined, if the module that it is taken from has imported it itself."""
    if symbol.name == WHOLE or not is_ours(symbol.module) or _is_excluded(symbol.module):
        return symbol
    module = parsed_module(symbol.module)
    if symbol.name in module.definitions:
        return symbol
    if symbol.name in module.imports:
        return _resolved(module.imports[symbol.name])
    submodule = f"{symbol.module}.{symbol.name}"
    return Symbol(submodule, WHOLE) if find_spec(submodule) else symbol


def _is_excluded(module: str) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in NOT_CONTENT)
