"""Numbers and tables as a page shows them."""

from collections.abc import Sequence


def shown(value: float) -> str:
    """Three to four digits that count."""
    size = abs(value)
    if size >= 100:
        return f"{value:,.0f}"
    if size >= 10:
        return f"{value:.1f}"
    if size >= 1:
        return f"{value:.2f}"
    if size >= 0.001 or not size:
        return f"{value:.4f}".rstrip("0").rstrip(".") if size else "0"
    return f"{value:.0e}"


def spread(values: Sequence[float]) -> str:
    """The least and the most of several rounds; nothing of one."""
    return f"{shown(min(values))} to {shown(max(values))}" if len(values) > 1 else ""


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, its first column left, the others right."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
