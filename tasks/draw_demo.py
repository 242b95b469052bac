"""The demo catalogue as an artifact of the store: the pipeline's input when none is given."""

from tasks.orchestration.stage import retried
from vitrina.demo.artifact import _make
from vitrina.results import DemoResult
from vitrina.store.artifacts import Store
from vitrina.store.stage import Stage

STAGE = Stage("demo", DemoResult, "vitrina.demo.catalog")


@retried
def draw_demo(
    store: Store, products: int = 400, seed: int = 0, refresh: bool = False
) -> DemoResult:
    """Draw the demo catalogue into the store, or find it there."""
    return STAGE.run(
        store,
        {"products": products, "seed": seed},
        lambda artifact: _make(artifact, products, seed),
        refresh=refresh,
    )
