"""The content of a report, in its language, whatever it is shown in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vitrina.reporting.cards import CardGroup
from vitrina.reporting.comparison import comparison_section, parameters_section, same_held_out
from vitrina.reporting.contact_sheet import SheetRow
from vitrina.reporting.language import Words
from vitrina.reporting.previous_run import PreviousRun
from vitrina.reporting.render import Section
from vitrina.reporting.run_facts import RunFacts, plain_value
from vitrina.reporting.sections import (
    METRICS,
    VERDICTS,
    compared_models,
    detail_sections,
    epoch_of,
    other_metrics_section,
    paths_section,
    queries_section,
    ranking_section,
    rows_section,
    times_section,
)
from vitrina.results import PipelineResult, Verdict

DATE = "%Y-%m-%d %H:%M UTC"
EMBEDS: Mapping[Verdict, str] = {
    "promoted": "it embeds from now on.",
    "declined": "the model before goes on embedding.",
    "cannot tell": "the model before goes on embedding.",
}
TILE_METRIC = "text_to_image_recall_at_1"


@dataclass(frozen=True)
class Tile:
    """A number that people look for first."""

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Pictures:
    """What a report shows besides tables: SVGs by caption, images and listings."""

    metrics: bytes
    training: Mapping[str, bytes]
    vector_map: bytes | None
    headings: Sequence[str]  # of the models on the contact sheet
    sheet: Sequence[SheetRow]
    rejected: Sequence[CardGroup]
    health: Sequence[CardGroup]


@dataclass(frozen=True)
class Report:
    """Everything that a report shows, in the order in which it does."""

    words: Words
    title: str
    subtitle: str
    verdict: Verdict
    embeds: str
    reason: str
    tiles: Sequence[Tile]
    facts: Section
    parameters: Section
    compared: Sequence[Section]  # empty without a run before
    compared_note: str
    metrics: Section  # of ranking
    other_metrics: Section  # of duplicates and categories
    tables: Sequence[Section]
    pictures: Pictures


# Seven parameters: all that a report is made of.
def make_report(
    result: PipelineResult,
    reason: str,
    seconds: Mapping[str, float],
    facts: RunFacts,
    previous: PreviousRun | None,
    pictures: Pictures,
    words: Words,
) -> Report:
    """The report of a run, whose verdict has this reason; ``seconds`` are by stage."""
    started, verdict = f"{facts.started:{DATE}}", result.promoted.verdict
    return Report(
        words=words,
        title=words("Demo catalogue") if facts.catalog == "demo" else facts.title,
        subtitle=started,
        verdict=verdict,
        embeds=f"{words(VERDICTS[verdict])}: {words(EMBEDS[verdict])}",
        reason=reason[:1].upper() + reason[1:],
        tiles=tiles(result, seconds, words),
        facts=facts_section(result, facts, words),
        parameters=changed_section(facts, words),
        compared=compared_sections(previous, result, facts, words),
        compared_note=compared_note(previous, result, words),
        metrics=ranking_section(result.evaluated, words),
        other_metrics=other_metrics_section(result.evaluated, words),
        tables=[
            rows_section(result.resized, words),
            *([queries_section(result.queries, words)] if result.queries else []),
            *detail_sections(result, words),
            times_section(seconds, words),
            paths_section(result, words),
        ],
        pictures=pictures,
    )


def tiles(result: PipelineResult, seconds: Mapping[str, float], words: Words) -> list[Tile]:
    """Rows, the main metric before and after, the best epoch, and how long it took."""
    resized, evaluated = result.resized, result.evaluated
    rejected = resized.rows_in - resized.rows_kept
    found = [
        Tile(
            words("listings kept"),
            words.count(resized.rows_kept),
            words(
                "of {rows}, {rejected} rejected",
                rows=words.count(resized.rows_in),
                rejected=words.count(rejected),
            ),
        )
    ]
    if TILE_METRIC in evaluated.after and TILE_METRIC in evaluated.before:
        before = words.number(f"{evaluated.before[TILE_METRIC]:.3f}")
        found.append(
            Tile(
                words(METRICS[TILE_METRIC]),
                words.number(f"{evaluated.after[TILE_METRIC]:.3f}"),
                words("the new model; {before} before training", before=before),
            )
        )
    found.append(Tile(words("best epoch"), epoch_of(result.trained, words)))
    found.append(Tile(words("time"), words.duration(sum(seconds.values())), words("all stages")))
    return found


def facts_section(result: PipelineResult, facts: RunFacts, words: Words) -> Section:
    """What was read, which model embeds, and with which versions."""
    (embedding, model), _ = compared_models(result.promoted, words).items()
    versions = ", ".join(f"{name} {number}" for name, number in facts.versions.items())
    rows = [
        (words("catalogue"), facts.catalog),
        (words("images"), facts.images or words("named by the catalogue")),
        (words("base model"), facts.model),
        (words("embeds"), f"{embedding.split(',')[0]}: {model.folder}"),
        (words("text of a listing"), result.embedded.origin.text),
        (words("arithmetic"), result.embedded.origin.arithmetic),
        (words("output"), facts.output),
        (words("started"), f"{facts.started:{DATE}}"),
        *([(words("run in Prefect"), facts.name)] if facts.name else []),
        (words("versions"), versions),
    ]
    return Section(words("This run"), ("", ""), rows)


def changed_section(facts: RunFacts, words: Words) -> Section:
    """The parameters that differ from their defaults."""
    rows = [(name, plain_value(value)) for name, value in facts.changed.items()]
    title = words("Parameters other than the defaults")
    return Section(title, ("", ""), rows or [(words("none"), "")])


def compared_sections(
    previous: PreviousRun | None, result: PipelineResult, facts: RunFacts, words: Words
) -> list[Section]:
    """The tables of the comparison with the run before; none without one."""
    if previous is None:
        return []
    parameters = parameters_section(previous, facts.decisive, words)
    tables = [comparison_section(previous, result, words)]
    return [*tables, parameters] if parameters else tables


def compared_note(previous: PreviousRun | None, result: PipelineResult, words: Words) -> str:
    """Which run it is, and whether the metrics of both are of the same rows."""
    if previous is None:
        return words("This is the first run of this output.")
    date = f"{previous.created:{DATE}}"
    note = words(
        "The run before is of {date}. Metrics are those of the new model of each run.", date=date
    )
    if same_held_out(previous, result):
        return note
    return (
        note
        + " "
        + words("The catalogue has changed since, so the metrics are of other held-out products.")
    )
