"""Parameters of fetching images from http(s) addresses."""

from typing import ClassVar, Literal

from pydantic import Field

from vitrina.config.parameters import Parameters


class FetchConfig(Parameters, title="Images at web addresses: how they are fetched"):
    """How images at URLs are fetched."""

    concurrency: int = Field(
        64, ge=1, le=1_024, description="URLs fetched at a time, in each process."
    )
    per_host: int = Field(
        16, ge=1, le=1_024, description="URLs fetched at a time from one host, in each process."
    )
    retries: int = Field(
        3,
        ge=0,
        le=20,
        description="How often a URL is tried again after a timeout, a cut body or a server error.",
    )
    patience: float = Field(
        120,
        ge=0,
        description="Seconds for which a host that cannot be reached or is too busy is tried "
        "again; one that has not answered yet gets 15 at most.",
    )
    connect_seconds: float = Field(10, gt=0, description="Time limit of a connection.")
    read_seconds: float = Field(20, gt=0, description="Longest wait for the next bytes.")
    image_seconds: float = Field(120, gt=0, description="Time limit of an image as a whole.")
    max_retry_after: float = Field(
        60, ge=0, description="Longest wait in seconds that a server may ask for by Retry-After."
    )
    max_redirects: int = Field(5, ge=0, le=20, description="Redirects followed from one URL.")
    max_megabytes: float = Field(50, gt=0, description="Size of a file above which it is refused.")
    allow_private_addresses: bool = Field(
        False,
        description="Also fetch from this machine and private networks (127.0.0.1, 10.0.0.0/8, …). "
        "Only for a catalogue that you trust.",
    )
    user_agent: str = Field(
        "",
        pattern=r"^[\x20-\x7e]*$",
        description="What requests name as their sender; empty: Vitrina and its version.",
    )
    unreachable: Literal["stop", "reject"] = Field(
        "stop",
        description="What to do if no host can be reached (any more): stop, so that a later run "
        "goes on, or reject the rows.",
    )

    revalidate_hours: float = Field(
        12,
        ge=0,
        description="Hours for which an image counts as unchanged once it was fetched; after them "
        "its server is asked whether it has changed. 0 asks in every run.",
    )
    keep_originals: str = Field(
        "",
        description="Folder for the images as they were fetched, local or s3://; empty: only the "
        "resized ones are kept.",
    )

    # What is fetched depends on these only for URLs that one of the others refuses.
    OPERATIONAL: ClassVar[frozenset[str]] = frozenset(
        {
            "concurrency",
            "per_host",
            "retries",
            "patience",
            "connect_seconds",
            "read_seconds",
            "image_seconds",
            "max_retry_after",
            "max_redirects",
            "user_agent",
            "unreachable",
            "revalidate_hours",
            "keep_originals",
        }
    )
