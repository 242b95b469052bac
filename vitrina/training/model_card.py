"""The model card in Markdown: base, data, validation metrics, parameters and use."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from vitrina.training.checkpoints import MODEL_FOLDER, Progress

METRICS = ("recall_at_1", "recall_at_5", "recall_at_10", "median_rank", "mrr")
DIRECTIONS = {"text_to_image": "text → image", "image_to_text": "image → text"}


def model_card(
    base: str,
    model_config: Mapping[str, Any],
    inputs: Mapping[str, Any],
    rows: Mapping[str, int],
    progress: Progress,
) -> str:
    """The text of the card.

    Args:
        base: path of the base model.
        model_config: content of the fine-tuned model's config.json.
        inputs: everything that decided the weights, as stored in the checkpoints.
        rows: number of rows of each split.
        progress: progress of the finished training.
    """
    sections = {
        "# ruCLIP fine-tuned on a product catalogue": _about(
            base, model_config, inputs, rows, progress
        ),
        "## Validation": _validation(progress),
        "## WiSE-FT: base (0) to best epoch (1)": _alpha_metrics(progress),
        "## Parameters": _table(("parameter", "value"), sorted(inputs["parameters"].items())),
        "## Use": (
            f"`ruclip.CLIP.from_pretrained` and `ruclip.RuCLIPProcessor.from_pretrained` open "
            f"`{MODEL_FOLDER}/`. `ruCLIP_model_epoch{{N}}.pth` is opened by "
            "`torch.load(weights_only=True)`; its weights are under `model_state_dict`."
        ),
    }
    return "\n".join(f"{title}\n\n{text}\n" for title, text in sections.items() if text)


def _about(
    base: str,
    model_config: Mapping[str, Any],
    inputs: Mapping[str, Any],
    rows: Mapping[str, int],
    progress: Progress,
) -> str:
    shape = f"{model_config['image_resolution']} px, {model_config['embed_dim']} dimensions"
    lines = [
        f"Fine-tuned from `{base}` ({shape}; fingerprint {inputs['model']}).",
        f"Data: processed table {inputs['table']}; "
        + ", ".join(f"{count} rows for {split}" for split, count in rows.items())
        + "; no product is in two splits.",
        f"{progress.step} steps in {progress.epoch} epochs; best: epoch {progress.best_epoch}, "
        f"`{progress.best_checkpoint}`"
        + (", training stopped early." if progress.stopped else "."),
        f"Text of a listing: `{model_config['text']}`.",
        f"Resize mode, which makes an image square: `{model_config['resize_mode']}`.",
    ]
    if progress.alpha_metrics:
        lines.append(
            f"WiSE-FT: the weights in `{MODEL_FOLDER}/` are {progress.wise_ft_alpha:.0%} best "
            f"epoch and {1 - progress.wise_ft_alpha:.0%} base."
        )
    return "\n".join(f"- {line}" for line in lines)


def _validation(progress: Progress) -> str:
    if not progress.best:
        return "No rows were held out for validation."
    lines = []
    for direction, label in DIRECTIONS.items():
        for metric in METRICS:
            before, after = (
                metrics.get(f"{direction}_{metric}") for metrics in (progress.base, progress.best)
            )
            lines.append((f"{label}: {metric}", _number(before), _number(after)))
    return _table(("on the validation rows", "base", "fine-tuned"), lines)


def _alpha_metrics(progress: Progress) -> str:
    names = ("mean_recall_at_1", "mean_recall_at_5", "mean_recall_at_10", "mean_mrr")
    lines = [
        (alpha, *(_number(progress.alpha_metrics[alpha][name]) for name in names))
        for alpha in sorted(progress.alpha_metrics, key=float)
    ]
    return _table(("alpha", *names), lines) if lines else ""


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


def _table(header: Sequence[str], lines: Iterable[Sequence[object]]) -> str:
    rows = [header, ["---"] * len(header), *lines]
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in rows)
