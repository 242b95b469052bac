"""The training curves: loss and recall over the steps, and recall by WiSE-FT alpha."""

import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vitrina.reporting.language import ENGLISH, Words
from vitrina.reporting.plots import FONT, SERIES, SOFT, legend, plot, to_svg
from vitrina.results import TrainResult
from vitrina.store.files import read_bytes
from vitrina.store.paths import to_path
from vitrina.training.checkpoints import METRICS, RunFolder

LINES = {"1": SERIES[0], "5": SERIES[1], "10": SERIES[2]}  # recall at k
HEIGHT = 270

Record = Mapping[str, float]


def draw_training(trained: TrainResult, words: Words = ENGLISH) -> dict[str, bytes]:
    """The training curves by caption, from the files in the training's folder."""
    folder = to_path(trained.folder)
    lines = read_bytes(folder / METRICS).decode().splitlines()
    _, progress = RunFolder(folder, key="", inputs={}).read_state()
    return training_curves([json.loads(line) for line in lines], progress.alpha_metrics, words)


def training_curves(
    records: Sequence[Record],
    alpha_metrics: Mapping[str, Record] = MappingProxyType({}),
    words: Words = ENGLISH,
) -> dict[str, bytes]:
    """SVGs by caption, one each for the loss, for validation recall and for recall by alpha.

    ``records`` are the lines of metrics.jsonl: ``step`` with ``loss`` and ``lr``, or with
    ``validation/mean_recall_at_{1,5,10}``. ``alpha_metrics`` are the validation metrics by WiSE-FT
    alpha, "0" to "1". A plot without data is left out.
    """
    curves = {words("Loss"): _loss(records, words)}
    if any("validation/mean_recall_at_1" in one for one in records):
        curves[words("Recall on validation rows")] = _recall(records, words)
    if alpha_metrics:
        curves[words("Recall by WiSE-FT alpha")] = _recall_by_alpha(alpha_metrics, words)
    return curves


def _loss(records: Sequence[Record], words: Words) -> bytes:
    figure, axes = plot(HEIGHT)
    steps, loss = _series(records, "loss")
    axes.set_xlabel(words("step"), fontsize=FONT, color=SOFT)
    marker = "." if len(steps) < 3 else ""
    axes.plot(steps, loss, color=LINES["1"], linewidth=2, marker=marker, label=words("loss"))
    axes.set_ylim(bottom=0)
    rate = axes.twinx()
    (line,) = rate.plot(*_series(records, "lr"), color=SOFT, linewidth=1.4)
    line.set(linestyle=(0, (4, 3)), label=words("learning rate"))
    rate.set_ylim(bottom=0)
    rate.tick_params(labelsize=FONT, colors=SOFT, length=0)
    rate.yaxis.set_major_formatter(lambda value, _: words.number(_rate(value)))
    for spine in rate.spines.values():
        spine.set_visible(False)
    handles = [*axes.get_legend_handles_labels()[0], *rate.get_legend_handles_labels()[0]]
    legend(axes, 2, handles)
    _format_numbers(axes, words)
    figure.tight_layout(pad=0.6)
    return to_svg(figure)


def _recall(records: Sequence[Record], words: Words) -> bytes:
    figure, axes = plot(HEIGHT)
    axes.set_xlabel(words("step"), fontsize=FONT, color=SOFT)
    for depth in LINES:
        points = _series(records, f"validation/mean_recall_at_{depth}")
        _recall_line(axes, depth, *points, words)
    return _finished_recall(figure, axes, words)


def _recall_by_alpha(alpha_metrics: Mapping[str, Record], words: Words) -> bytes:
    figure, axes = plot(HEIGHT)
    label = words("alpha: 0 is the base model, 1 the fine-tuned one")
    axes.set_xlabel(label, fontsize=FONT, color=SOFT)
    points = sorted((float(alpha), metrics) for alpha, metrics in alpha_metrics.items())
    for depth in LINES:
        recall = [metrics[f"mean_recall_at_{depth}"] for _, metrics in points]
        _recall_line(axes, depth, [alpha for alpha, _ in points], recall, words)
    return _finished_recall(figure, axes, words)


def _recall_line(axes: Axes, depth: str, x: list[float], recall: list[float], words: Words) -> None:
    """The line of recall at ``depth``; its label gives the last value."""
    if recall:
        label = f"@{depth}: {words.number(f'{recall[-1]:.3f}')}"
        axes.plot(x, recall, color=LINES[depth], lw=2, marker="o", markersize=3.5, label=label)


def _finished_recall(figure: Figure, axes: Axes, words: Words) -> bytes:
    legend(axes, len(LINES))
    axes.set_ylim(0, 1.02)
    _format_numbers(axes, words)
    figure.tight_layout(pad=0.6)
    return to_svg(figure)


def _rate(value: float) -> str:
    """A learning rate in few characters, such as 2.5e-4."""
    return f"{value:.1e}".replace(".0e", "e").replace("e-0", "e-") if value else "0"


def _format_numbers(axes: Axes, words: Words) -> None:
    axes.yaxis.set_major_formatter(lambda value, _: words.number(f"{value:g}"))
    axes.xaxis.set_major_formatter(lambda value, _: words.number(f"{value:,g}"))


def _series(records: Sequence[Record], name: str) -> tuple[list[float], list[float]]:
    """The steps and values of the records that have this metric."""
    points = [(record["step"], record[name]) for record in records if name in record]
    return [step for step, _ in points], [value for _, value in points]
