"""The training curve: loss and recall over the steps, and recall by WiSE-FT alpha."""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vitrina.reporting.plots import DPI, INK, PALE, to_png
from vitrina.results import TrainResult
from vitrina.store.files import read_bytes
from vitrina.store.paths import to_path
from vitrina.training.checkpoints import METRICS, RunFolder

LINES = {"1": "#1b6ca8", "5": "#e08e0b", "10": "#7b4fa3"}  # recall at k

Record = Mapping[str, float]


def draw_training(trained: TrainResult) -> bytes:
    """The training curve as a PNG, from the files in the training's folder."""
    folder = to_path(trained.folder)
    lines = read_bytes(folder / METRICS).decode().splitlines()
    _, progress = RunFolder(folder, key="", inputs={}).read_state()
    return training_curve([json.loads(line) for line in lines], progress.alpha_metrics)


def training_curve(
    records: Sequence[Record], alpha_metrics: Mapping[str, Record] = MappingProxyType({})
) -> bytes:
    """A PNG with a panel each for the loss, for validation recall and for recall by alpha.

    ``records`` are the lines of metrics.jsonl: ``step`` with ``loss`` and ``lr``, or with
    ``validation/mean_recall_at_{1,5,10}``. ``alpha_metrics`` are the validation metrics by WiSE-FT
    alpha, "0" to "1". A panel without data is left out.
    """
    validated = [one for one in records if "validation/mean_recall_at_1" in one]
    draws: list[Callable[[Axes], None]] = [partial(_loss, records=records)]
    if validated:
        draws.append(partial(_recall, records=validated))
    if alpha_metrics:
        draws.append(partial(_recall_by_alpha, alpha_metrics=alpha_metrics))
    figure = Figure(figsize=(5 * len(draws), 3.6), dpi=DPI, facecolor="white")
    for panel, draw in zip(figure.subplots(1, len(draws), squeeze=False)[0], draws, strict=True):
        draw(panel)
    figure.tight_layout()
    return to_png(figure)


def _loss(panel: Axes, records: Sequence[Record]) -> None:
    steps, loss = _series(records, "loss")
    _style(panel, "Loss", "step")
    panel.plot(steps, loss, color=LINES["1"], linewidth=1.6, marker="." if len(steps) < 3 else "")
    panel.set_ylim(bottom=0)
    rate = panel.twinx()
    rate.plot(*_series(records, "lr"), color="#999999", linewidth=1, linestyle=(0, (4, 3)))
    rate.set_ylim(bottom=0)
    rate.set_ylabel("learning rate (dashed)", fontsize=8, color="#777777")
    rate.tick_params(labelsize=7, colors="#777777", length=0)
    rate.ticklabel_format(axis="y", style="sci", scilimits=(0, 0))
    rate.yaxis.get_offset_text().set_fontsize(7)
    for spine in rate.spines.values():
        spine.set_visible(False)


def _recall(panel: Axes, records: Sequence[Record]) -> None:
    _style(panel, "Recall on validation rows", "step")
    for depth in LINES:
        _recall_line(panel, depth, *_series(records, f"validation/mean_recall_at_{depth}"))
    _recall_legend(panel)


def _recall_by_alpha(panel: Axes, alpha_metrics: Mapping[str, Record]) -> None:
    _style(panel, "Recall by WiSE-FT alpha", "alpha: 0 is the base model, 1 the fine-tuned one")
    points = sorted((float(alpha), metrics) for alpha, metrics in alpha_metrics.items())
    for depth in LINES:
        recall = [metrics[f"mean_recall_at_{depth}"] for _, metrics in points]
        _recall_line(panel, depth, [alpha for alpha, _ in points], recall)
    _recall_legend(panel)


def _recall_line(panel: Axes, depth: str, x: list[float], recall: list[float]) -> None:
    """The line of recall at ``depth``; its label gives the last value."""
    label = f"@{depth} {recall[-1]:.3f}" if recall else None
    panel.plot(x, recall, color=LINES[depth], lw=1.6, marker="o", markersize=3, label=label)


def _recall_legend(panel: Axes) -> None:
    panel.legend(
        loc="lower right",
        bbox_to_anchor=(1.02, 0.98),
        ncols=len(LINES),
        fontsize=8,
        frameon=False,
        labelcolor="linecolor",
        handlelength=1.2,
        columnspacing=1,
    )
    panel.set_ylim(0, 1.02)


def _style(panel: Axes, title: str, x_label: str) -> None:
    panel.set_title(title, fontsize=10, color=INK, loc="left")
    panel.set_xlabel(x_label, fontsize=8, color=INK)
    panel.tick_params(labelsize=8, colors=INK, length=0)
    panel.grid(axis="y", color="#eeeeee", linewidth=0.8)
    panel.set_axisbelow(True)
    for side in ("top", "right", "left"):
        panel.spines[side].set_visible(False)
    panel.spines["bottom"].set_color(PALE)


def _series(records: Sequence[Record], name: str) -> tuple[list[float], list[float]]:
    """The steps and values of the records that have this metric."""
    points = [(record["step"], record[name]) for record in records if name in record]
    return [step for step, _ in points], [value for _, value in points]
