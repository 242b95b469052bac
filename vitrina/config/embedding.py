"""Parameters of embedding."""

from typing import ClassVar, Literal

from pydantic import Field

from vitrina.config.parameters import Parameters


class EmbedConfig(Parameters, title="Embedding: how vectors are computed"):
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
        "embeds the bare text, several times faster and with other values.",
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="Where to compute; auto uses a GPU if there is one."
    )
    precision: Literal["auto", "float32", "bfloat16", "int8"] = Field(
        "auto",
        description="Arithmetic; auto is bfloat16 where the processor or GPU computes it natively "
        "and faster, if the vectors of some of the rows keep a cosine above 0.999 to float32, "
        "elsewhere float32. int8 is for CPUs.",
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
