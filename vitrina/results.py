"""What a stage hands to the next: places, fingerprints and counts; never tables or tensors."""

from pydantic import Field

from vitrina.config import Parameters


class CleanResult(Parameters):
    """The cleaned table, and how many rows were dropped for which reason."""

    table: str = Field(description="cleaned.parquet: nm, title, description, then the rest.")
    rejected: str = Field(description="rejected.parquet: nm, reason.")
    fingerprint: str = Field(description="Hash of the table's content.")
    rows_in: int
    rows_kept: int
    reasons: dict[str, int]


class ResizeResult(Parameters):
    """The processed table: every row has its text and a picture of the right size."""

    table: str = Field(description="processed_data.parquet: title, image_path, nm, then the rest.")
    csv: str = Field(description="processed_data.csv, the same table.")
    rejected: str = Field(description="rejected.csv: nm, reason; those of clean and of resize.")
    pictures: str = Field(description="Folder of the resized pictures.")
    fingerprint: str = Field(description="Hash of texts, ids and pictures, whatever their paths.")
    rows_in: int = Field(description="Rows of the catalogue, before clean.")
    rows_kept: int
    reasons: dict[str, int]
    pictures_resized: int = Field(description="Pictures opened in this run; the rest were there.")


class ModelResult(Parameters):
    """A ruCLIP folder: config.json, bpe.model, pytorch_model.bin."""

    folder: str
    fingerprint: str = Field(description="Hash of the three files' content.")


class TrainResult(Parameters):
    """A fine-tuned ruCLIP."""

    folder: str = Field(description="The run: checkpoints, metrics.jsonl, ruclip/.")
    model: ModelResult = Field(description="The best epoch as a ruCLIP folder.")
    checkpoint: str = Field(description="ruCLIP_model_epoch{N}.pth of the best epoch.")
    epochs: int
    best_epoch: int
    metrics: dict[str, float] = Field(description="Of the best epoch, on the validation rows.")


class EvaluateResult(Parameters):
    """Held-out figures before and after fine-tuning."""

    report: str = Field(description="evaluation.json")
    before: dict[str, float]
    after: dict[str, float]
    counts: dict[str, int] = Field(description="Held-out rows and products, the probe's rows.")


class PromoteResult(Parameters):
    """Which model embeds from now on, and why."""

    model: ModelResult
    promoted: bool = Field(description="Whether the new model is the present one now.")
    reason: str
    metric: str
    candidate: float = Field(description="The new model's held-out figure.")
    present: float = Field(description="That of the model that was present before.")


class EmbedResult(Parameters):
    """A vector of each row's text and picture, in the order of the table."""

    npz: str = Field(description="embeddings.npz: text, img, nm.")
    parquet: str = Field(description="Folder of shards: nm, text, img.")
    rows: int
    embed_dim: int
    rows_embedded: int = Field(description="Rows computed in this run; the rest were taken over.")


class PipelineResult(Parameters):
    """What a run of the whole way came to."""

    resized: ResizeResult
    trained: TrainResult
    evaluated: EvaluateResult
    promoted: PromoteResult
    embedded: EmbedResult
    report: str = Field(description="report.html")


class DemoResult(Parameters):
    """The catalogue that was drawn."""

    catalog: str = Field(description="catalog.parquet")
    images: str = Field(description="Folder of <nm>.jpg.")
    rows: int
