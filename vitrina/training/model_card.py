"""The model card: Markdown with the metadata that the Hugging Face hub reads.

The fields are those of https://huggingface.co/docs/hub/model-cards and of its model card
specification. The hub knows no intervals; they are the ``args`` of a metric.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath
from typing import Any

import yaml

from vitrina.evaluation.figures_file import read_figures
from vitrina.evaluation.intervals import metric_intervals
from vitrina.evaluation.measurement import DIRECTIONS
from vitrina.model.folder import CARD
from vitrina.results import Interval, MetricIntervals
from vitrina.store.files import write_bytes
from vitrina.store.paths import is_file
from vitrina.training.checkpoints import (
    MODEL_FOLDER,
    VALIDATED_BASE,
    VALIDATED_BEST,
    Progress,
    RunFolder,
)

TITLE = "ruCLIP fine-tuned on a product catalogue"
ORGANIZATION = "ai-forever"  # of the published ruCLIPs on the hub
METRICS = ("recall_at_1", "recall_at_5", "recall_at_10", "geometric_rank", "median_rank", "mrr")
LABELS = {"text_to_image": "text → image", "image_to_text": "image → text"}
NAMES = [f"{direction}_{metric}" for direction in DIRECTIONS for metric in METRICS]
TAGS = ("clip", "ruclip", "image-text-retrieval", "product-search", "vitrina")
USE = """
```python
import ruclip

clip = ruclip.CLIP.from_pretrained("this folder")
processor = ruclip.RuCLIPProcessor.from_pretrained("this folder")
```

`vitrina.EmbeddingPipeline` and `--model` open the folder too. `model.safetensors` and
`pytorch_model.bin` hold the same weights.
"""

Intervals = Mapping[str, MetricIntervals]


def put_model_card(
    run_folder: RunFolder,
    base: str,
    model_config: Mapping[str, Any],
    rows: Mapping[str, int],
    progress: Progress,
) -> None:
    """Write the card of a finished training into its model's folder."""
    validated = [run_folder.folder / name for name in (VALIDATED_BASE, VALIDATED_BEST)]
    intervals: Intervals = {}
    if all(map(is_file, validated)):
        intervals = metric_intervals(*map(read_figures, validated))
    card = model_card(base, model_config, run_folder.inputs, rows, progress, intervals)
    write_bytes(run_folder.folder / MODEL_FOLDER / CARD, card.encode())


def model_card(
    base: str,
    model_config: Mapping[str, Any],
    inputs: Mapping[str, Any],
    rows: Mapping[str, int],
    progress: Progress,
    intervals: Intervals,
) -> str:
    """The text of the card.

    Args:
        base: path of the base model.
        model_config: content of the fine-tuned model's config.json.
        inputs: everything that decided the weights, as stored in the checkpoints.
        rows: number of rows of each split.
        progress: progress of the finished training.
        intervals: of the validation metrics.
    """
    sections = {
        f"# {TITLE}": _about(base, model_config, inputs, rows, progress),
        "## Validation": _validation(progress, intervals),
        "## WiSE-FT: base (0) to best epoch (1)": _alpha_metrics(progress),
        "## Parameters": _table(("parameter", "value"), sorted(inputs["parameters"].items())),
        "## Use": USE.strip(),
    }
    metadata = yaml.safe_dump(
        _metadata(base, inputs, progress, intervals), allow_unicode=True, sort_keys=False
    )
    text = "\n".join(f"{title}\n\n{text}\n" for title, text in sections.items() if text)
    return f"---\n{metadata}---\n\n{text}"


def _metadata(
    base: str, inputs: Mapping[str, Any], progress: Progress, intervals: Intervals
) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "language": "ru",
        "library_name": "ruclip",
        "pipeline_tag": "zero-shot-image-classification",  # what the hub calls a CLIP
        "tags": list(TAGS),
    }
    name = PurePath(base).name
    if name.startswith("ruclip-vit-"):  # the hub takes no paths
        metadata |= {
            "base_model": f"{ORGANIZATION}/{name}",
            "base_model_relation": "finetune",
        }
    if progress.best:
        results = [_result(inputs, progress, intervals)]
        metadata["model-index"] = [{"name": TITLE, "results": results}]
    return metadata


def _result(inputs: Mapping[str, Any], progress: Progress, intervals: Intervals) -> dict[str, Any]:
    return {
        "task": {"type": "image-text-retrieval", "name": "Image-text retrieval"},
        "dataset": {
            "type": "product-catalogue",
            "name": f"Validation listings of the catalogue {inputs['table']}",
            "split": "validation",
        },
        "metrics": [
            {
                "type": name.split("_", 3)[-1],
                "name": _label(name),
                "value": round(progress.best[name], 4),
                **_interval_arguments(intervals.get(name)),
            }
            for name in NAMES
            if name in progress.best
        ],
    }


def _interval_arguments(found: MetricIntervals | None) -> dict[str, Any]:
    if found is None:
        return {}
    low, high = (round(end, 4) for end in found.after)
    return {"args": {"confidence": 0.95, "low": low, "high": high}}


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
            f"WiSE-FT: these weights are {progress.wise_ft_alpha:.0%} best epoch and "
            f"{1 - progress.wise_ft_alpha:.0%} base."
        )
    return "\n".join(f"- {line}" for line in lines)


def _validation(progress: Progress, intervals: Intervals) -> str:
    if not progress.best:
        return "No rows were held out for validation."
    lines = []
    for name in NAMES:
        before, after = progress.base.get(name), progress.best.get(name)
        change = None if before is None or after is None else after - before
        found = intervals.get(name)
        ends = (found.before, found.after, found.difference) if found else (None, None, None)
        cells = map(_number, (before, after, change), ends)
        lines.append((_label(name), *cells))
    header = ("validation listings, 95% intervals", "base", "fine-tuned", "difference")
    return _table(header, lines)


def _alpha_metrics(progress: Progress) -> str:
    names = ("mean_geometric_rank", "mean_recall_at_1", "mean_recall_at_10", "mean_mrr")
    lines = [
        (alpha, *(_number(progress.alpha_metrics[alpha][name]) for name in names))
        for alpha in sorted(progress.alpha_metrics, key=float)
    ]
    return _table(("alpha", *names), lines) if lines else ""


def _label(name: str) -> str:
    direction = next(one for one in DIRECTIONS if name.startswith(one))
    return f"{LABELS[direction]}: {name.removeprefix(f'{direction}_')}"


def _number(value: float | None, interval: Interval | None = None) -> str:
    if value is None:
        return "–"
    return f"{value:.4g}" + (f" ({interval[0]:.3g} to {interval[1]:.3g})" if interval else "")


def _table(header: Sequence[str], lines: Iterable[Sequence[object]]) -> str:
    rows = [header, ["---"] * len(header), *lines]
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in rows)
