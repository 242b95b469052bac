"""The model card that is written beside the weights."""

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
METRICS = {f"mean_{name}": 0.25 for name in ("recall_at_1", "recall_at_5", "recall_at_10", "mrr")}


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
    lines = model_card("s3://models/base", CONFIG, INPUTS, ROWS, progress).splitlines()
    assert (
        "- Fine-tuned from `s3://models/base` (384 px, 512 dimensions; fingerprint def)." in lines
    )
    data = next(line for line in lines if line.startswith("- Data: processed table abc"))
    assert "80 rows for train, 10 rows for validation, 5 rows for test" in data
    assert "`ruCLIP_model_epoch2.pth`, training stopped early." in "\n".join(lines)
    assert any("`longest`" in line for line in lines)
    assert "- Text of a listing: `{title}. {brend}`." in lines
    assert "| text → image: mrr | 0.125 | 0.5 |" in lines
    assert "| image → text: mrr | – | – |" in lines
    parameters = lines.index("| augment | light |")
    assert lines[parameters + 1] == "| lr | 0.001 |"
    assert not any("WiSE-FT" in line for line in lines)


def test_the_card_lists_the_validated_interpolations_in_order() -> None:
    """With WiSE-FT: a row per alpha, from the base to the best epoch, and the one that was kept."""
    metrics = dict.fromkeys(("1", "0.75", "0.5", "0.25", "0"), METRICS)
    progress = Progress(best=METRICS, alpha_metrics=metrics, wise_ft_alpha=0.75)
    card = model_card("base", CONFIG, INPUTS, ROWS, progress)
    alphas = [line.split("|")[1].strip() for line in card.splitlines() if "| 0.25 | 0.25" in line]
    assert alphas == ["0", "0.25", "0.5", "0.75", "1"]
    assert "75% best epoch and 25% base" in card


def test_the_card_says_when_nothing_was_held_out() -> None:
    """Without validation rows there is no table of metrics."""
    assert "No rows were held out" in model_card("base", CONFIG, INPUTS, ROWS, Progress())
