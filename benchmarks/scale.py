"""What ten million listings would take, estimated from the measured rates."""

from collections.abc import Mapping

from benchmarks.formats import formatted, table
from benchmarks.results import Result
from vitrina.duplicates.cells import MAX_CELLS, NEAR_CELLS, ROWS_PER_CELL, cell_count

ROWS = 10_000_000
NEEDED = ("resize", "fetch", "embed", "train", "index", "duplicates", "memory")
OWN_MEMORY = ("index", "duplicates")  # topics that measure the memory of their stage themselves
DAY = 24.0  # hours
EMBED_DIM, SIDE = 512, 384  # of ruclip-vit-base-patch32-384
LISTED = 1_000  # names in the answer to one S3 LIST request
BATCH_ROWS = 2_000  # rows of an embedding shard, and of a part of the index of images
# Rows of the table of hours that stand for another one.
INSTEAD = ("embed, one template", "fetch and resize", "index, nothing changed")
KEYS = 2 * 20 + 8  # bytes of a row besides its vectors: two hashes and the id


def ten_million(results: Mapping[str, Result]) -> str:
    """Hours, machines, storage, requests and memory as Markdown, and the bottleneck."""
    missing = [name for name in NEEDED if name not in results]
    if missing:
        return f"This estimate needs results that are not measured yet: {', '.join(missing)}."
    rates = {name: results[name].findings.rates for name in NEEDED}
    machine = results["embed"].machine
    parts = [
        f"Estimated from the rates above, for machines of {machine.cores} cores like the one they "
        "were measured on; no run of this size was made. The rates are for full-size weights and "
        "images of 900 × 1,200, that of clean for short texts, that of fetching for a server that "
        "answers after 20 ms. Fetching is resizing too, where images are at URLs. The time of "
        "duplicates is estimated from the number of comparisons, as if nothing else took time: "
        f"a listing is compared with {NEAR_CELLS * ROWS_PER_CELL:,} others, and above "
        f"{MAX_CELLS * ROWS_PER_CELL:,} listings with one in {MAX_CELLS // NEAR_CELLS} of all."
        + _busy(results),
        _hours(rates),
        _storage(rates),
        _requests(),
        _memory(rates, machine.memory_gb),
        _bottleneck(rates, machine.memory_gb),
    ]
    return "\n\n".join(parts)


def _busy(results: Mapping[str, Result]) -> str:
    """Which results other work on the machine has made slower; empty if none."""
    names = [name for name in NEEDED if results[name].load_before > results[name].machine.cores]
    if not names:
        return ""
    return (
        f" Measured while other programs used the machine, so that hours are at most those below: "
        f"{', '.join(names)}."
    )


