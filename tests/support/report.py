"""A report of constructed results, with real charts."""

from datetime import UTC, datetime

import numpy as np
from PIL import Image

from tests.support.run_results import RECORDS, SECONDS
from vitrina.config.report import Language
from vitrina.health.samples import Sample, SampleListing
from vitrina.reporting.cards import Card, CardGroup
from vitrina.reporting.contact_sheet import Found, NearestImage, SheetRow
from vitrina.reporting.content import Pictures, Report, make_report
from vitrina.reporting.health_samples import health_cards
from vitrina.reporting.language import Words
from vitrina.reporting.metrics_chart import draw_metrics
from vitrina.reporting.previous_run import PreviousRun
from vitrina.reporting.run_facts import RunFacts
from vitrina.reporting.training_curve import training_curves
from vitrina.reporting.vector_map import vector_map
from vitrina.results import PipelineResult, StageResults

HOSTILE = "</p><script>alert(1)</script> | [x](javascript:y) `z` \" onerror='x'"
FACTS = RunFacts(
    catalog="/data/shop/catalog.parquet",
    images="/data/shop/images",
    model="tiny",
    output="/data/output",
    name="catalog.parquet 2026-11-27 02:00",
    started=datetime(2026, 11, 27, 2, tzinfo=UTC),
    versions={"python": "3.11.7", "vitrina": "0.1.0"},
    changed={"train.lr": 0.001, "executor": "ray", "index.columns": ["brend"]},
    decisive={"train.lr": 0.001, "index.columns": ["brend"]},
)


def pipeline_result(results: StageResults) -> PipelineResult:
    """The results of a run with its report."""
    return PipelineResult(**dict(results), report="/data/output/report/key/report.html")


def pictures(results: StageResults, language: Language = "en") -> Pictures:
    """Charts of the results, a contact sheet of a hostile title, samples."""
    words = Words(language)
    image = Image.new("RGB", (60, 80), (200, 80, 30))
    nearest = [NearestImage(image, rank == 1, -0.001) for rank in range(1, 6)]
    angle = np.linspace(0, 6, 30)
    points = np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)
    other = SampleListing(nm="2", title="Кружка", image=None)
    listing = SampleListing(nm="<b>1", title=HOSTILE, image="data:image/jpeg;base64,AAAA")
    sample = Sample(problem="mismatch", reason="fit < usual", listing=listing, other=other)
    return Pictures(
        metrics=draw_metrics(results.evaluated, words),
        training=training_curves(RECORDS, words=words),
        vector_map=vector_map(points, ["Дом", "Обувь", ""] * 10, words),
        headings=["the new model", "the model before"],
        sheet=[SheetRow(HOSTILE, image, [Found(1, nearest), Found(1_234, nearest)])],
        rejected=[CardGroup(words("empty image"), [Card(HOSTILE, "3", "/a/3.jpg", missing="?")])],
        health=health_cards([sample], words),
    )


def report_of(
    results: StageResults, language: Language = "en", previous: PreviousRun | None = None
) -> Report:
    """The report of a run."""
    result = pipeline_result(results)
    reason = result.promoted.reason
    drawn = pictures(results, language)
    return make_report(result, reason, SECONDS, FACTS, previous, drawn, Words(language))
