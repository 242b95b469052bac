"""Every parameter of Vitrina, once.

A field here is the command-line option, the Prefect UI's form entry, the validation and the
documentation. The models are frozen and refuse unknown names; this module imports neither torch nor
Prefect, so that help and a wrong value answer at once.
"""

import re
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from tyro.conf import Positional, UseAppendAction, arg

Fraction = Annotated[float, Field(ge=0, lt=1)]
Pixels = Annotated[int, Field(ge=1, le=10_000)]
Group = TypeVar("Group", bound="Parameters")
DEFAULT_MODEL = "ruclip-vit-base-patch32-384"
MODEL_SOURCES = "ruCLIP to start from: a name, a local or s3:// folder, or tiny (for trials)."


class Parameters(BaseModel):
    """Base of every parameter group: frozen, no unknown names, no NaN or infinity."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    # Fields that change how the work is done, not its result. Every other one is part of the key.
    OPERATIONAL: ClassVar[frozenset[str]] = frozenset()

    def content(self) -> dict[str, Any]:
        """The parameters that decide the result, as JSON values."""
        return self.model_dump(mode="json", exclude=set(self.OPERATIONAL))

    def part(self, group: type[Group]) -> Group:
        """The values of one of the groups that this flat model is composed of."""
        return group(**{name: getattr(self, name) for name in group.model_fields})


def _known_executor(value: str) -> str:
    if not re.fullmatch(r"threads|ray|ray://[^/\s]+:\d+", value):
        raise ValueError(
            f"there is no executor {value!r}: expected threads, ray or ray://host:port"
        )
    return value


class RefreshOption(Parameters):
    """Whether stored results are used."""

    refresh: bool = Field(False, description="Compute everything again, whatever is stored.")


class RunOptions(RefreshOption):
    """How a run is carried out; nothing here changes a result."""

    executor: Annotated[str, AfterValidator(_known_executor)] = Field(
        "threads",
        description="Where images are resized and rows embedded: threads (this process), ray (the "
        "cluster at RAY_ADDRESS, or a temporary one on this machine) or ray://host:port. Ray "
        "workers must see the same folders or buckets.",
    )


class TrackedRunOptions(RefreshOption):
    """How a stage that reports to wandb is carried out."""

    project_name: str = Field("fine-tuning-ruclip", description="wandb project.")


class CleanConfig(Parameters):
    """Which rows of the catalogue are kept, and the names of its columns."""

    nm_column: str = Field("nm", description="Column with the unique id of a listing.")
    title_column: str = Field("title", description="Column with the title.")
    description_column: str = Field("description", description="Column with the description.")
    required: tuple[Literal["title", "description"], ...] = Field(
        ("title", "description"), description="Texts that a row must have to be kept."
    )
    batch_rows: int = Field(2_000, ge=1, description="Rows held in memory at a time.")

    OPERATIONAL: ClassVar[frozenset[str]] = frozenset({"batch_rows"})


class ResizeConfig(Parameters):
    """How images are found and resized."""

    default_image_size: tuple[Pixels, Pixels] = Field(
        (384, 384),
        description="Width and height in pixels of the box that an image is fitted into.",
    )
    image_pattern: str = Field(
        "{nm}.jpg", pattern=r"\{nm\}", description="File name of a row's image; {nm} is its id."
    )
    quality: int = Field(
        97,
        ge=1,
        le=100,
        description="JPEG quality of the resized images, without chroma subsampling. 97 keeps "
        "SSIM above 0.98; 92 takes half the disk space.",
    )
    max_pixels: int = Field(100_000_000, ge=1, description="Images with more pixels are rejected.")
    csv_formulas: Literal["keep", "escape"] = Field(
        "keep",
        description="Texts in processed_data.csv and rejected.csv that a spreadsheet would run as "
        "a formula: keep them as they are, or escape them with an apostrophe. The Parquet table "
        "always has the texts themselves.",
    )
    threads: int = Field(
        0,
        ge=0,
        le=256,
        description="Images resized at a time, on Ray in each shard; 0 means one per core.",
    )

    # Which file is a row's image shows in the fingerprint of the images, not in how one is resized;
    # csv_formulas decides the CSV files only.
    OPERATIONAL: ClassVar[frozenset[str]] = frozenset({"image_pattern", "csv_formulas", "threads"})


class SplitConfig(Parameters):
    """Which products are held out."""

    validation_fraction: float
    test_fraction: float
    seed: int


class TrainConfig(Parameters):
    """How ruCLIP is fine-tuned."""

    num_epochs: int = Field(2, ge=1, description="Passes over the training rows.")
    batch_size: int = Field(32, ge=2, description="Pairs contrasted with each other in one step.")
    lr: float = Field(1e-6, gt=0, le=1, description="Peak learning rate.")
    seed: int = Field(0, ge=0, description="Seed of split, order, texts and augmentation.")
    validation_fraction: Fraction = Field(
        0.05, description="Fraction of the products held out to choose the best epoch."
    )
    test_fraction: Fraction = Field(
        0.1, description="Fraction of the products held out for evaluation, never trained on."
    )
    text_source: Literal["title", "description", "both"] = Field(
        "title",
        description="Text that an image is paired with: its title, a sentence of its description "
        "(a different one each epoch), or either at random.",
    )
    description_share: Fraction = Field(
        0.5, description="With text_source both: fraction of pairs that use the description."
    )
    resize_mode: Literal["model", "shortest", "longest", "squash"] = Field(
        "model",
        description="How an image is made square: shortest scales the shortest side and crops the "
        "centre, longest scales the longest side and pads with white, squash changes the aspect, "
        "model does as the base model does. Stored with the model.",
    )
    augment: Literal["none", "light"] = Field(
        "none", description="light: small random shifts, zooms, flips and brightness changes."
    )
    same_products: Literal["mask", "spread", "negatives"] = Field(
        "mask",
        description="Listings with the same title or image: mask (not used as negatives of each "
        "other), spread (also put into different batches) or negatives (ordinary negatives).",
    )
    weight_decay: float = Field(
        0.1, ge=0, description="Of AdamW; not applied to biases, norms, embeddings and logit_scale."
    )
    warmup: Fraction = Field(
        0.1,
        description="Fraction of the steps in which the learning rate rises to lr; cosine after.",
    )
    max_grad_norm: float = Field(
        1.0, ge=0, description="Gradients are clipped to this norm; 0 does not clip."
    )
    layer_decay: float = Field(
        1.0, gt=0, le=1, description="Learning-rate factor for each layer below the top one."
    )
    freeze: Literal["none", "image", "text"] = Field(
        "none", description="Tower that is not trained; its features are computed once."
    )
    patience: int = Field(
        5, ge=0, description="Stop after this many validations without improvement; 0 never stops."
    )
    validate_every_steps: int = Field(
        0, ge=0, description="Also validate every this many steps; 0 only after each epoch."
    )
    validation_rows: int = Field(
        1_000, ge=2, description="Validation rows that are ranked at most; sampled from the rest."
    )
    ema_decay: Fraction = Field(
        0, description="Decay of an exponential moving average of the weights; 0 turns it off."
    )
    wise_ft_points: int = Field(
        0,
        ge=0,
        le=100,
        description="WiSE-FT: validate this many interpolations between base and best epoch and "
        "keep the best; 0 turns it off.",
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto",
        description="Arithmetic of the towers; auto is bfloat16 on GPUs that compute it natively.",
    )
    chunk_size: int = Field(
        0, ge=0, description="GradCache: pairs in memory at a time, same gradients; 0 means all."
    )
    gradient_checkpointing: bool = Field(False, description="Recompute activations to save memory.")
    num_workers: int = Field(
        -1, ge=-1, description="Processes that load images; 0 loads in this one, -1 chooses."
    )
    cache_gb: float = Field(
        20, ge=0, description="Disk space for the cache of decoded images, in GB; 0 turns it off."
    )
    save_every_steps: int = Field(
        0, ge=0, description="Checkpoint within epochs every this many steps; 0: every 10 minutes."
    )
    keep_checkpoints: int = Field(
        0,
        ge=0,
        description="Epoch checkpoints to keep: the newest ones and the best; 0 keeps all.",
    )
    log_every_steps: int = Field(10, ge=1, description="Steps between two lines of metrics.jsonl.")
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="Where to compute; auto uses a GPU if there is one."
    )
    processes: int = Field(
        1, ge=1, description="Processes that share each batch, one per GPU; same loss."
    )
    launcher: Literal["torchrun", "ray"] = Field(
        "torchrun",
        description="What starts several processes: torchrun (this machine) or ray (a cluster).",
    )

    # Parameters that change how fast or where a model is trained, not its weights. The arithmetic
    # that precision and device come to is in the key on its own.
    OPERATIONAL: ClassVar[frozenset[str]] = frozenset(
        {
            "precision",
            "chunk_size",
            "gradient_checkpointing",
            "num_workers",
            "cache_gb",
            "save_every_steps",
            "keep_checkpoints",
            "log_every_steps",
            "device",
            "processes",
            "launcher",
        }
    )

    @model_validator(mode="after")
    def _leaves_rows_to_train_on(self) -> Self:
        if self.validation_fraction + self.test_fraction >= 1:
            raise ValueError("validation_fraction and test_fraction must sum to less than 1")
        return self

    @model_validator(mode="after")
    def _every_process_has_rows(self) -> Self:
        if self.processes > self.batch_size:
            raise ValueError(
                f"{self.processes} processes cannot share a batch of {self.batch_size} pairs: set "
                "processes to at most batch_size"
            )
        return self

    @model_validator(mode="after")
    def _frozen_images_are_not_augmented(self) -> Self:
        if self.freeze == "image" and self.augment != "none":
            raise ValueError("freeze 'image' computes each image once: set augment to 'none'")
        return self

    def split(self) -> SplitConfig:
        """The parameters that decide which products are held out."""
        return self.part(SplitConfig)


class EvaluateConfig(Parameters):
    """What is measured on held-out products before and after fine-tuning."""

    max_rows: int = Field(
        10_000, ge=2, description="Held-out rows that are ranked at most; sampled from the rest."
    )
    probe_rows: int = Field(
        5_000, ge=0, description="Training rows for the linear probe at most; 0 skips it."
    )
    label_column: str = Field(
        "category", description="Column with the classes of the linear probe."
    )
    duplicate_rows: int = Field(
        2_000, ge=0, description="Held-out rows for duplicate detection at most; 0 skips it."
    )
    examples: int = Field(
        8, ge=1, le=50, description="Titles on the contact sheet, each with its nearest images."
    )
    templates: Literal["ruclip", "single"] = Field(
        "ruclip", description="Sentence templates of titles, as in embed.templates."
    )
    batch_size: int = Field(64, ge=1, description="Texts or images in one forward pass.")
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="Where to compute; auto uses a GPU if there is one."
    )

    # Parameters that change how fast or where metrics are computed, not their values.
    OPERATIONAL: ClassVar[frozenset[str]] = frozenset({"batch_size", "device"})


class MeasureConfig(Parameters):
    """What is measured, and on which held-out products."""

    evaluate: EvaluateConfig
    split: SplitConfig


class GateConfig(Parameters):
    """When a fine-tuned model replaces the current one."""

    metric: Literal[
        "mean_recall_at_1",
        "mean_recall_at_5",
        "mean_recall_at_10",
        "mean_mrr",
        "mean_ndcg_at_10",
        "text_to_image_recall_at_1",
        "image_to_text_recall_at_1",
    ] = Field("mean_recall_at_1", description="Held-out metric by which two models are compared.")
    margin: float = Field(
        0.005,
        ge=-1,
        le=1,
        description="How much better the new model must be; -1 promotes any model.",
    )


class EmbedConfig(Parameters):
    """How texts and images become vectors."""

    batch_size: int = Field(32, ge=1, description="Texts or images in one forward pass.")
    shard_rows: int = Field(
        2_000,
        ge=1,
        description="Rows in one output file: the unit that a restart resumes from and that a Ray "
        "worker computes.",
    )
    templates: Literal["ruclip", "single"] = Field(
        "ruclip",
        description="ruclip averages six sentence templates, as ruclip.Predictor does; single "
        "embeds the bare title, several times faster and with other values.",
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="Where to compute; auto uses a GPU if there is one."
    )
    precision: Literal["auto", "float32", "bfloat16", "int8"] = Field(
        "auto",
        description="Arithmetic; auto is float32 on CPUs, and bfloat16 on GPUs that compute it "
        "natively if vectors keep a cosine above 0.999 to float32. int8 is for CPUs.",
    )
    find_batch_size: bool = Field(
        True, description="On a GPU, double batch_size while that fits and is faster."
    )
    compile: bool = Field(False, description="Use torch.compile; the first pass takes minutes.")
    num_gpus: float = Field(
        0,
        ge=0,
        le=1,
        description="GPUs, or the fraction of one, that a shard uses on Ray; 0 means one where "
        "device is a GPU, else none.",
    )

    OPERATIONAL: ClassVar[frozenset[str]] = frozenset(
        {
            "batch_size",
            "shard_rows",
            "device",
            "precision",
            "find_batch_size",
            "compile",
            "num_gpus",
        }
    )


# pydantic lists the fields of the last base first, so required options come first in the help.


class PipelinePaths(Parameters):
    """What the pipeline reads and where it writes."""

    catalog: str = Field(description="Parquet table of listings, local or s3://; 'demo' draws one.")
    images: str = Field(description="Folder with the images, local or s3://; 'demo' draws them.")
    model: str = Field(DEFAULT_MODEL, description=MODEL_SOURCES)
    output: str = Field("output", description="Folder for all artifacts, local or s3://.")


class PipelineConfig(RunOptions, TrackedRunOptions, PipelinePaths):
    """Clean, resize, train, evaluate, promote, embed."""

    demo_products: int = Field(
        400, ge=20, le=100_000, description="Number of products in the demo catalogue."
    )
    training_deployment: str = Field(
        "", description="Deployment that trains, e.g. train-model/gpu; empty: this process."
    )
    embedding_deployment: str = Field(
        "", description="Deployment that embeds, e.g. generate-embeddings/gpu; empty: this process."
    )
    clean: CleanConfig = CleanConfig()
    resize: ResizeConfig = ResizeConfig()
    train: TrainConfig = TrainConfig()
    evaluate: EvaluateConfig = EvaluateConfig()
    gate: GateConfig = GateConfig()
    embed: EmbedConfig = EmbedConfig()

    @model_validator(mode="after")
    def _demo_is_given_for_both(self) -> Self:
        if (self.catalog == "demo") != (self.images == "demo"):
            raise ValueError("'demo' draws a catalogue with its images: give it for both")
        return self

    @model_validator(mode="after")
    def _holds_out_products(self) -> Self:
        if not self.train.validation_fraction and not self.train.test_fraction:
            raise ValueError("set train.test_fraction above 0: models are compared on that part")
        return self


class PreprocessingPaths(Parameters):
    """Paths that preprocessing reads and writes."""

    file_path: str = Field(description="Parquet table of listings, local or s3://.")
    base_image_path: str = Field(description="Folder with the images, local or s3://.")
    processed_data_path: str = Field(description="Folder for the processed table.")
    processed_images_path: str = Field(description="Folder for the resized images.")


class DataPreprocessingConfig(CleanConfig, ResizeConfig, RunOptions, PreprocessingPaths):
    """Clean a catalogue and resize its images."""


class TrainingPaths(Parameters):
    """Paths that training reads and writes."""

    processed_data_path: str = Field(
        description="processed_data.csv; made from --file_path when it does not exist yet."
    )
    model_save_path: str = Field(description="Folder for checkpoints and the fine-tuned model.")
    file_path: str | None = Field(None, description="Parquet table to preprocess first.")
    base_image_path: str | None = Field(None, description="Folder with its images.")
    model: str = Field(DEFAULT_MODEL, description=MODEL_SOURCES)
    overwrite: bool = Field(False, description="Replace another training in --model_save_path.")


class TrainModelConfig(TrainConfig, TrackedRunOptions, TrainingPaths):
    """Fine-tune ruCLIP on a processed table."""


class EmbeddingPaths(Parameters):
    """Paths that embedding reads and writes."""

    processed_data_csv: str = Field(description="CSV with the columns title and image_path.")
    output_path: str = Field(pattern=r"\.npz$", description="NPZ to write: text, img, nm.")
    fine_tuned_model_path: str | None = Field(
        None, description="Checkpoint (.pth) to embed with; without it the base model embeds."
    )
    model: str = Field(DEFAULT_MODEL, description=MODEL_SOURCES)
    reuse_from: str | None = Field(
        None,
        description="Manifest (*.manifest.json) of earlier embeddings by the same model, whose "
        "vectors are reused. Those at --output_path are found without it.",
    )


class GenerateEmbeddingsConfig(EmbedConfig, RunOptions, EmbeddingPaths):
    """Embed the texts and images of a processed table."""


class RollBackConfig(Parameters):
    """Make an earlier model the current one."""

    output: str = Field(description="Folder of the pipeline's artifacts, local or s3://.")
    to: str = Field(
        "",
        description="Model to go back to: the beginning of its fingerprint, or 'base'; "
        "empty: the one before the current one.",
    )
    list: bool = Field(False, description="Only list the models that were current, and when.")


class PruneConfig(Parameters):
    """Show what a store holds, and remove what nothing needs."""

    output: str = Field(description="Folder of the pipeline's artifacts, local or s3://.")
    delete: bool = Field(False, description="Remove what is not needed; without it, only list it.")
    keep_days: float = Field(
        1,
        ge=0,
        description="Also keep what was written within this many days: a run may be at work on it.",
    )
    cache: bool = Field(
        False,
        description="Also prune this user's cache: copies of files on S3, decoded images of older "
        "code, folders of wandb runs.",
    )
    cache_models: bool = Field(
        False, description="With cache: also remove downloaded models from it."
    )

    @model_validator(mode="after")
    def _models_are_in_the_cache(self) -> Self:
        if self.cache_models and not self.cache:
            raise ValueError("cache_models removes models from the cache: give cache too")
        return self


def _condition(value: str) -> str:
    if not value.partition("=")[0].strip() or "=" not in value:
        raise ValueError("expected column=value, such as category=Посуда")
    return value


class SearchConfig(Parameters):
    """Find the listings nearest to a text, to an image or to another listing."""

    query: Annotated[Positional[str], arg(metavar="WORDS")] = Field(
        "", description="Words to search for, such as 'жёлтая кружка'."
    )
    output: str = Field("output", description="Folder of the pipeline's artifacts, local or s3://.")
    image: str = Field("", description="Search by this image instead, local or s3://.")
    like: str = Field("", description="Search by the listing with this nm instead.")
    by: Literal["both", "image", "text"] = Field(
        "both", description="Compare with the listings' images, their texts, or both."
    )
    top: int = Field(10, ge=1, le=10_000, description="Number of listings.")
    where: UseAppendAction[tuple[Annotated[str, AfterValidator(_condition)], ...]] = Field(
        (),
        description="Only listings with this value in this column, as column=value. Given again, "
        "another column must match too; of one column any of its values.",
    )
    as_json: Annotated[bool, arg(name="json")] = Field(
        False, description="Print a JSON object a line instead of a table."
    )
    html: str = Field("", description="Also write an HTML file with the images, local or s3://.")
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="Where to encode the query; auto uses a GPU if there is one."
    )

    @model_validator(mode="after")
    def _one_question(self) -> Self:
        if sum(bool(one.strip()) for one in (self.query, self.image, self.like)) != 1:
            raise ValueError("give either words to search for, or --image, or --like")
        return self

    def filters(self) -> dict[str, tuple[str, ...]]:
        """The wanted values of each column in ``where``."""
        wanted: dict[str, tuple[str, ...]] = {}
        for condition in self.where:
            column, _, value = condition.partition("=")
            wanted[column.strip()] = (*wanted.get(column.strip(), ()), value)
        return wanted
