"""Python source without what changes no result, as a tree and as text to hash."""

import ast
from typing import Any


def parse_content(source: str) -> ast.Module:
    """The syntax tree without docstrings, log lines and the messages of exceptions."""
    tree: ast.Module = _Stripped().visit(ast.parse(source))
    return tree


def canonical(node: object) -> str:
    """A syntax tree as text, equal in all versions of Python, unlike that of ``ast.dump``."""
    if isinstance(node, list):
        return f"[{','.join(canonical(item) for item in node if not isinstance(item, ast.Pass))}]"
    if isinstance(node, ast.Constant):
        return f"<{node.value!a}>"
    if not isinstance(node, ast.AST):
        return ascii(node)
    # Which empty fields there are depends on the version; the context follows from the position.
    parts = ((name, canonical(value)) for name, value in ast.iter_fields(node) if name != "ctx")
    fields = (f"{name}={text}" for name, text in parts if text not in ("None", "[]"))
    return f"{type(node).__name__}({','.join(fields)})"


class _Stripped(ast.NodeTransformer):
    """Removes what changes no result; a quoted annotation becomes the type that it quotes."""

    def visit(self, node: ast.AST) -> Any:
        match node:
            case ast.Expr(value=ast.Constant(value=str())):  # a docstring
                return None
            case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id="logger")))):
                return None
            case ast.Raise(exc=ast.Call() as error):
                _remove_message(error)
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if "Error" in name:
                _remove_message(node)
            case ast.arg() | ast.AnnAssign():
                node.annotation = _unquoted(node.annotation)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                node.returns = _unquoted(node.returns)
        return self.generic_visit(node)


class _WithoutText(ast.NodeTransformer):
    """Replaces texts, and calls that may build them; names such as a rejection reason stay."""

    def visit(self, node: ast.AST) -> Any:
        if isinstance(node, ast.JoinedStr | ast.Call | ast.Constant):
            return ast.Constant("")
        return self.generic_visit(node)


def _remove_message(error: ast.Call) -> None:
    error.args = [_WithoutText().visit(argument) for argument in error.args]


def _unquoted(annotation: Any) -> Any:
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        return ast.parse(annotation.value, mode="eval").body
    return annotation
