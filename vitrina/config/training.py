"""Parameters of fine-tuning, and of what is held out."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from vitrina.config.parameters import Fraction, Parameters, RankingMetric


class SplitConfig(Parameters):
    """Which products are held out."""

    validation_fraction: float
    test_fraction: float
    seed: int


class TrainConfig(Parameters, title="Training"):
    """How ruCLIP is fine-tuned."""

    num_epochs: int = Field(2, ge=1, description="Passes over the training rows.")
    batch_size: int = Field(32, ge=2, description="Pairs contrasted with each other in one step.")
    lr: float = Field(
        1e-6, gt=0, le=1, title="Learning Rate (lr)", description="Peak learning rate."
    )
    seed: int = Field(0, ge=0, description="Seed of split, order, texts and augmentation.")
    validation_fraction: Fraction = Field(
        0.05, description="Fraction of the products held out to choose the best epoch."
    )
    test_fraction: Fraction = Field(
        0.1, description="Fraction of the products held out for evaluation, never trained on."
    )
    text_source: Literal["title", "description", "both"] = Field(
        "title",
        description="What an image is paired with: the listing's text (its title, or what the "
        "parameter text makes of it), a sentence of its description (a different one each epoch), "
        "or either at random.",
    )
    description_share: Fraction = Field(
        0.5, description="With text_source both: fraction of pairs that use the description."
    )
    field_dropout: Fraction = Field(
        0,
        description="With a text of several columns: probability that one of them, other than the "
        "title, is left out of a pair's text in an epoch, so that the model stands a missing one.",
    )
    resize_mode: Literal["model", "shortest", "longest", "squash"] = Field(
        "model",
        description="How an image is made square: shortest scales the shortest side and crops the "
        "centre, longest scales the longest side and pads with white, squash changes the aspect, "
        "model does as the base model does. Stored with the model.",
    )
    augment: Literal["auto", "none", "light"] = Field(
        "auto",
        description="light: small random shifts, zooms, flips and brightness changes; auto: light "
        "for a model that was never trained, else none.",
    )
    same_products: Literal["mask", "spread", "negatives"] = Field(
        "mask",
        description="Listings with the same title or image: mask (not used as negatives of each "
        "other), spread (also put into different batches) or negatives (ordinary negatives).",
    )
    hard_negatives: Annotated[float, Field(ge=0, le=1)] = Field(
        0,
        description="Share of each batch that is groups of listings which the model confuses, "
        "mined anew in each epoch; listings of one product or with a common query are not grouped. "
        "0 turns it off.",
    )
    hard_negative_rows: int = Field(
        50_000,
        ge=2,
        description="Training rows among which hard negatives are mined at most: a new sample in "
        "each epoch. Each costs a forward pass of both towers.",
    )
    optimizer: Literal["auto", "adamw", "muon"] = Field(
        "auto",
        description="adamw; muon, for the matrices of the towers' blocks, which learns several "
        "times as much in the same steps from random weights; auto: muon for a model that was "
        "never trained, else adamw.",
    )
    weight_decay: float = Field(
        0.1,
        ge=0,
        description="Of the optimizer; not applied to biases, norms, embeddings and logit_scale.",
    )
    warmup: Fraction = Field(
        0.1,
        description="Fraction of the steps in which the learning rate rises to lr; cosine after.",
    )
    max_grad_norm: float = Field(
        1.0, ge=0, description="Gradients are clipped to this norm; 0 does not clip."
    )
    matryoshka: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (),
        description="Lengths, such as 256 128 64: the loss also applies to the first so many "
        "numbers of each vector, which then serve as a shorter vector.",
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
    select_by: RankingMetric = Field(
        "mean_geometric_rank",
        description="Validation metric that chooses the best epoch and counts for patience.",
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
        description="Arithmetic of the towers; auto is bfloat16 where the GPU or CPU computes it "
        "natively and faster, except for small models; otherwise float32.",
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
    def _validation_has_the_metric(self) -> Self:
        if self.select_by.startswith("unseen_queries"):
            raise ValueError(
                f"select_by {self.select_by}: validation uses queries that are trained on, for "
                "listings that are not: choose unseen_products_..."
            )
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
    def _hard_negatives_fit_the_batches(self) -> Self:
        if not self.hard_negatives:
            return self
        if self.same_products == "spread":
            raise ValueError(
                "hard_negatives and same_products 'spread' both decide the order of the rows: set "
                "same_products to 'mask', or hard_negatives to 0"
            )
        if round(self.hard_negatives * self.batch_size) < 2:
            raise ValueError(
                f"hard_negatives {self.hard_negatives:g} of a batch of {self.batch_size} is less "
                f"than a pair: set hard_negatives to at least {2 / self.batch_size:g}"
            )
        return self

    @model_validator(mode="after")
    def _frozen_images_are_not_augmented(self) -> Self:
        if self.freeze == "image" and self.augment == "light":
            raise ValueError("freeze 'image' computes each image once: set augment to 'none'")
        return self

    def split(self) -> SplitConfig:
        """The parameters that decide which products are held out."""
        return self.part(SplitConfig)
