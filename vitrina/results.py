"""The results of stages: paths, fingerprints and counts, never tables or tensors."""

from typing import Literal

from pydantic import Field

from vitrina.config.parameters import Parameters
from vitrina.config.text import ListingConfig, SeveralImages

Interval = tuple[float, float]


class TableRef(Parameters):
    """The path of a processed table and a hash of its content."""

    path: str
    fingerprint: str


class DemoResult(Parameters):
    """The demo catalogue and its images."""

    catalog: str = Field(description="catalog.parquet")
    images: str = Field(description="Folder of <nm>.jpg, and of <nm>_2.jpg for a third of them.")
    queries: str = Field(description="queries.parquet: query, nm, weight (clicks), grade.")
    rows: int


class CleanResult(Parameters):
    """The cleaned table, and the number of rows rejected for each reason."""

    table: str = Field(description="cleaned.parquet: nm, title, description, then the rest.")
    rejected: str = Field(description="rejected.parquet: nm, reason.")
    fingerprint: str = Field(description="Hash of the table's content.")
    rows_in: int
    rows_kept: int
    reasons: dict[str, int]


class RejectedExample(Parameters):
    """A row that was rejected for its image."""

    nm: str
    title: str
    source: str = Field(description="Path or address of its image; empty if the row names none.")
    reason: str


class ResizeResult(Parameters):
    """The processed table, in which every row has texts and a resized image."""

    table: TableRef = Field(
        description="processed_data.parquet: title, image_path, nm, then the rest. The fingerprint "
        "covers texts, ids and images, not their paths."
    )
    csv: str = Field(description="processed_data.csv, the same table.")
    rejected: str = Field(description="rejected.csv: nm, reason; of clean and of resize.")
    rejected_images: str = Field(
        "",
        description="rejected_images.csv: nm, source, reason; also of listings that are kept. "
        "Empty unless a listing may have several images.",
    )
    images: str = Field(description="Folder of the resized images.")
    rows_in: int = Field(description="Rows of the catalogue, before clean.")
    rows_kept: int
    reasons: dict[str, int]
    images_resized: int = Field(description="Images read in this run; the rest were up to date.")
    images_rejected: dict[str, int] = Field(
        {}, description="Images in rejected_images.csv by reason."
    )
    rejected_examples: tuple[RejectedExample, ...] = Field(
        (), description="The first rows rejected for their images, up to 20 for each reason."
    )


class QueriesResult(Parameters):
    """The cleaned table of queries."""

    table: TableRef = Field(
        description="queries.parquet: query, nm, weight; a row for a query and a listing."
    )
    rows_in: int
    pairs: int = Field(description="Rows of the cleaned table.")
    queries: int
    reasons: dict[str, int] = Field(description="Rejected rows by reason.")


class ModelResult(Parameters):
    """A ruCLIP folder: config.json, bpe.model, pytorch_model.bin, model.safetensors."""

    folder: str
    fingerprint: str = Field(description="Hash of the three files that are opened.")


class TrainResult(Parameters):
    """A fine-tuned ruCLIP."""

    folder: str = Field(description="Folder of the training: checkpoints, metrics.jsonl, ruclip/.")
    model: ModelResult = Field(description="The best epoch as a ruCLIP folder.")
    checkpoint: str = Field(description="ruCLIP_model_epoch{N}.pth of the best epoch.")
    epochs: int
    best_epoch: int
    metrics: dict[str, float] = Field(description="Validation metrics of the best epoch.")


class MetricIntervals(Parameters):
    """95% intervals of a held-out metric before and after fine-tuning, and of the difference."""

    before: Interval
    after: Interval
    difference: Interval


class EvaluateResult(Parameters):
    """Held-out metrics before and after fine-tuning."""

    report: str = Field(description="evaluation.json")
    ranks: dict[str, str] = Field(
        description="Parquet files: the ranks of each held-out listing or query by both models."
    )
    before: dict[str, float]
    after: dict[str, float]
    intervals: dict[str, MetricIntervals] = Field(description="By metric; chance has none.")
    counts: dict[str, int] = Field(description="Held-out rows and products; rows of the probe.")


class Comparison(Parameters):
    """How much better a new model ranks the held-out products than the current one."""

    metric: str
    candidate: float = Field(description="The metric of the new model.")
    current: float = Field(description="The metric of the model that was current.")
    gain: float = Field(
        description="The difference, above 0 if the new model is better; of a geometric rank the "
        "logarithm of the ratio."
    )
    interval: Interval = Field(description="Of the gain, at the gate's confidence.")
    standard_error: float = Field(description="Of the gain.")
    held_out: int = Field(description="Held-out products, or queries if the metric is of queries.")
    decisive: int = Field(description="Those whose gain is not just the margin.")


