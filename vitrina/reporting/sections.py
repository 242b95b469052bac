"""The sections of a run's report, shown on the terminal, in report.html and in the Prefect UI."""

from collections.abc import Iterable, Mapping

from rich.console import Group
from rich.text import Text

from vitrina.config.evaluation import GateConfig
from vitrina.duplicates.summary import duplicate_rows
from vitrina.health.problems import Problem
from vitrina.promotion import verdict
from vitrina.promotion.gate import ROLLED_BACK
from vitrina.reporting.health_titles import TITLES
from vitrina.reporting.language import ENGLISH, Words
from vitrina.reporting.render import Section, terminal, terminal_table
from vitrina.results import (
    ChangesResult,
    ClassifyResult,
    DuplicatesResult,
    EmbedResult,
    EvaluateResult,
    HealthResult,
    IndexResult,
    Interval,
    ModelResult,
    PipelineResult,
    PromoteResult,
    QueriesResult,
    ResizeResult,
    TrainResult,
    Verdict,
)

METRICS = {
    "text_to_image_recall_at_1": "recall@1, text → image",
    "text_to_image_recall_at_5": "recall@5, text → image",
    "text_to_image_recall_at_10": "recall@10, text → image",
    "image_to_text_recall_at_1": "recall@1, image → text",
    "image_to_text_recall_at_5": "recall@5, image → text",
    "image_to_text_recall_at_10": "recall@10, image → text",
    "text_to_image_geometric_rank": "geometric mean rank, text → image",
    "image_to_text_geometric_rank": "geometric mean rank, image → text",
    "text_to_image_median_rank": "median rank, text → image",
    "image_to_text_median_rank": "median rank, image → text",
    "mean_mrr": "MRR, both ways",
    "mean_ndcg_at_10": "nDCG@10, both ways",
    "unseen_queries_ndcg_at_10": "unseen queries, nDCG@10 by grade",
    "unseen_queries_recall_at_1": "unseen queries, recall@1",
    "unseen_queries_recall_at_10": "unseen queries, recall@10",
    "unseen_queries_geometric_rank": "unseen queries, geometric mean rank",
    "unseen_queries_mrr": "unseen queries, MRR",
    "unseen_products_ndcg_at_10": "queries for unseen products, nDCG@10 by grade",
    "unseen_products_recall_at_1": "queries for unseen products, recall@1",
    "unseen_products_recall_at_10": "queries for unseen products, recall@10",
    "unseen_products_geometric_rank": "queries for unseen products, geometric mean rank",
    "unseen_products_mrr": "queries for unseen products, MRR",
    "duplicate_pr_auc_text": "duplicates by text, PR-AUC",
    "duplicate_pr_auc_image": "duplicates by image, PR-AUC",
    "duplicate_pr_auc_both": "duplicates by both, PR-AUC",
    "zero_shot_accuracy": "category by its name alone, accuracy",
    "probe_text_accuracy": "linear probe on text, accuracy",
    "probe_text_macro_f1": "linear probe on text, macro F1",
    "probe_text_weighted_f1": "linear probe on text, weighted F1",
    "probe_image_accuracy": "linear probe on images, accuracy",
    "probe_image_macro_f1": "linear probe on images, macro F1",
    "probe_image_weighted_f1": "linear probe on images, weighted F1",
    "probe_both_accuracy": "linear probe on both, accuracy",
    "probe_both_macro_f1": "linear probe on both, macro F1",
    "probe_both_weighted_f1": "linear probe on both, weighted F1",
}

OTHER = ("duplicate_", "zero_shot_", "probe_")  # how metrics begin that are not of ranking

VERDICTS: Mapping[Verdict, str] = {
    "promoted": "The new model was promoted",
    "declined": "The new model was declined",
    "cannot tell": "Whether the new model is better cannot be told",
}


CALIBRATION = {
    "ece": "expected calibration error, before → after calibration",
    "brier": "Brier score, before → after calibration",
}
MAX_RARE = 20  # classes shown that were left out


def sections(
    result: PipelineResult, seconds: Mapping[str, float], words: Words = ENGLISH
) -> list[Section]:
    """All sections of a pipeline run; ``seconds`` by stage, in the order of the stages."""
    return [
        rows_section(result.resized, words),
        *([queries_section(result.queries, words)] if result.queries else []),
        metrics_section(result.evaluated, words),
        model_section(result, words),
        *detail_sections(result, words),
        times_section(seconds, words),
        paths_section(result, words),
    ]


def detail_sections(result: PipelineResult, words: Words = ENGLISH) -> list[Section]:
    """What followed the embedding: index, changes, duplicates, health."""
    return [
        index_section(result.indexed, words),
        changes_section(result.changed, words),
        *([duplicates_section(result.duplicates, words)] if result.duplicates else []),
        *([health_section(result.health, words)] if result.health else []),
    ]


