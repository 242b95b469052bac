"""Index a run of random vectors, as a process that a test kills.

python -m tests.support.index_run OUTPUT COUNT SEED     index COUNT listings into OUTPUT's table
"""

import sys

from tests.support.vector_run import vector_run
from vitrina.config.index import IndexConfig
from vitrina.index.build import IndexRequest, build_index
from vitrina.index.weight import WeightChoice
from vitrina.store.paths import to_path


def main(output: str, count: int, seed: int) -> None:
    """Print the version when it is done."""
    root = to_path(output)
    table, vectors = vector_run(count, seed=seed).write(root / "runs" / str(seed), shard_rows=500)
    config = IndexConfig(image_weight=0.5, exact_below=100)
    request = IndexRequest(table, vectors, root / "index" / ("a" * 20 + ".lance"), config)
    print("begins", flush=True)
    print(build_index(request, lambda: WeightChoice(0.5, {})).version, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
