"""Every parameter of Vitrina, once.

A field here is the command-line option, the Prefect UI's form entry, the validation and the
documentation. The models are frozen and refuse unknown names; this module imports neither torch nor
Prefect, so that help and a wrong value answer at once.
"""

import re
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

Fraction = Annotated[float, Field(ge=0, lt=1)]
Pixels = Annotated[int, Field(ge=1, le=10_000)]
Refresh = Annotated[bool, Field(description="Compute all again, whatever is there already.")]
Group = TypeVar("Group", bound="Parameters")
DEFAULT_MODEL = "ruclip-vit-base-patch32-384"
MODEL_SOURCES = "ruCLIP to start from: a name, a local or s3:// folder, or tiny (for trials)."


class Parameters(BaseModel):
    """Base of every parameter group: frozen, no unknown names, no NaN or infinity."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def part(self, group: type[Group]) -> Group:
        """The values of one of the groups that this flat model is composed of."""
        return group(**{name: getattr(self, name) for name in group.model_fields})


def _known_runner(value: str) -> str:
    if not re.fullmatch(r"threads|ray|ray://[^/\s]+:\d+", value):
        raise ValueError(f"there is no runner {value!r}: expected threads, ray or ray://host:port")
    return value


class RunnerConfig(Parameters):
    """Where the shards of pictures and rows are worked on; nothing of it changes a result."""

    runner: Annotated[str, AfterValidator(_known_runner)] = Field(
        "threads",
        description="Where pictures are resized and rows embedded: threads of this process, ray "
        "(the cluster at RAY_ADDRESS, else one of this machine for the run) or ray://host:port. "
        "Ray's workers must see the same folders or buckets.",
    )


class CleanConfig(Parameters):
    """Which rows of the catalogue are kept, and what its columns are called."""

    nm_column: str = Field("nm", description="Column with the unique id of a listing.")
    title_column: str = Field("title", description="Column with the title.")
    description_column: str = Field("description", description="Column with the description.")
    required: tuple[Literal["title", "description"], ...] = Field(
        ("title", "description"), description="Texts without which a row is rejected."
    )
    batch_rows: int = Field(2_000, ge=1, description="Rows held in memory at a time.")

    # What changes how the work is done, not what comes out.
    OPERATIONAL: ClassVar[frozenset[str]] = frozenset({"batch_rows"})

    def content(self) -> dict[str, Any]:
        """The parameters that decide the cleaned table, as plain values."""
        return self.model_dump(mode="json", exclude=set(self.OPERATIONAL))


class ResizeConfig(Parameters):
    """How pictures are found and brought to size."""

    default_image_size: tuple[Pixels, Pixels] = Field(
        (384, 384), description="Width and height in pixels that a picture is made to fit within."
    )
    picture_pattern: str = Field(
        "{nm}.jpg", pattern=r"\{nm\}", description="File name of a row's picture; {nm} is its id."
    )
    quality: int = Field(
        97,
        ge=1,
        le=100,
        description="JPEG quality of the resized pictures, colours at full resolution. 97 keeps "
        "SSIM above 0.98; 92 takes half the room.",
    )
    max_pixels: int = Field(
        100_000_000, ge=1, description="A picture of more pixels than this is rejected as a bomb."
    )
    threads: int = Field(
        0,
        ge=0,
        le=256,
        description="Pictures in work at a time, on Ray in each shard; 0 chooses for the machine.",
    )

    # What decides how a picture comes out. The rest decides which pictures, and how fast.
    PICTURE: ClassVar[frozenset[str]] = frozenset({"default_image_size", "quality", "max_pixels"})

    def picture(self) -> dict[str, Any]:
        """The parameters that decide a resized picture, as plain values."""
        return self.model_dump(mode="json", include=set(self.PICTURE))


class TrainConfig(Parameters):
    """How ruCLIP is fine-tuned."""

    num_epochs: int = Field(2, ge=1, description="Passes over the training rows.")
    batch_size: int = Field(32, ge=2, description="Pairs contrasted with each other in one step.")
    lr: float = Field(1e-6, gt=0, le=1, description="Peak learning rate.")
    seed: int = Field(0, ge=0, description="Seed of split, order, texts and augmentation.")
    validation_fraction: Fraction = Field(
        0.05, description="Part of the products held out to choose the best epoch."
    )
    test_fraction: Fraction = Field(
        0.1, description="Part of the products held out for the evaluation; never trained on."
    )
    text_source: Literal["title", "description", "both"] = Field(
        "title",
        description="What a picture is paired with: its title, a sentence of its description "
        "(another one each epoch), or one of the two by chance.",
    )
    description_share: Fraction = Field(
        0.5, description="With text_source both: how often it is the description."
    )
    fit: Literal["model", "crop", "pad", "squash"] = Field(
        "model",
        description="How a picture is made square: crop its centre, pad it with white, squash it, "
        "or as the model to start from does. Stored with the model.",
    )
    augment: Literal["none", "light"] = Field(
        "none", description="light shifts, zooms, mirrors and tints the pictures a little."
    )
    same_products: Literal["mask", "apart", "negatives"] = Field(
        "mask",
        description="Listings of a batch with the same title or picture: mask takes none for a "
        "negative of another, apart also spreads them over batches, negatives does neither.",
    )
    weight_decay: float = Field(
        0.1, ge=0, description="AdamW's, on matrices only: no bias, norm, embedding or logit_scale."
    )
    warmup: Fraction = Field(
        0.1, description="Part of all steps in which the learning rate rises to lr; then a cosine."
    )
    max_grad_norm: float = Field(
        1.0, ge=0, description="Gradients are scaled down to this norm; 0 leaves them."
    )
    layer_decay: float = Field(
        1.0, gt=0, le=1, description="Factor of the learning rate per layer below the top."
    )
    freeze: Literal["none", "image", "text"] = Field(
        "none", description="Tower that is not trained; its features are computed only once."
    )
    patience: int = Field(
        5, ge=0, description="Stop after so many validations without a better recall; 0 never."
    )
    validate_every_steps: int = Field(
        0, ge=0, description="Validate also every so many steps; 0 only after each epoch."
    )
    validation_rows: int = Field(
        1_000, ge=2, description="Most validation rows that are ranked; more are sampled."
    )
    ema_decay: Fraction = Field(
        0, description="Keep a moving average of the weights with this decay; 0 is off."
    )
    interpolations: int = Field(
        0,
        ge=0,
        le=100,
        description="WiSE-FT: so many mixes of base and best epoch are validated, the best one "
        "becomes the model; 0 is off.",
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="Arithmetic of the towers; auto is bfloat16 on GPUs that have it."
    )
    chunk_size: int = Field(
        0, ge=0, description="GradCache: pairs in memory at a time, same gradients; 0 is the batch."
    )
    gradient_checkpointing: bool = Field(
        False, description="Compute activations twice instead of keeping them."
    )
    num_workers: int = Field(
        -1, ge=-1, description="Processes that load pictures; 0 loads in-line, -1 chooses."
    )
    cache_gb: float = Field(
        20, ge=0, description="Most disk that decoded pictures may take, in GB; 0 is no cache."
    )
    save_every_steps: int = Field(
        0, ge=0, description="Checkpoint within epochs every so many steps; 0 is every 10 minutes."
    )
    keep_checkpoints: int = Field(
        0,
        ge=0,
        description="Epochs' checkpoints that stay, the newest and always the best one; 0 is all.",
    )
    log_every_steps: int = Field(10, ge=1, description="Steps between two lines of metrics.jsonl.")
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="Where to compute; auto takes a GPU when there is one."
    )
    processes: int = Field(
        1, ge=1, description="Processes that share each batch: one for each GPU, same loss."
    )
    launcher: Literal["torchrun", "ray"] = Field(
        "torchrun",
        description="Where several processes run: on this machine, or on a Ray cluster's workers.",
    )

    # What changes how fast, where or how visibly a model comes to be, not which one.
    OPERATIONAL: ClassVar[frozenset[str]] = frozenset(
        {
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
    def _something_is_left_to_train_on(self) -> Self:
        if self.validation_fraction + self.test_fraction >= 1:
            raise ValueError("validation_fraction and test_fraction must sum to less than 1")
        return self

    @model_validator(mode="after")
    def _frozen_pictures_stay_as_they_are(self) -> Self:
        if self.freeze == "image" and self.augment != "none":
            raise ValueError("freeze 'image' computes each picture once: set augment to 'none'")
        return self

    def content(self) -> dict[str, Any]:
        """The parameters that decide the weights, as plain values: equal, the same training."""
        return self.model_dump(mode="json", exclude=set(self.OPERATIONAL))


class EvaluateConfig(Parameters):
    """What is measured before and after fine-tuning, on held-out products."""

    max_rows: int = Field(
        10_000, ge=2, description="Most held-out rows that are ranked; more are sampled."
    )
    probe_rows: int = Field(
        5_000, ge=0, description="Most training rows the linear probe learns from; 0 skips it."
    )
    label_column: str = Field("category", description="Column with the probe's classes.")
    duplicate_rows: int = Field(
        2_000, ge=0, description="Most held-out rows whose pairs are told apart; 0 skips it."
    )
    examples: int = Field(
        8, ge=1, le=50, description="Titles on the contact sheet, with the pictures they find."
    )
    templates: Literal["ruclip", "single"] = Field(
        "ruclip", description="How a title becomes a vector; as for the embeddings."
    )
    batch_size: int = Field(64, ge=1, description="Texts or pictures in one pass.")
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="Where to compute; auto takes a GPU when there is one."
    )

    # What changes how fast or where figures come to be, not the figures.
    OPERATIONAL: ClassVar[frozenset[str]] = frozenset({"batch_size", "device"})

    def content(self) -> dict[str, Any]:
        """The parameters that decide the figures, as plain values."""
        return self.model_dump(mode="json", exclude=set(self.OPERATIONAL))


class GateConfig(Parameters):
    """When a fine-tuned model takes the place of the present one."""

    metric: Literal[
        "mean_recall_at_1",
        "mean_recall_at_5",
        "mean_recall_at_10",
        "mean_mrr",
        "mean_ndcg_at_10",
        "text_to_image_recall_at_1",
        "image_to_text_recall_at_1",
    ] = Field("mean_recall_at_1", description="Held-out figure by which two models are compared.")
    margin: float = Field(
        0.005,
        ge=-1,
        le=1,
        description="By how much the new model must be better; -1 promotes any model.",
    )


class EmbedConfig(Parameters):
    """How texts and pictures become vectors."""

    batch_size: int = Field(32, ge=1, description="Texts or pictures in one pass.")
    shard_rows: int = Field(
        2_000,
        ge=1,
        description="Rows in one output file, which is what a restart resumes with and what a "
        "worker on Ray does at a time.",
    )
    templates: Literal["ruclip", "single"] = Field(
        "ruclip",
        description="ruclip averages its six sentence templates as ruclip.Predictor does; "
        "single embeds the bare title, several times faster, with other values.",
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="Where to compute; auto takes a GPU when there is one."
    )
    precision: Literal["auto", "float32", "bfloat16", "int8"] = Field(
        "auto",
        description="Numbers to compute with; auto is float32 on a CPU, and on a GPU bfloat16 if "
        "the model's vectors keep a cosine above 0.999. int8 is for CPUs.",
    )
    find_batch_size: bool = Field(
        True, description="On a GPU, double batch_size while it fits and gets faster."
    )
    compile: bool = Field(
        False, description="Put the model through torch.compile; its first pass takes minutes."
    )
    num_gpus: float = Field(
        0,
        ge=0,
        le=1,
        description="GPUs, or the part of one, that a shard takes on Ray; 0 is one if it computes "
        "on GPUs, else none.",
    )

    # What changes how the work is done, not what comes out.
    OPERATIONAL: ClassVar[frozenset[str]] = frozenset(
        {"batch_size", "shard_rows", "device", "find_batch_size", "compile", "num_gpus"}
    )

    def content(self) -> dict[str, Any]:
        """The parameters that decide a vector, as plain values."""
        return self.model_dump(mode="json", exclude=set(self.OPERATIONAL))


class PipelineConfig(RunnerConfig):
    """The whole way: clean, resize, train, evaluate, embed."""

    catalog: str = Field(description="Parquet table of listings, local or s3://; 'demo' draws one.")
    images: str = Field(description="Folder with the pictures, local or s3://; 'demo' draws them.")
    output: str = Field("output", description="Folder for all artifacts, local or s3://.")
    model: str = Field(DEFAULT_MODEL, description=MODEL_SOURCES)
    project_name: str = Field("fine-tuning-ruclip", description="wandb project.")
    refresh: Refresh = False
    demo_products: int = Field(
        400, ge=20, le=100_000, description="Products that the demo catalogue draws."
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
    def _demo_draws_both(self) -> Self:
        if (self.catalog == "demo") != (self.images == "demo"):
            raise ValueError("'demo' draws the catalogue and its pictures: give it for both")
        return self

    @model_validator(mode="after")
    def _something_is_held_out(self) -> Self:
        if not self.train.validation_fraction and not self.train.test_fraction:
            raise ValueError("set train.test_fraction above 0: models are compared on that part")
        return self


# pydantic lists the fields of the last base first, so what must be given leads the help.


class PreprocessingPlaces(Parameters):
    """Where preprocessing reads and writes."""

    file_path: str = Field(description="Parquet table of listings, local or s3://.")
    base_image_path: str = Field(description="Folder with the pictures, local or s3://.")
    processed_data_path: str = Field(description="Folder for the processed table.")
    processed_images_path: str = Field(description="Folder for the resized pictures.")
    refresh: Refresh = False


class DataPreprocessingConfig(CleanConfig, ResizeConfig, RunnerConfig, PreprocessingPlaces):
    """Clean a catalogue and resize its pictures."""


class TrainingPlaces(Parameters):
    """Where training reads and writes."""

    processed_data_path: str = Field(
        description="processed_data.csv; made from --file_path when it does not exist yet."
    )
    model_save_path: str = Field(description="Folder for checkpoints and the fine-tuned model.")
    file_path: str | None = Field(None, description="Parquet table to preprocess first.")
    base_image_path: str | None = Field(None, description="Folder with its pictures.")
    project_name: str = Field("fine-tuning-ruclip", description="wandb project.")
    model: str = Field(DEFAULT_MODEL, description=MODEL_SOURCES)
    overwrite: bool = Field(False, description="Replace another training in --model_save_path.")
    refresh: Refresh = False


class TrainModelConfig(TrainConfig, TrainingPlaces):
    """Fine-tune ruCLIP on a processed table."""


class EmbeddingPlaces(Parameters):
    """What is embedded with which model, and where the vectors go."""

    processed_data_csv: str = Field(description="CSV with the columns title and image_path.")
    output_path: str = Field(pattern=r"\.npz$", description="NPZ to write: text, img, nm.")
    fine_tuned_model_path: str | None = Field(
        None, description="Checkpoint (.pth) to embed with; without it the base model embeds."
    )
    model: str = Field(DEFAULT_MODEL, description=MODEL_SOURCES)
    earlier: str | None = Field(
        None,
        description="Manifest (*.manifest.json) of earlier embeddings by the same model: what they "
        "hold is taken over. Those at --output_path are found without it.",
    )
    refresh: Refresh = False


class GenerateEmbeddingsConfig(EmbedConfig, RunnerConfig, EmbeddingPlaces):
    """Embed the texts and pictures of a processed table."""


class RollBackConfig(Parameters):
    """Put an earlier model in the place of the present one."""

    output: str = Field(description="Folder of the pipeline's artifacts, local or s3://.")
    to: str = Field(
        "",
        description="Model to go back to: the beginning of its fingerprint, or 'base'; "
        "empty: the one before the present one.",
    )
    list: bool = Field(False, description="Only show which models were present, and when.")