def rows_section(resized: ResizeResult, words: Words = ENGLISH) -> Section:
    """Rows of the catalogue, rejected rows by reason, and rows kept."""
    rows = [
        (words("in the catalogue"), words.count(resized.rows_in)),
        *_rejected_rows(resized.reasons, words),
        (words("kept"), words.count(resized.rows_kept)),
    ]
    return Section(words("Rows"), ("", words("rows")), rows)


def queries_section(queries: QueriesResult, words: Words = ENGLISH) -> Section:
    """Rows of the table of queries, rejected rows by reason, and what is left."""
    rows = [
        (words("in the table"), words.count(queries.rows_in)),
        *_rejected_rows(queries.reasons, words),
        (words("different queries"), words.count(queries.queries)),
        (words("pairs of a query and a listing"), words.count(queries.pairs)),
    ]
    return Section(words("Queries"), ("", words("rows")), rows)


def _rejected_rows(reasons: Mapping[str, int], words: Words) -> list[tuple[str, str]]:
    """Rejected rows by reason, the most frequent first."""
    by_count = sorted(reasons.items(), key=lambda one: (-one[1], one[0]))
    return [
        (words("rejected: {reason}", reason=reason_name(reason, words)), words.count(count))
        for reason, count in by_count
    ]


def reason_name(reason: str, words: Words = ENGLISH) -> str:
    """A reason for rejection in words."""
    return words(reason.replace("_", " "))


def metrics_section(evaluated: EvaluateResult, words: Words = ENGLISH) -> Section:
    """Held-out metrics before and after fine-tuning; those not measured are left out."""
    return _metrics_section(held_out(evaluated, words), evaluated, METRICS, words)


def ranking_section(evaluated: EvaluateResult, words: Words = ENGLISH) -> Section:
    """The metrics of finding a listing's image by its text, and the other way round."""
    names = [name for name in METRICS if not name.startswith(OTHER)]
    return _metrics_section(held_out(evaluated, words), evaluated, names, words)


def other_metrics_section(evaluated: EvaluateResult, words: Words = ENGLISH) -> Section:
    """The metrics of telling duplicates and categories."""
    names = [name for name in METRICS if name.startswith(OTHER)]
    return _metrics_section(words("Duplicates and categories"), evaluated, names, words)


# Four parameters: which metrics of what, and under which title.
def _metrics_section(
    title: str, evaluated: EvaluateResult, names: Iterable[str], words: Words
) -> Section:
    before, after = evaluated.before, evaluated.after
    rows = [
        (
            words(METRICS[name]),
            words.number(_chance(name, after)),
            *_figures(name, evaluated, words),
        )
        for name in names
        if name in before and name in after
    ]
    return Section(title, ("", *map(words, ("chance", "before", "after", "difference"))), rows)


def held_out(evaluated: EvaluateResult, words: Words = ENGLISH) -> str:
    """On how many products, listings and queries it was measured."""
    listings, products = (evaluated.counts[f"ranked_{unit}"] for unit in ("rows", "products"))
    title = words(
        "Held-out products: {products} with {listings} listings; 95% intervals",
        products=words.count(products),
        listings=words.count(listings),
    )
    if queries := evaluated.counts.get("unseen_queries"):
        title += words(
            ". Unseen queries: {queries}, among {listings} listings",
            queries=words.count(queries),
            listings=words.count(evaluated.counts["gallery_rows"]),
        )
    return title


def _figures(name: str, evaluated: EvaluateResult, words: Words) -> tuple[str, str, str]:
    """Before, after and difference, each with its interval if it has one."""
    before, after = evaluated.before[name], evaluated.after[name]
    form = ".1f" if "rank" in name else ".3f"
    found = evaluated.intervals.get(name)
    ends = (found.before, found.after, found.difference) if found else (None, None, None)
    return (
        words.number(_with_interval(before, ends[0], form)),
        words.number(_with_interval(after, ends[1], form)),
        words.number(_with_interval(after - before, ends[2], f"+{form}")),
    )


def _with_interval(value: float, interval: Interval | None, form: str) -> str:
    """Such as ``0.663 (0.56–0.76)``, or ``+0.652 (+0.55 … +0.75)`` for a difference."""
    ends = [f"{end:{form.replace('3', '2')}}" for end in interval or ()]
    between = " … " if form.startswith("+") else "–"
    return f"{value:{form}} ({between.join(ends)})" if ends else f"{value:{form}}"