Verdict = Literal["promoted", "declined", "cannot tell"]


class PromoteResult(Parameters):
    """The model that embeds from now on, and the reason."""

    model: ModelResult
    other: ModelResult = Field(
        description="The model it was compared with: the one that it replaced, or the new one."
    )
    verdict: Verdict = Field(description="Whether the new model has become the current one.")
    reason: str
    comparison: Comparison

    @property
    def promoted(self) -> bool:
        """Whether the new model has become the current one."""
        return self.verdict == "promoted"


class VectorOrigin(Parameters):
    """What made a set of vectors: only those of one origin can be compared."""

    model: str = Field(description="The model's fingerprint; empty if it was embedded without one.")
    model_folder: str = Field(description="Where that model was at the time.")
    templates: tuple[str, ...] = Field(description="Sentences over which a text is averaged.")
    text: str = Field(description="Template of a listing's text, such as {title}. {brend}.")
    several_images: SeveralImages = Field(
        "mean", description="Whether an image vector is the mean of a listing's, or of the first."
    )
    arithmetic: str = Field(description="Device and precision, such as cpu float32.")

    @property
    def listing(self) -> ListingConfig:
        """What of a listing was embedded."""
        return ListingConfig(text=self.text, several_images=self.several_images)


class EmbedResult(Parameters):
    """A text and an image vector for each row, in the order of the table."""

    table: str = Field(description="The processed table whose rows were embedded.")
    origin: VectorOrigin
    checksums: dict[str, int] = Field(description="CRC-32 of each array in the NPZ.")
    npz: str = Field(description="embeddings.npz: text, img, nm.")
    parquet: str = Field(description="Folder of shards: nm, text, img.")
    images_parquet: str = Field(
        "",
        description="Folder with each image's own vector: nm, position, img; empty unless a "
        "listing has several images.",
    )
    rows: int
    embed_dim: int
    rows_embedded: int = Field(description="Rows computed in this run; the rest were reused.")
    images_embedded: int = Field(0, description="Images computed in this run.")


class ColumnSearch(Parameters):
    """How one kind of vector is searched approximately, and how well that works."""

    probes: int = Field(description="Partitions searched for a query.")
    refine_factor: int = Field(description="Candidates per wanted listing, compared exactly.")
    recall_at_10: float = Field(description="Of the 10 nearest, the share found, on a sample.")


class IndexResult(Parameters):
    """A LanceDB table of all listings with their vectors."""

    table: str = Field(description="Folder of the table.")
    version: int = Field(description="The version of the table that this run has written.")
    rows: int
    rows_written: int = Field(description="Rows that were new or changed.")
    rows_removed: int
    changed_since_build: int = Field(description="Rows written since all of them were.")
    columns: tuple[str, ...] = Field(description="Columns that can be filtered by.")
    dim: int = Field(description="Numbers of each vector in the table.")
    storage: Literal["float32", "float16"] = Field(description="Their type.")
    is_whole: bool = Field(
        description="Whether the table has the whole vectors; if not, search compares candidates "
        "by those of the run."
    )
    image_weight: float = Field(description="Share of the image in the product vector.")
    weight_mrr: dict[str, float] = Field(
        description="MRR of finding held-out listings by a sentence of their description, by image "
        "weight; empty if the weight was not chosen."
    )
    partitions: int = Field(description="Of approximate search; 0: it is exact.")
    approximate: dict[str, ColumnSearch] = Field(
        description="By kind of vector: text, img, product; empty if search is exact."
    )


class ChangesResult(Parameters):
    """What has changed since the run before; a run is named by the key of its embedding."""

    from_run: str = Field(description="The run that the changes start from; empty: from nothing.")
    to_run: str = Field(description="The run that they lead to.")
    changes: str = Field(description="changes.parquet: nm, change, text, img, columns, row, keys.")
    listing_keys: tuple[str, ...] = Field(
        description="Parquet files: nm, row, text_key, image_key, columns_key of every listing."
    )
    vectors: str = Field(description="Hash of model, templates and arithmetic of the vectors.")
    counts: dict[str, int] = Field(
        description="Listings by kind: added, changed, removed, model (new vectors by another "
        "model) and unchanged."
    )


class Threshold(Parameters):
    """From which cosine on pairs are reported as duplicates, and how precise that is."""

    cosine: float | None = Field(description="Null: no pairs of this class are reported.")
    chosen: Literal["precision", "default", "given", "floor"] = Field(
        description="For the precision; the default, as too few duplicates are known; by the user; "
        "or every pair that is near at all."
    )
    basis: Literal["held-out", "all"] | None = Field(
        None, description="The products on which the precision was measured; null: it is not known."
    )
    precision: float | None = Field(None, description="Share of the judged pairs that are right.")
    low: float | None = Field(None, description="Lower end of its 95% interval.")
    high: float | None = None
    products: int = Field(0, description="Products of the judged pairs.")
    known_products: int = Field(0, description="Products that are known to have duplicates.")


