"""Stage "demo": the catalogue that the pipeline runs on if none is given."""

from tasks.orchestration.stage import StageTask
from vitrina.config.run_options import RefreshOption
from vitrina.demo.artifact import draw_into
from vitrina.results import DemoResult
from vitrina.store.artifacts import Store
from vitrina.store.stage import Stage, StageOutcome

STAGE = Stage("demo", DemoResult, "vitrina.demo.artifact:draw_into")


@StageTask
def draw_demo(
    store: Store, options: RefreshOption, products: int = 400, seed: int = 0
) -> StageOutcome[DemoResult]:
    """A catalogue of drawn products, in the store."""
    return STAGE.find_or_make(
        store,
        {"products": products, "seed": seed},
        lambda artifact: draw_into(artifact, products, seed),
        refresh=options.refresh,
    )