def hours(rates: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Hours of each stage on one machine."""
    images, one_text = (
        rates["embed"][name] for name in ("images per second", "texts per second, one template")
    )
    per_second = {
        "clean": rates["memory"]["clean: rows per second"],
        "resize": rates["resize"]["images per second"],
        "fetch and resize": rates["fetch"]["fetched images per second"],
        "train, one epoch": rates["train"]["pairs per second"],
        "embed, six templates": rates["embed"]["rows per second"],
        "embed, one template": 1 / (1 / images + 1 / one_text),
        "index": rates["index"]["rows per second"],
        "index, nothing changed": rates["index"]["rows per second, nothing changed"],
    }
    found = {name: ROWS / rate / 3_600 for name, rate in per_second.items()}
    pairs = rates["duplicates"]
    more = comparisons(ROWS) / comparisons(int(pairs["rows"]))
    found["duplicates"] = pairs["seconds"] * more / 3_600
    return found


def comparisons(rows: int) -> float:
    """How many pairs of listings a search for duplicates compares, if all cells are equal."""
    return rows * NEAR_CELLS * rows / cell_count(rows)


def memory(rates: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Peak memory of each stage in bytes, extrapolated linearly from the largest table."""
    found, measured = rates["memory"], rates["memory"]["rows of the largest table"]
    ending = ": bytes of memory per row"
    stages = [name.removesuffix(ending) for name in found if name.endswith(ending)]
    in_common = {
        stage: found[f"{stage}: bytes of memory at the largest table"]
        + (ROWS - measured) * found[f"{stage}{ending}"]
        for stage in stages
    }
    own = {
        stage: rates[stage]["bytes of memory"]
        + (ROWS - rates[stage]["rows"]) * rates[stage]["bytes of memory per row"]
        for stage in OWN_MEMORY
    }
    return in_common | own


def _hours(rates: Mapping[str, Mapping[str, float]]) -> str:
    rows = [
        (name, formatted(ROWS / one / 3_600), formatted(one), formatted(max(1.0, one / DAY)))
        for name, one in hours(rates).items()
    ]
    header = ("stage", "rows/s, one machine", "hours, one machine", "machines for one day")
    return table(header, rows)


def _storage(rates: Mapping[str, Mapping[str, float]]) -> str:
    vectors = 2 * 4 * EMBED_DIM
    kinds = {
        "original images, of the benchmark's size": rates["resize"]["bytes of an image"],
        f"images resized to {SIDE} × {SIDE}": rates["resize"]["bytes of a resized image"],
        "embeddings, Parquet": vectors + KEYS,
        "embeddings, NPZ": vectors + 8,
        "index, with the product vectors": rates["index"]["bytes of a row"],
        "pixel cache while training, if cache_gb allows it": 3 * SIDE**2,
    }
    rows = [(name, formatted(size), formatted(ROWS * size / 1e9)) for name, size in kinds.items()]
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
        (name, *(formatted(count) if count else "" for count in counts))
        for name, counts in kinds.items()
    ]
    text = (
        "S3 requests of the code: a GET and a PUT per image, a LIST per thousand names in either "
        "folder, and a part of the index and a shard per 2,000 rows. Embedding reads each resized "
        "image once, and each shard once per column."
    )
    return f"{text}\n\n" + table(("S3 requests", "GET", "PUT", "LIST"), rows)


def _memory(rates: Mapping[str, Mapping[str, float]], memory_gb: int) -> str:
    measured = rates["memory"]["rows of the largest table"]
    rows = [
        (
            stage,
            formatted(
                rates[stage]["bytes of memory per row"]
                if stage in OWN_MEMORY
                else rates["memory"][f"{stage}: bytes of memory per row"]
            ),
            formatted(size / 1e9),
        )
        for stage, size in memory(rates).items()
    ]
    text = (
        "Peak memory of one process that holds the whole table, extrapolated linearly from "
        f"{measured:,.0f} rows, of index (without mapped files) and duplicates from "
        f"{rates['index']['rows']:,.0f}; the machine has {memory_gb} GB."
    )
    return f"{text}\n\n" + table(("memory", "bytes per row", "GB at 10 million"), rows)


def _bottleneck(rates: Mapping[str, Mapping[str, float]], memory_gb: int) -> str:
    times = hours(rates)
    run = {name: times[name] for name in times if name not in INSTEAD}
    slowest = max(run, key=lambda name: run[name])
    share = run[slowest] / sum(run.values())
    over = {stage: size for stage, size in memory(rates).items() if size > memory_gb * 1e9}
    parts = [
        f"The bottleneck is {slowest}: {formatted(100 * share)}% of the hours. It is limited by "
        "arithmetic, so it needs GPUs or more machines, not another design. By default a stage "
        "runs in one process on one machine; on [a Ray cluster](how-to/scale.md), fetch, resize, "
        "train and embed use several. Without Ray, split the table by rows and give each part its "
        "own output."
    ]
    if over:
        stages = ", ".join(f"{stage} ({formatted(size / 1e9)} GB)" for stage, size in over.items())
        parts.append(f"Memory is the next: these need more than the machine has: {stages}.")
    else:
        most = max(memory(rates).items(), key=lambda one: one[1])
        parts.append(
            f"Memory is no bottleneck: {most[0]} needs the most, {formatted(most[1] / 1e9)} GB."
        )
    return " ".join(parts)
