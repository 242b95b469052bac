"""The comparison of a run with the run before, as a table."""

from collections.abc import Iterator, Mapping
from typing import Any

from vitrina.reporting.language import ENGLISH, Words
from vitrina.reporting.previous_run import PreviousRun
from vitrina.reporting.render import Section
from vitrina.reporting.run_facts import plain_value
from vitrina.reporting.sections import METRICS, reason_name
from vitrina.results import PipelineResult

SHOWN = (
    "text_to_image_recall_at_1",
    "text_to_image_recall_at_10",
    "image_to_text_recall_at_1",
    "image_to_text_recall_at_10",
    "text_to_image_geometric_rank",
    "image_to_text_geometric_rank",
    "mean_mrr",
    "mean_ndcg_at_10",
    "unseen_queries_ndcg_at_10",
    "unseen_products_ndcg_at_10",
)

Row = tuple[str, str, str, str]


def comparison_section(
    previous: PreviousRun, result: PipelineResult, words: Words = ENGLISH
) -> Section:
    """Rows, rejected rows, metrics of the new models and findings, of both runs."""
    header = ("", words("run before"), words("this run"), words("difference"))
    rows = [*_counts(previous.result, result, words), *_metrics(previous.result, result, words)]
    return Section(words("Compared with the run before"), header, rows)


def parameters_section(
    previous: PreviousRun, parameters: Mapping[str, Any], words: Words = ENGLISH
) -> Section | None:
    """The parameters that differ between the two runs; None if none does."""
    names = dict.fromkeys([*previous.parameters, *parameters])
    default = words("default")

    def shown(values: Mapping[str, Any], name: str) -> str:
        return plain_value(values[name]) if name in values else default

    rows = [
        (name, shown(previous.parameters, name), shown(parameters, name))
        for name in names
        if previous.parameters.get(name, default) != parameters.get(name, default)
    ]
    header = ("", words("run before"), words("this run"))
    return Section(words("Parameters that differ"), header, rows) if rows else None


def same_held_out(previous: PreviousRun, result: PipelineResult) -> bool:
    """Whether both runs measured on the same rows."""
    tables = previous.result.resized.table.fingerprint, result.resized.table.fingerprint
    return tables[0] == tables[1]


def _counts(before: PipelineResult, now: PipelineResult, words: Words) -> Iterator[Row]:
    old, new = before.resized, now.resized
    yield _count(words("listings in the catalogue"), old.rows_in, new.rows_in, words)
    yield _count(words("kept"), old.rows_kept, new.rows_kept, words)
    reasons = sorted({*old.reasons, *new.reasons}, key=lambda one: (-new.reasons.get(one, 0), one))
    for reason in reasons:
        label = words("rejected: {reason}", reason=reason_name(reason, words))
        yield _count(label, old.reasons.get(reason, 0), new.reasons.get(reason, 0), words)
    if before.duplicates and now.duplicates:
        label = words("groups of duplicates")
        yield _count(label, before.duplicates.groups_found, now.duplicates.groups_found, words)
    if before.health and now.health:
        label = words("listings that look wrong")
        yield _count(label, before.health.listings, now.health.listings, words)


def _count(label: str, before: int, now: int, words: Words) -> Row:
    difference = words.number(f"{now - before:+,}") if now != before else "0"
    return (label, words.count(before), words.count(now), difference)


def _metrics(before: PipelineResult, now: PipelineResult, words: Words) -> Iterator[Row]:
    old, new = before.evaluated.after, now.evaluated.after
    for name in SHOWN:
        if name in old and name in new:
            form = ",.1f" if "rank" in name else ".3f"
            label = words(METRICS[name])
            difference = words.number(f"{new[name] - old[name]:+{form}}")
            first, second = (words.number(f"{one[name]:{form}}") for one in (old, new))
            yield (label, first, second, difference)