def headline(promoted: PromoteResult) -> str:
    """Whether the new model was promoted, and the numbers, in one line."""
    return f"{VERDICTS[promoted.verdict]}: {promoted.reason}"


def reason_of(promoted: PromoteResult, gate: GateConfig, words: Words) -> str:
    """The reason of the verdict; in English as the history of models has it."""
    if words.language == "en":
        return promoted.reason
    if promoted.reason == ROLLED_BACK:
        return words(ROLLED_BACK)
    return words.number(verdict.reason(promoted.comparison, gate, promoted.verdict, words))


def compared_models(promoted: PromoteResult, words: Words = ENGLISH) -> dict[str, ModelResult]:
    """The model that embeds and the one that it was compared with, by what they are."""
    new, old = ("the new model, which embeds", "the model before, not used")
    if not promoted.promoted:
        new, old = ("the model before, which embeds", "the new model, not used")
    return {words(new): promoted.model, words(old): promoted.other}


def model_section(result: PipelineResult, words: Words = ENGLISH) -> Section:
    """The best epoch, and the verdict on the new model."""
    trained, promoted = result.trained, result.promoted
    rows = [
        (words("best epoch"), epoch_of(trained, words)),
        (words("new model"), words(promoted.verdict)),
        (words("reason"), promoted.reason),
    ]
    return Section(words("Model"), ("", ""), rows)


def epoch_of(trained: TrainResult, words: Words = ENGLISH) -> str:
    """The best epoch, such as ``2 of 3``."""
    return words("{epoch} of {epochs}", epoch=trained.best_epoch, epochs=trained.epochs)


def index_section(indexed: IndexResult, words: Words = ENGLISH) -> Section:
    """What was written to the index, how it is searched, and how its vectors were weighted."""
    kinds = {"text": "texts", "img": "images", "product": "both"}
    recalls = [
        f"{words(kinds[name])} {words.number(f'{one.recall_at_10:.3f}')}"
        for name, one in indexed.approximate.items()
    ]
    search = "approximate" if recalls else "exact: each listing is compared"
    rows = [
        (words("listings"), words.count(indexed.rows)),
        (words("written"), words.count(indexed.rows_written)),
        (words("removed"), words.count(indexed.rows_removed)),
        (words("vectors in the table"), f"{indexed.dim} × {indexed.storage}"),
        (words("search"), words(search)),
        ("recall@10", ", ".join(recalls) or "1"),
        (words("image's share in both"), words.number(_image_weight(indexed, words))),
    ]
    return Section(words("Index"), ("", ""), rows)


def _image_weight(indexed: IndexResult, words: Words) -> str:
    """The weight, and what it was chosen by: MRR of it, of texts alone and of images alone."""
    weight, mrr = f"{indexed.image_weight:.1f}", indexed.weight_mrr
    if weight not in mrr:
        return f"{indexed.image_weight:g}"
    return words(
        "{weight}: MRR {mrr} (texts alone {texts}, images {images})",
        weight=weight,
        mrr=f"{mrr[weight]:.3f}",
        texts=f"{mrr['0.0']:.3f}",
        images=f"{mrr['1.0']:.3f}",
    )


def changes_section(changed: ChangesResult, words: Words = ENGLISH) -> Section:
    """Listings that changed since the run before, by kind; kinds without any are left out."""
    since = words("since the previous run" if changed.from_run else "the first run")
    labels = {"model": "embedded by another model"}
    rows = [
        (words(labels.get(kind, kind)), words.count(n)) for kind, n in changed.counts.items() if n
    ]
    return Section(words("Changes"), (since, words("listings")), rows)


def duplicates_section(found: DuplicatesResult, words: Words = ENGLISH) -> Section:
    """How many duplicates there are, and how sure that is."""
    rows = [(label, words.number(value)) for label, value in duplicate_rows(found, words)]
    return Section(words("Duplicates"), ("", ""), rows)


def duplicates_paths_section(found: DuplicatesResult) -> Section:
    """Where the duplicates are."""
    rows = [("pairs", found.pairs), ("groups", found.groups), ("gallery", found.gallery)]
    return Section("Paths", ("", ""), rows)


def health_section(found: HealthResult, words: Words = ENGLISH) -> Section:
    """How many listings look wrong, by problem."""
    counts = found.counts.items()
    rows = [(words(TITLES[Problem(name)]), words.count(count)) for name, count in counts]
    share = words.share(found.listings / max(1, found.rows))
    rows.append((words("with any problem"), f"{words.count(found.listings)} ({share})"))
    return Section(words("Health of the catalogue"), ("", words("listings")), rows)


def health_paths_section(found: HealthResult) -> Section:
    """Where the findings are."""
    return Section("Paths", ("", ""), [("findings", found.health), ("samples", found.samples)])


