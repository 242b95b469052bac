"""What a stage hands to the next: paths, fingerprints and counts; never tables or tensors."""

from pydantic import Field

from vitrina.config import Parameters


class TableRef(Parameters):
    """A processed table: where it is, and a hash of its content."""

    path: str
    fingerprint: str


class DemoResult(Parameters):
    """The demo catalogue."""

    catalog: str = Field(description="catalog.parquet")
    images: str = Field(description="Folder of <nm>.jpg.")
    rows: int


class CleanResult(Parameters):
    """The cleaned table, and the number of rows rejected for each reason."""

    table: str = Field(description="cleaned.parquet: nm, title, description, then the rest.")
    rejected: str = Field(description="rejected.parquet: nm, reason.")
    fingerprint: str = Field(description="Hash of the table's content.")
    rows_in: int
    rows_kept: int
    reasons: dict[str, int]


class ResizeResult(Parameters):
    """The processed table: every row has its texts and a resized image."""

    table: TableRef = Field(
        description="processed_data.parquet: title, image_path, nm, then the rest. The fingerprint "
        "is of texts, ids and images, not of their paths."
    )
    csv: str = Field(description="processed_data.csv, the same table.")
    rejected: str = Field(description="rejected.csv: nm, reason; from clean and from resize.")
    images: str = Field(description="Folder of the resized images.")
    rows_in: int = Field(description="Rows of the catalogue, before clean.")
    rows_kept: int
    reasons: dict[str, int]
    images_resized: int = Field(description="Images opened in this run; the rest were up to date.")


class ModelResult(Parameters):
    """A ruCLIP folder: config.json, bpe.model, pytorch_model.bin."""

    folder: str
    fingerprint: str = Field(description="Hash of the three files' content.")


class TrainResult(Parameters):
    """A fine-tuned ruCLIP."""

    folder: str = Field(description="The training: checkpoints, metrics.jsonl, ruclip/.")
    model: ModelResult = Field(description="The best epoch as a ruCLIP folder.")
    checkpoint: str = Field(description="ruCLIP_model_epoch{N}.pth of the best epoch.")
    epochs: int
    best_epoch: int
    metrics: dict[str, float] = Field(description="Of the best epoch, on the validation rows.")


class EvaluateResult(Parameters):
    """Held-out metrics before and after fine-tuning."""

    report: str = Field(description="evaluation.json")
    before: dict[str, float]
    after: dict[str, float]
    counts: dict[str, int] = Field(description="Held-out rows and products, rows of the probe.")


class PromoteResult(Parameters):
    """The model that embeds from now on, and why."""

    model: ModelResult
    promoted: bool = Field(description="Whether the new model is the current one now.")
    reason: str
    metric: str
    candidate: float = Field(description="The metric of the new model.")
    current: float = Field(description="The metric of the model that was current before.")


class EmbedResult(Parameters):
    """A vector of each row's text and image, in the order of the table."""

    npz: str = Field(description="embeddings.npz: text, img, nm.")
    parquet: str = Field(description="Folder of shards: nm, text, img.")
    rows: int
    embed_dim: int
    rows_embedded: int = Field(description="Rows computed in this run; the rest were reused.")


class StageResults(Parameters):
    """The results of all stages of a pipeline run."""

    resized: ResizeResult
    trained: TrainResult
    evaluated: EvaluateResult
    promoted: PromoteResult
    embedded: EmbedResult


class PipelineResult(StageResults):
    """The results of a pipeline run, with its report."""

    report: str = Field(description="report.html")
