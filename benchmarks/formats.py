"""Numbers and tables in Markdown."""

from collections.abc import Sequence


def formatted(value: float) -> str:
    """The number with three to four significant digits."""
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


def value_range(values: Sequence[float]) -> str:
    """The lowest and the highest of several rounds; empty for a single one."""
    return f"{formatted(min(values))} to {formatted(max(values))}" if len(values) > 1 else ""


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, its first column aligned left, the others right."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