def classification_sections(found: ClassifyResult) -> list[Section]:
    """How good a classifier is on products that it has not seen, the classes that it left out."""
    metrics = found.metrics
    products = "held-out products" if found.basis == "held-out" else "products, held out or not"
    rows = [
        ("classes", f"{found.classes:,}"),
        ("listings with one of them", f"{found.labelled_rows:,}"),
        ("listings predicted", f"{found.predicted_rows:,}"),
        ("measured on", f"{found.judged_rows:,} listings of {found.judged_products:,} {products}"),
        (
            "accuracy",
            f"{metrics['accuracy']:.3f}, 95% interval {metrics['accuracy_low']:.2f} to "
            f"{metrics['accuracy_high']:.2f}",
        ),
        ("macro F1", f"{metrics['macro_f1']:.3f}"),
        *(
            (label, f"{metrics[f'{name}_before']:.3f} → {metrics[f'{name}_after']:.3f}")
            for name, label in CALIBRATION.items()
        ),
        ("predictions", found.predictions),
        ("the same as CSV", found.csv),
    ]
    sections = [Section(f"Classifier of {found.column}", ("", ""), rows)]
    if found.rare:
        rare = sorted(found.rare.items(), key=lambda one: (-one[1], one[0]))
        shown = [(name, f"{count:,}") for name, count in rare[:MAX_RARE]]
        if more := len(rare) - MAX_RARE:
            shown += [(f"and {more:,} more", "")] if more > 0 else []
        sections.append(Section("Left out, with too few products", ("", "listings"), shown))
    return sections


def times_section(seconds: Mapping[str, float], words: Words = ENGLISH) -> Section:
    """How long each stage took."""
    times = {**seconds, "all stages": sum(seconds.values())}
    rows = [
        (words(name), words.number(f"{time:,.1f} ") + words("s")) for name, time in times.items()
    ]
    return Section(words("Time"), ("", ""), rows)


def paths_section(result: PipelineResult, words: Words = ENGLISH) -> Section:
    """Where the results are."""
    paths = {
        "processed table": result.resized.csv,
        "rejected rows": result.resized.rejected,
        "checkpoint": result.trained.checkpoint,
        "fine-tuned ruCLIP": result.trained.model.folder,
        "current ruCLIP": result.promoted.model.folder,
        "embeddings": result.embedded.npz,
        "index, a LanceDB table": result.indexed.table,
        "changes": result.changed.changes,
        **({"duplicates": result.duplicates.gallery} if result.duplicates else {}),
        **({"health": result.health.health} if result.health else {}),
        "metrics": result.evaluated.report,
        "this report": result.report,
    }
    return Section(words("Paths"), ("", ""), [(words(name), path) for name, path in paths.items()])


def training_section(trained: TrainResult) -> Section:
    """The best epoch, its validation metrics, and where the model is."""
    rows = [
        ("best epoch", f"{trained.best_epoch} of {trained.epochs}"),
        *((name, f"{value:.3f}") for name, value in trained.metrics.items()),
        ("checkpoint", trained.checkpoint),
        ("fine-tuned ruCLIP", trained.model.folder),
    ]
    return Section("Training", ("", ""), rows)


def embeddings_section(embedded: EmbedResult) -> Section:
    """How many rows were embedded, and where the embeddings are."""
    rows = [
        ("rows", f"{embedded.rows:,}"),
        ("computed in this run", f"{embedded.rows_embedded:,}"),
        ("images computed in this run", f"{embedded.images_embedded:,}"),
        ("embedding dimension", str(embedded.embed_dim)),
        ("NPZ: text, img, nm", embedded.npz),
        ("Parquet", embedded.parquet),
    ]
    return Section("Embeddings", ("", ""), rows)


def show_sections(*sections: Section) -> None:
    """Print sections on the terminal."""
    terminal().print(*map(terminal_table, sections))


def _chance(name: str, metrics: Mapping[str, float]) -> str:
    """The chance level of a recall; other metrics have none in the table."""
    if "_recall_at_" not in name or name.startswith("unseen_"):
        return ""
    return _number(f"chance_recall_at_{name.rsplit('_', 1)[1]}", metrics)


def _number(name: str, metrics: Mapping[str, float]) -> str:
    return f"{metrics[name]:,.1f}" if "rank" in name else f"{metrics[name]:.3f}"


def summary(result: PipelineResult, seconds: Mapping[str, float]) -> Group:
    """The verdict and all sections for ``rich.console.Console.print``."""
    tables = (terminal_table(section) for section in sections(result, seconds))
    return Group(Text(f"\n{headline(result.promoted)}", style="bold"), *tables)
