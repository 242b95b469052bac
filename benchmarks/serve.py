"""Searching a large catalogue and keeping its index: against the plain way and LanceDB alone.

python -m benchmarks.serve                     100,000 listings, about four minutes on two cores
python -m benchmarks.serve --listings 20000 --queries 20

Queries go over HTTP to a server in a process of its own, and each is new to it. The plain way is
ruclip.Predictor and a numpy product in this process, one query after another.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np
import numpy.typing as npt
import pandas  # noqa: F401 - changing an index needs it, and its import is no part of the time
import pyarrow as pa
import tyro

from benchmarks import baseline
from benchmarks.results import Figure, Findings, bars, write_findings
from benchmarks.shop_of_vectors import VectorShop
from vitrina.config.index import IndexConfig
from vitrina.index.approximate import make_indexes
from vitrina.index.build import IndexRequest, build_index
from vitrina.index.lance import connect
from vitrina.index.rows import RunRows, product_vectors
from vitrina.index.stored import STAGE
from vitrina.index.weight import WeightChoice
from vitrina.results import EmbedResult, IndexResult
from vitrina.search.run import open_run

CLIENTS = 8
TOP = 10
WEIGHT = 0.5
CONFIG = IndexConfig(image_weight=WEIGHT, exact_below=1_000)
TABLE = "a" * 20 + ".lance"
ADDRESS = re.compile(r"serve: (http://\S+)")
START_SECONDS = 120
RECALL_QUERIES = 100

Answer = Callable[[str], object]


def measure_index(shop: VectorShop) -> Findings:
    """Building, against LanceDB's own calls; changing 1%, against building; and the recall."""
    path = shop.store.path / STAGE / TABLE
    table, vectors, _ = shop.write("0" * 20)
    alone = lance_alone(shop, RunRows(Path(table.path), vectors, (), WEIGHT))
    built, result = index(IndexRequest(table, vectors, path, CONFIG))
    table, vectors, embedded = shop.write("1" * 20, changed=0.01)
    changed, result = index(IndexRequest(table, vectors, path, CONFIG, result))
    publish(shop, result, embedded)
    return Findings(
        workload="",
        figures=(
            Figure(name="index: time over LanceDB's own calls", values=(built / alone,), at_most=2),
            Figure(
                name="index: 1% changed, as a share of building it",
                values=(changed / built,),
                unit="",
                at_most=0.05,
            ),
            Figure(
                name="recall@10 of approximate search",
                values=(recall(shop),),
                unit="",
                at_least=0.98,
            ),
            Figure(name="index: building it", values=(built,), unit="s"),
        ),
    )


def index(request: IndexRequest) -> tuple[float, IndexResult]:
    """Seconds of making an index, and its result."""
    begin = time.perf_counter()
    result = build_index(request, lambda: WeightChoice(WEIGHT, {}))
    return time.perf_counter() - begin, result


def lance_alone(shop: VectorShop, rows: RunRows) -> float:
    """Seconds that LanceDB takes to write rows that are ready and to build the same indexes."""
    keys = np.concatenate([keys for _, keys in rows.row_keys()])
    ready = pa.Table.from_batches(rows.batches(keys), rows.schema)
    begin = time.perf_counter()
    table = connect(shop.store.path / "alone").create_table("alone", ready)
    make_indexes(table, len(ready), IndexConfig().code_bits)
    return time.perf_counter() - begin


def publish(shop: VectorShop, result: IndexResult, embedded: EmbedResult) -> None:
    """Make an index the latest one of the store."""
    key = "2" * 20
    shop.store.artifact(STAGE, key).publish(
        STAGE,
        key,
        (),
        parameters={"checksums": embedded.checksums},
        result=result.model_dump(mode="json"),
    )
    shop.store.point_latest(STAGE, key)


def recall(shop: VectorShop) -> float:
    """The share of the ten nearest listings of noisy texts that approximate search finds."""
    approximate, exact = (open_run(shop.store.root, "cpu", exact=one) for one in (False, True))
    assert approximate.searcher.approximate is not None
    rng = np.random.default_rng(5)
    stored = exact.vectors().text
    hits = 0
    for row in rng.integers(0, len(stored), RECALL_QUERIES):
        noisy = stored[row] + rng.standard_normal(stored.shape[1], np.float32) * np.float32(0.03)
        vector = noisy / np.linalg.norm(noisy)
        found, expected = (
            {hit.nm for hit in run.nearest(vector, k=TOP)} for run in (approximate, exact)
        )
        hits += len(found & expected)
    return hits / (RECALL_QUERIES * TOP)


