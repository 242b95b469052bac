"""TODO."""

from tasks.orchestration import prefect_ui as artifacts
from tasks.orchestration.ray_shards import shard_map
from tasks.orchestration.stage import retried
from vitrina.config import ResizeConfig
from vitrina.images.resize_catalog import look, resize_catalog
from vitrina.images.resize_plan import Survey
from vitrina.results import CleanResult, ResizeResult
from vitrina.store.artifacts import Artifact, Store
from vitrina.store.paths import location
from vitrina.store.stage import Stage

STAGE = Stage("resize", ResizeResult, __name__)


@retried
def resize(
    cleaned: CleanResult,
    images: str,
    pictures: str,
    store: Store,
    config: ResizeConfig,
    refresh: bool = False,
    runner: str = "threads",
) -> ResizeResult:
    """Prefect's face of :func:`resize_catalog`: the stored table of these pictures, or a new one.

    A stored table whose pictures are gone is made again. ``runner`` is ``RunnerConfig.runner``.
    """
    survey = Survey.make(location(images), location(pictures), config, refresh=refresh)
    seen, to_resize = look(cleaned, survey)

    def make(artifact: Artifact) -> tuple[ResizeResult, list[str]]:
        with (
            artifacts.progress("resize", "row", "Pictures brought to size") as show,
            shard_map("resize", runner) as map_shards,
        ):
            return resize_catalog(cleaned, survey, artifact, show, map_shards)

    inputs = {
        "cleaned": cleaned.fingerprint,
        "pictures": seen,
        "folder": str(survey.pictures),
        "parameters": config.picture(),
    }
    return STAGE.run(store, inputs, make, refresh=refresh or to_resize > 0)