class DuplicatesResult(Parameters):
    """Listings that are the same product with another title or another image."""

    pairs: str = Field(description="pairs.parquet: nm_a, nm_b, kind, cosines, score.")
    groups: str = Field(description="groups.parquet: group, nm, is_representative, cosine.")
    gallery: str = Field(description="duplicates.html")
    group_column: str = Field(description="The column that judged pairs; empty: title and image.")
    pairs_by_kind: dict[str, int]
    groups_found: int
    listings: int = Field(description="Listings in groups.")
    sharing: Threshold = Field(description="Of pairs with the same title or the same image.")
    similar: Threshold = Field(description="Of pairs with another title and another image.")
    recall: float | None = Field(
        None, description="Share of the pairs of the group column that are reported."
    )


class HealthResult(Parameters):
    """Listings that look wrong."""

    health: str = Field(description="health.parquet: nm, problem, score, reason, other_nm.")
    samples: str = Field(description="samples.json: the worst listings of each problem, to show.")
    counts: dict[str, int] = Field(description="Listings by problem, of those looked for.")
    listings: int = Field(description="Listings with any problem.")
    rows: int = Field(description="Listings in all.")


class ClassifyResult(Parameters):
    """Predicted classes of the listings without one, and how good they are."""

    column: str
    predictions: str = Field(
        description="predictions.parquet: nm, known, predicted, probability, second, "
        "second_probability."
    )
    csv: str = Field(description="predictions.csv, the same table.")
    report: str = Field(description="classification.json")
    classes: int
    rare: dict[str, int] = Field(description="Rows of each class that was left out.")
    labelled_rows: int
    predicted_rows: int
    judged_rows: int = Field(description="Rows that the metrics are of.")
    judged_products: int
    basis: Literal["held-out", "all"] = Field(description="Of which products they are.")
    temperature: float
    metrics: dict[str, float] = Field(
        description="accuracy, its 95% interval, macro_f1; ece, brier and log_loss before and "
        "after calibration."
    )


class StageResults(Parameters):
    """The results of all stages of a pipeline run."""

    resized: ResizeResult
    trained: TrainResult
    evaluated: EvaluateResult
    promoted: PromoteResult
    embedded: EmbedResult
    indexed: IndexResult
    changed: ChangesResult
    duplicates: DuplicatesResult | None = Field(None, description="Null if it was left out.")
    health: HealthResult | None = Field(None, description="Null if it was left out.")
    queries: QueriesResult | None = Field(None, description="Null if none were given.")


class OnnxModel(Parameters):
    """An exported model: what encoding as it does takes, besides its files."""

    model: str = Field(description="The model's fingerprint.")
    templates: tuple[str, ...] = Field(description="Sentences over which a text is averaged.")
    context_length: int = Field(description="Token ids of a text at most, bos and eos included.")
    resolution: int = Field(description="Side of the square input image, in pixels.")
    resize_mode: Literal["shortest", "longest", "squash"] = Field(
        description="How an image is made square."
    )
    mean: tuple[float, ...] = Field(description="Of each colour, in 0..1; image.onnx applies it.")
    std: tuple[float, ...] = Field(description="Of each colour, in 0..1; image.onnx applies it.")
    embed_dim: int


class OnnxComparison(Parameters):
    """An exported model and the model itself, on the same listings."""

    rows: int
    text_cosine: float = Field(description="The lowest between their text vectors.")
    image_cosine: float = Field(description="The lowest between their image vectors.")
    recall: dict[str, float] = Field(description="Recall among these listings, as exported.")
    model_recall: dict[str, float] = Field(description="The same by the model itself.")


class OnnxResult(Parameters):
    """Both towers of a model as ONNX files."""

    folder: str = Field(description="Folder of text.onnx, image.onnx and bpe.model.")
    exported: OnnxModel
    compared: OnnxComparison


How = Literal["nothing", "feed", "keys", "table"]


class PushResult(Parameters):
    """What a push has changed in the database."""

    view: str = Field(description="schema.view")
    table: str = Field(description="The table that the view shows.")
    run: str = Field(description="The run that it shows.")
    rows: int
    by: How = Field(
        description="nothing: the database had this run; feed: rows of the feed were exchanged; "
        "keys: rows that differ were; table: the view was switched to another table."
    )
    written: int = Field(description="Rows written in this push.")
    deleted: int = Field(description="Rows deleted, among them those that were written anew.")


class PipelineResult(StageResults):
    """The results of a pipeline run, with its report."""

    report: str = Field(description="report.html")