def measure_queries(shop: VectorShop, queries: int, plain_queries: int) -> Findings:
    """Latency over HTTP, of one client and of eight, and of the plain way."""
    texts = iter(f"{title} новая" for title in shop.titles)
    with served(shop.store.root) as url, httpx.Client(base_url=url, timeout=60) as client:

        def ask(text: str) -> object:
            return client.get("/search", params={"q": text, "top": TOP}).raise_for_status()

        alone = latencies(ask, [next(texts) for _ in range(queries)], 1)
        together = latencies(ask, [next(texts) for _ in range(queries)], CLIENTS)
    plain = plain_way(shop)
    one = latencies(plain, [next(texts) for _ in range(plain_queries)], 1)
    eight = latencies(plain, [next(texts) for _ in range(plain_queries)], CLIENTS)
    found = {
        "ours, 1 client": alone,
        "ours, 8 clients": together,
        "plain, 1 client": one,
        "plain, 8 clients": eight,
    }
    for name, seconds in found.items():
        p50, p95 = (1e3 * np.percentile(seconds, percent) for percent in (50, 95))
        print(f"{name:<18} p50 {p50:8.1f} ms, p95 {p95:8.1f} ms")
    medians = {name: [percentile(seconds, 50)] for name, seconds in found.items()}
    return Findings(
        workload="",
        figures=(
            Figure(
                name="query: p95 of one client",
                values=(percentile(alone, 95),),
                unit="ms",
                at_most=100,
            ),
            Figure(name="query: p50 of one client", values=(percentile(alone, 50),), unit="ms"),
            Figure(name="query: p50 of 8 clients", values=(percentile(together, 50),), unit="ms"),
            Figure(name="query: p95 of 8 clients", values=(percentile(together, 95),), unit="ms"),
            Figure(
                name="query: p50 of one client, plain over ours",
                values=(percentile(one, 50) / percentile(alone, 50),),
            ),
            Figure(
                name="query: p95 of 8 clients, plain over ours",
                values=(percentile(eight, 95) / percentile(together, 95),),
            ),
        ),
        bars=(bars("Median latency of a query", "ms", medians),),
    )


def percentile(seconds: Sequence[float], percent: float) -> float:
    """A percentile in milliseconds."""
    return float(1e3 * np.percentile(seconds, percent))


def latencies(ask: Answer, texts: Sequence[str], clients: int) -> list[float]:
    """Seconds of each query, asked by some clients, each of which waits for its answer."""

    def one(text: str) -> float:
        begin = time.perf_counter()
        ask(text)
        return time.perf_counter() - begin

    with ThreadPoolExecutor(clients) as pool:
        return list(pool.map(one, texts))


def plain_way(shop: VectorShop) -> Answer:
    """ruclip.Predictor with six templates, and the product with all vectors."""
    stored = open_run(shop.store.root, "cpu", exact=True).vectors()
    product = product_vectors(np.array(stored.text), np.array(stored.img), WEIGHT)

    def ask(text: str) -> npt.NDArray[np.int64]:
        scores = product @ baseline.embed_texts(shop.model, [text], 1)[0]
        best = np.argpartition(-scores, TOP)[:TOP]
        nearest: npt.NDArray[np.int64] = best[np.argsort(-scores[best])]
        return nearest

    ask("платье")
    return ask


@contextmanager
def served(output: str) -> Iterator[str]:
    """The address of a server in a process of its own."""
    with tempfile.TemporaryFile("w+") as log:
        command = [sys.executable, "flows/serve.py", "--output", output, "--port", "0"]
        process = subprocess.Popen(command, stdout=log, stderr=log, env=dict(os.environ))
        try:
            end = time.monotonic() + START_SECONDS
            while (found := _address(log.fileno())) is None:
                if process.poll() is not None or time.monotonic() > end:
                    raise RuntimeError("the server does not answer")
                time.sleep(0.2)
            yield found
        finally:
            process.terminate()
            process.wait()


def _address(log: int) -> str | None:
    found = ADDRESS.search(os.pread(log, 1 << 20, 0).decode())
    return found[1] if found else None


def main(
    listings: int = 100_000,
    queries: int = 100,
    plain_queries: int = 16,
    json: Path | None = None,
) -> None:
    """Measure; the findings are written to ``json``."""
    with tempfile.TemporaryDirectory(prefix="vitrina-bench-") as scratch:
        shop = VectorShop.make(Path(scratch), listings)
        parts = [measure_index(shop), measure_queries(shop, queries, plain_queries)]
    workload = (
        f"{listings:,} listings of random vectors around 500 centres, full-size model with random "
        f"weights, six templates; {queries} new queries of 5 to 12 tokens over HTTP, the 10 nearest"
    )
    result = Findings.merged(workload, parts)
    for figure in result.figures:
        print(f"{figure.name:<50} {figure.median:9.4g} {figure.unit}")
    write_findings(result, json)


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
