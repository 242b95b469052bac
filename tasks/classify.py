"""Stage "classify": the classes of the listings that have none, predicted from their vectors."""

from tasks.orchestration import prefect_ui
from tasks.orchestration.stage import StageTask
from vitrina.config.classification import ClassifierConfig, ClassifyConfig
from vitrina.config.training import SplitConfig
from vitrina.feed.run_changes import stored_embedding
from vitrina.results import ClassifyResult, EmbedResult
from vitrina.search.stored_run import StoredRun
from vitrina.store.artifacts import Artifact, Store
from vitrina.store.stage import Stage, StageOutcome

STAGE = Stage("classify", ClassifyResult, "vitrina.classification.artifact:write_predictions")


@StageTask
def classify(
    embedded: EmbedResult, store: Store, config: ClassifyConfig, split: SplitConfig
) -> StageOutcome[ClassifyResult]:
    """The predictions for the embedded listings without a class, and how good they are.

    Raises UserError if the table has no such column, or too few classes.
    """
    run = StoredRun(store, stored_embedding(store, embedded), embedded)
    parameters = config.part(ClassifierConfig)

    def make(artifact: Artifact) -> tuple[ClassifyResult, list[str]]:
        # scikit-learn takes a second to import
        from vitrina.classification.artifact import ClassifyRequest, write_predictions

        request = ClassifyRequest(run.table(), run.npz, split, parameters, config.csv_formulas)
        with prefect_ui.progress("classify", "fold", "Models trained") as progress:
            return write_predictions(request, artifact, progress)

    inputs = {
        "table": run.embedding.manifest.parameters["table"],
        "vectors": embedded.checksums,
        "parameters": parameters.content(),
        "split": split.model_dump(),
        "csv_formulas": config.csv_formulas,
    }
    return STAGE.find_or_make(store, inputs, make, refresh=config.refresh)
