"""The benchmarks in the order of ``python -m benchmarks``, and why a figure misses its goal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Topic:
    """A benchmark: the name of its module, its heading, and its options for a quick trial.

    ``causes`` explains, by the name of a figure, why it misses its goal; the page shows an
    explanation only while the figure does.
    """

    name: str
    title: str
    quick: Sequence[str]
    causes: Mapping[str, str] = field(default_factory=dict)


TOPICS = (
    Topic("resize", "Resizing images", ("--images", "12", "--rounds", "1")),
    Topic("fetch", "Fetching images from URLs", ("--images", "200", "--rounds", "1")),
    Topic("embed", "Embedding", ("--rows", "4", "--repeats", "1")),
    Topic(
        "train",
        "Training",
        ("--rows", "4", "--batch_size", "4", "--repeats", "1"),
        {
            "later epochs: bfloat16 over float32": "The product alone gains little more on this "
            "processor (the note below has it); casts, norms and the optimizer stay in float32.",
        },
    ),
    Topic("gpu", "On a GPU", ("--rows", "64", "--repeats", "1")),
    Topic(
        "serve",
        "Search over HTTP",
        ("--listings", "3000", "--queries", "4", "--plain_queries", "2"),
    ),
    Topic("recall", "Exact recall", ("--rows", "2000", "--repeats", "1")),
    Topic("index", "Index", ("--rows", "3000", "6000")),
    Topic("duplicates", "Duplicates", ("--rows", "2000", "4000", "--no-with-demo")),
    Topic(
        "again",
        "A second run",
        ("--rows", "24", "--rounds", "1", "--products", "80", "--epochs", "1"),
    ),
    Topic(
        "start",
        "Quick answers",
        ("--rounds", "1"),
        {
            "nothing to do, kept server": "Most of it is Prefect's own: importing it, and running "
            "a flow. The bars have both.",
        },
    ),
    Topic(
        "overhead",
        "Prefect and shards",
        (
            *("--rounds", "1", "--products", "80", "--epochs", "1"),
            *("--rows", "200", "--shards", "4", "--shard_rounds", "1"),
        ),
        {
            "overhead of the demo, new PREFECT_HOME": "Prefect creates its database there first; "
            "later runs find it.",
        },
    ),
    Topic(
        "runner",
        "Shards on Ray",
        ("--images", "24", "--sizes", "12", "--rounds", "1"),
    ),
    Topic(
        "memory",
        "Cost per row and memory as tables grow",
        ("--rows", "60", "200"),
    ),
)


def select_topics(names: Sequence[str]) -> list[Topic]:
    """The topics with these names, or all if none is given; ValueError for an unknown name."""
    known = {topic.name: topic for topic in TOPICS}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(f"there is no benchmark {unknown[0]!r}; expected: {', '.join(known)}")
    return [topic for topic in TOPICS if topic.name in names or not names]
