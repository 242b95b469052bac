"""The model card that is written beside the weights."""

from typing import Any

import yaml

from vitrina.results import MetricIntervals
from vitrina.training.checkpoints import Progress
from vitrina.training.model_card import model_card

CONFIG = {
    "image_resolution": 384,
    "embed_dim": 512,
    "resize_mode": "longest",
    "text": "{title}. {brend}",
}
INPUTS = {"table": "abc", "model": "def", "parameters": {"lr": 0.001, "augment": "light"}}
ROWS = {"train": 80, "validation": 10, "test": 5}
METRICS = dict.fromkeys(
    ("mean_geometric_rank", "mean_recall_at_1", "mean_recall_at_10", "mean_mrr"), 0.25
)


def test_the_card_says_what_was_trained_on_what_and_how_well_it_does() -> None:
    """Base, data, resize mode, parameters, and each metric before and after."""
    progress = Progress(
        step=9,
        epoch=3,
        best_epoch=2,
        best_checkpoint="ruCLIP_model_epoch2.pth",
        base={"text_to_image_mrr": 0.125},
        best={"text_to_image_mrr": 0.5},
        stopped=True,
    )
    lines = model_card("s3://models/base", CONFIG, INPUTS, ROWS, progress, {}).splitlines()
    assert (
        "- Fine-tuned from `s3://models/base` (384 px, 512 dimensions; fingerprint def)." in lines
    )
    data = next(line for line in lines if line.startswith("- Data: processed table abc"))
    assert "80 rows for train, 10 rows for validation, 5 rows for test" in data
    assert "`ruCLIP_model_epoch2.pth`, training stopped early." in "\n".join(lines)
    assert any("`longest`" in line for line in lines)
    assert "- Text of a listing: `{title}. {brend}`." in lines
    assert "| text → image: mrr | 0.125 | 0.5 | 0.375 |" in lines
    assert "| image → text: mrr | – | – | – |" in lines
    parameters = lines.index("| augment | light |")
    assert lines[parameters + 1] == "| lr | 0.001 |"
    assert not any("WiSE-FT" in line for line in lines)


def test_the_card_lists_the_validated_interpolations_in_order() -> None:
    """With WiSE-FT: a row per alpha, from the base to the best epoch, and the one that was kept."""
    metrics = dict.fromkeys(("1", "0.75", "0.5", "0.25", "0"), METRICS)
    progress = Progress(best=METRICS, alpha_metrics=metrics, wise_ft_alpha=0.75)
    card = model_card("base", CONFIG, INPUTS, ROWS, progress, {})
    alphas = [line.split("|")[1].strip() for line in card.splitlines() if "| 0.25 | 0.25" in line]
    assert alphas == ["0", "0.25", "0.5", "0.75", "1"]
    assert "75% best epoch and 25% base" in card


def test_the_card_says_when_nothing_was_held_out() -> None:
    """Without validation rows there is no table of metrics."""
    assert "No rows were held out" in model_card("base", CONFIG, INPUTS, ROWS, Progress(), {})


def metadata_of(card: str) -> dict[str, Any]:
    """The YAML between the first two lines of dashes, as the hub reads it."""
    assert card.startswith("---\n")
    found: dict[str, Any] = yaml.safe_load(card.split("---\n")[1])
    return found


def test_metrics_come_with_their_intervals() -> None:
    """Before, after and of the difference; in the metadata that of the fine-tuned model."""
    progress = Progress(base={"text_to_image_mrr": 0.125}, best={"text_to_image_mrr": 0.5})
    intervals = {
        "text_to_image_mrr": MetricIntervals(
            before=(0.1, 0.15), after=(0.4, 0.6), difference=(0.3, 0.45)
        )
    }
    card = model_card("base", CONFIG, INPUTS, ROWS, progress, intervals)
    assert (
        "| text → image: mrr | 0.125 (0.1 to 0.15) | 0.5 (0.4 to 0.6) | 0.375 (0.3 to 0.45) |"
    ) in card
    (metric,) = metadata_of(card)["model-index"][0]["results"][0]["metrics"]
    assert metric == {
        "type": "mrr",
        "name": "text → image: mrr",
        "value": 0.5,
        "args": {"confidence": 0.95, "low": 0.4, "high": 0.6},
    }


# The fields of the hub's model card specification (modelcard.md in huggingface/hub-docs).
DOCUMENTED = {
    "language": str,
    "library_name": str,
    "pipeline_tag": str,
    "tags": list,
    "base_model": str,
    "base_model_relation": str,
    "model-index": list,
}
DOCUMENTED_RESULT = {
    "task": {"type", "name"},
    "dataset": {"type", "name", "config", "split", "revision", "args"},
    "metrics": {"type", "value", "name", "config", "args", "verified", "verifyToken"},
    "source": {"name", "url"},
}


def test_the_metadata_is_what_the_hub_documents() -> None:
    """Only fields that it knows, of their types, with those that it requires of a result."""
    progress = Progress(best={"text_to_image_mrr": 0.5, "image_to_text_recall_at_1": 0.25})
    base = "/cache/models/ruclip-vit-base-patch32-384"
    metadata = metadata_of(model_card(base, CONFIG, INPUTS, ROWS, progress, {}))
    assert metadata.keys() == DOCUMENTED.keys()
    assert all(isinstance(value, DOCUMENTED[name]) for name, value in metadata.items())
    assert metadata["language"] == "ru"
    assert metadata["base_model"] == "ai-forever/ruclip-vit-base-patch32-384"
    assert metadata["base_model_relation"] in ("finetune", "adapter", "merge", "quantized")
    (index,) = metadata["model-index"]
    assert index.keys() == {"name", "results"}
    (result,) = index["results"]
    assert {"task", "dataset", "metrics"} <= result.keys() <= DOCUMENTED_RESULT.keys()
    assert {"type"} <= result["task"].keys() <= DOCUMENTED_RESULT["task"]
    assert {"type", "name"} <= result["dataset"].keys() <= DOCUMENTED_RESULT["dataset"]
    assert [metric["value"] for metric in result["metrics"]] == [0.5, 0.25]
    for metric in result["metrics"]:
        assert {"type", "value"} <= metric.keys() <= DOCUMENTED_RESULT["metrics"]


def test_a_base_that_is_not_on_the_hub_is_not_named_as_if_it_were() -> None:
    """A path on a disk is no id of the hub; without validation there are no results."""
    metadata = metadata_of(model_card("s3://models/mine", CONFIG, INPUTS, ROWS, Progress(), {}))
    assert metadata.keys() == {"language", "library_name", "pipeline_tag", "tags"}
