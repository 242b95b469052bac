"""The results of a pipeline run, with the files that its report reads."""

import json
from pathlib import Path

from PIL import Image

from tests.support.comparison import comparison
from tests.support.embedding import origin
from vitrina.reporting.contact_sheet import Found, NearestImage, SheetRow, contact_sheet
from vitrina.results import (
    ChangesResult,
    DuplicatesResult,
    EmbedResult,
    EvaluateResult,
    HealthResult,
    IndexResult,
    MetricIntervals,
    ModelResult,
    PromoteResult,
    ResizeResult,
    StageResults,
    TableRef,
    Threshold,
    TrainResult,
)

SECONDS = {"clean": 0.4, "resize": 3.0, "train": 61.25}
METRICS = {
    "text_to_image_recall_at_1": 0.02,
    "text_to_image_median_rank": 20.5,
    "chance_recall_at_1": 0.015,
    "zero_shot_accuracy": 0.3,
}
RECORDS = [
    {"step": 0, "epoch": 0, "validation/mean_recall_at_1": 0.1},
    {"step": 5, "epoch": 1, "loss": 2.5, "lr": 1e-4},
    {"step": 10, "epoch": 1, "loss": 1.5, "lr": 5e-5},
    {"step": 10, "epoch": 1, "validation/mean_recall_at_1": 0.6},
]


def run_results(folder: Path) -> StageResults:
    """Results of all stages, with metrics.jsonl and a contact sheet below ``folder``."""
    training = folder / "train"
    training.mkdir()
    (training / "metrics.jsonl").write_text("\n".join(json.dumps(one) for one in RECORDS))
    (folder / "contact_sheet.png").write_bytes(small_sheet())
    (folder / "samples.json").write_text("[]")
    model = ModelResult(folder=f"{training}/ruclip", fingerprint="m")
    return StageResults(
        resized=ResizeResult(
            table=TableRef(path="t.parquet", fingerprint="f"),
            csv="processed_data.csv",
            rejected="rejected.csv",
            images="p",
            rows_in=1_050,
            rows_kept=1_040,
            reasons={"missing_title": 3, "truncated_image": 7},
            images_resized=1_040,
        ),
        trained=TrainResult(
            folder=str(training),
            model=model,
            checkpoint=f"{training}/ruCLIP_model_epoch2.pth",
            epochs=3,
            best_epoch=2,
            metrics={"mean_recall": 0.625},
        ),
        evaluated=EvaluateResult(
            report=str(folder / "evaluation.json"),
            ranks={"listings": str(folder / "listings.parquet")},
            before=METRICS,
            after=METRICS | {"text_to_image_recall_at_1": 0.75, "text_to_image_median_rank": 1},
            intervals={
                "text_to_image_recall_at_1": MetricIntervals(
                    before=(0, 0.05), after=(0.66, 0.83), difference=(0.64, 0.81)
                )
            },
            counts={"ranked_rows": 130, "ranked_products": 100},
        ),
        promoted=PromoteResult(
            model=model,
            other=ModelResult(folder="base", fingerprint="b"),
            verdict="promoted",
            reason="mean recall at 1 0.1 → 0.7 <all>",
            comparison=comparison(),
        ),
        embedded=EmbedResult(
            table="t.parquet",
            origin=origin(),
            checksums={},
            npz="embeddings.npz",
            parquet="e",
            rows=1_040,
            embed_dim=64,
            rows_embedded=1_030,
        ),
        indexed=IndexResult(
            dim=8,
            storage="float32",
            is_whole=True,
            table="a.lance",
            version=3,
            rows=1_040,
            rows_written=37,
            rows_removed=2,
            changed_since_build=39,
            columns=("nm", "title"),
            image_weight=0.4,
            weight_mrr={"0.0": 0.3, "0.4": 0.5, "1.0": 0.2},
            partitions=0,
            approximate={},
        ),
        changed=ChangesResult(
            from_run="a",
            to_run="b",
            changes="changes.parquet",
            listing_keys=("keys/part-00000.parquet",),
            vectors="v",
            counts={"added": 30, "changed": 7, "removed": 2, "model": 0, "unchanged": 1_003},
        ),
        health=HealthResult(
            health="health.parquet",
            samples=str(folder / "samples.json"),
            counts={"mismatch": 7, "small_image": 0},
            listings=7,
            rows=1_040,
        ),
        duplicates=DuplicatesResult(
            pairs="pairs.parquet",
            groups="groups.parquet",
            gallery="duplicates.html",
            group_column="",
            pairs_by_kind={"copy": 0, "title": 64, "image": 3, "similar": 2},
            groups_found=60,
            listings=131,
            sharing=Threshold(cosine=0.8, chosen="floor"),
            similar=Threshold(cosine=0.98, chosen="default", known_products=12),
        ),
    )


def small_sheet() -> bytes:
    """A contact sheet of one title."""
    image = Image.new("RGB", (60, 80), (200, 80, 30))
    nearest = [NearestImage(image, rank == 1, 0.9) for rank in range(1, 6)]
    return contact_sheet(
        ["the new model"], [SheetRow("Кружка жёлтая «Ёж»", image, [Found(1, nearest)])]
    )
