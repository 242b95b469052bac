"""What ten million listings would take, reckoned from the measured rates."""

from collections.abc import Mapping

from benchmarks.formats import shown, table
from benchmarks.results import Result

ROWS = 10_000_000
NEEDED = ("resize", "embed", "train", "memory")
DAY = 24.0  # hours
EMBED_DIM, SIDE = 512, 384  # of ruclip-vit-base-patch32-384
LISTED = 1_000  # files that one S3 request tells
BATCH_ROWS = 2_000  # rows of an output shard and of a part of the images' index
KEYS = 2 * 20 + 8  # bytes of a row beside its vectors: two hashes and the id


def ten_million(results: Mapping[str, Result]) -> str:
    """Hours, machines, storage, requests and memory as Markdown, and what is the narrowest."""
    missing = [name for name in NEEDED if name not in results]
    if missing:
        return f"This is reckoned from results that are not there yet: {', '.join(missing)}."
    rates = {name: results[name].findings.rates for name in NEEDED}
    machine = results["embed"].machine
    parts = [
        f"Reckoned from the rates above, for machines of {machine.cores} cores like the one they "
        "were measured on; nobody has run it. The rates are of full-size weights and images of "
        "900 × 1,200, for clean of short texts.",
        _hours(rates),
        _storage(rates),
        _requests(),
        _memory(rates, machine.memory_gb),
        _bottleneck(rates, machine.memory_gb),
    ]
    return "\n\n".join(parts)


def hours(rates: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Hours of each stage on one machine."""
    images, one_text = (
        rates["embed"][name] for name in ("images per second", "texts per second, one template")
    )
    per_second = {
        "clean": rates["memory"]["clean: rows per second"],
        "resize": rates["resize"]["images per second"],
        "train, one epoch": rates["train"]["pairs per second"],
        "embed, six templates": rates["embed"]["rows per second"],
        "embed, one template": 1 / (1 / images + 1 / one_text),
    }
    return {name: ROWS / rate / 3_600 for name, rate in per_second.items()}


def memory(rates: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Bytes that each stage holds at most, drawn on in a straight line from the largest table."""
    found, measured = rates["memory"], rates["memory"]["rows of the largest table"]
    ending = ": bytes of memory per row"
    stages = [name.removesuffix(ending) for name in found if name.endswith(ending)]
    return {
        stage: found[f"{stage}: bytes of memory at the largest table"]
        + (ROWS - measured) * found[f"{stage}{ending}"]
        for stage in stages
    }


def _hours(rates: Mapping[str, Mapping[str, float]]) -> str:
    rows = [
        (name, shown(ROWS / one / 3_600), shown(one), shown(max(1.0, one / DAY)))
        for name, one in hours(rates).items()
    ]
    header = ("stage", "rows/s, one machine", "hours, one machine", "machines for one day")
    return table(header, rows)


def _storage(rates: Mapping[str, Mapping[str, float]]) -> str:
    vectors = 2 * 4 * EMBED_DIM
    kinds = {
        "images as they come, like the benchmark's": rates["resize"]["bytes of an image"],
        f"images resized to {SIDE} × {SIDE}": rates["resize"]["bytes of a resized image"],
        "embeddings, Parquet": vectors + KEYS,
        "embeddings, NPZ": vectors + 8,
        "decoded pixels while training, if cache_gb allows": 3 * SIDE**2,
    }
    rows = [(name, shown(size), shown(ROWS * size / 1e9)) for name, size in kinds.items()]
    return table(("storage", "bytes per row", "GB"), rows)


def _requests() -> str:
    listed, parts = ROWS / LISTED, ROWS / BATCH_ROWS
    kinds = {
        "resize, first run": (ROWS, ROWS + parts, 2 * listed),
        "resize, nothing changed": (parts, 0, 2 * listed),
        "train, first epoch": (ROWS, 0, 0),
        "embed": (ROWS + 4 * parts, parts, 0),
    }
    rows = [
        (name, *(shown(count) if count else "" for count in counts))
        for name, counts in kinds.items()
    ]
    words = (
        "S3 requests, as the code makes them: a GET and a PUT per image, a LIST per thousand "
        "names of either folder, a part of the index and a shard per 2,000 rows. Embedding reads "
        "each resized image once, and each shard for its columns."
    )
    return f"{words}\n\n" + table(("S3 requests", "GET", "PUT", "LIST"), rows)


def _memory(rates: Mapping[str, Mapping[str, float]], memory_gb: int) -> str:
    measured = rates["memory"]["rows of the largest table"]
    rows = [
        (stage, shown(rates["memory"][f"{stage}: bytes of memory per row"]), shown(size / 1e9))
        for stage, size in memory(rates).items()
    ]
    words = (
        "Memory of one process with the whole table, drawn on in a straight line from "
        f"{measured:,.0f} rows; the machine has {memory_gb} GB."
    )
    return f"{words}\n\n" + table(("memory", "bytes per row", "GB at 10 million"), rows)


def _bottleneck(rates: Mapping[str, Mapping[str, float]], memory_gb: int) -> str:
    times = hours(rates)
    run = {name: times[name] for name in times if name != "embed, one template"}
    slowest = max(run, key=lambda name: run[name])
    share = run[slowest] / sum(run.values())
    over = {stage: size for stage, size in memory(rates).items() if size > memory_gb * 1e9}
    parts = [
        f"The narrowest place is {slowest}: {shown(100 * share)}% of the hours. It is arithmetic, "
        "so it asks for GPUs or for more machines, not for another design. A stage runs in one "
        "process on one machine unless its runner says otherwise; without that, cut the table by "
        "rows, an output for each part."
    ]
    if over:
        words = ", ".join(f"{stage} ({shown(size / 1e9)} GB)" for stage, size in over.items())
        parts.append(f"Memory is the next: more than the machine has would be held by {words}.")
    else:
        most = max(memory(rates).items(), key=lambda one: one[1])
        parts.append(
            f"Memory is not: the most, {shown(most[1] / 1e9)} GB, would be held by {most[0]}."
        )
    return " ".join(parts)
