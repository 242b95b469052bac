"""A model card in Markdown beside the weights: what was trained on what, and what came of it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from vitrina.training.checkpoints import MODEL_FOLDER, Progress

FIGURES = ("recall_at_1", "recall_at_5", "recall_at_10", "median_rank", "mrr")
DIRECTIONS = {"text_to_image": "text → image", "image_to_text": "image → text"}


def model_card(
    base: str,
    model_config: Mapping[str, Any],
    inputs: Mapping[str, Any],
    rows: Mapping[str, int],
    progress: Progress,
) -> str:
    """The card's text.

    Args:
        base: where the model that was fine-tuned came from.
        model_config: the content of its config.json.
        inputs: all that decided the weights, as the checkpoints hold it.
        rows: how many rows each side of the split has.
        progress: that of the finished training.
    """
    shape = f"{model_config['image_resolution']} px, {model_config['embed_dim']} dimensions"
    about = [
        f"Fine-tuned from `{base}` ({shape}; content {inputs['model']}).",
        f"Data: processed table {inputs['table']}; "
        + ", ".join(f"{count} rows for {side}" for side, count in rows.items())
        + ", divided by product.",
        f"{progress.step} steps in {progress.epoch} epochs; best: epoch {progress.best_epoch}, "
        f"`{progress.best_checkpoint}`"
        + (", training stopped early." if progress.stopped else "."),
        f"An image is made square by `{model_config['fit']}`.",
    ]
    if progress.alpha_metrics:
        about.append(
            f"`{MODEL_FOLDER}/` is {progress.wise_ft_alpha:.0%} of the best epoch and the rest of the base."
        )
    sections = {
        "# ruCLIP fine-tuned on a product catalogue": "\n".join(f"- {line}" for line in about),
        "## Validation": _validation(progress),
        "## Mixes of base (0) and best epoch (1)": _curve(progress),
        "## Parameters": _table(("parameter", "value"), sorted(inputs["parameters"].items())),
        "## Use": (
            f"`ruclip.CLIP.from_pretrained` and `ruclip.RuCLIPProcessor.from_pretrained` open "
            f"`{MODEL_FOLDER}/`. `ruCLIP_model_epoch{{N}}.pth` is opened by "
            "`torch.load(weights_only=True)`; its weights are under `model_state_dict`."
        ),
    }
    return "\n".join(f"{title}\n\n{text}\n" for title, text in sections.items() if text)


def _validation(progress: Progress) -> str:
    if not progress.best:
        return "No rows were held out for validation."
    lines = []
    for direction, words in DIRECTIONS.items():
        for figure in FIGURES:
            name = f"{direction}_{figure}"
            before, after = (one.get(name) for one in (progress.base, progress.best))
            lines.append((f"{words}: {figure}", _number(before), _number(after)))
    return _table(("on the validation rows", "base", "fine-tuned"), lines)


def _curve(progress: Progress) -> str:
    names = ("mean_recall_at_1", "mean_recall_at_5", "mean_recall_at_10", "mean_mrr")
    lines = [
        (wise_ft_alpha, *(_number(metrics[name]) for name in names))
        for wise_ft_alpha, metrics in sorted(
            progress.alpha_metrics.items(), key=lambda one: float(one[0])
        )
    ]
    return _table(("mix", *names), lines) if lines else ""


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


def _table(header: Sequence[str], lines: Iterable[Sequence[object]]) -> str:
    rows = [header, ["---"] * len(header), *lines]
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in rows)
