"""Fine-tune ruCLIP on product catalogues and embed their listings.

The names that a notebook needs first; everything else is in the folders below.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vitrina.embedding.pipeline import EmbeddingPipeline
    from vitrina.search.run import open_run

__all__ = ["EmbeddingPipeline", "open_run"]


def __getattr__(name: str) -> Any:
    """Import a name when it is first used: a cached run must not pay for torch."""
    if name == "EmbeddingPipeline":
        from vitrina.embedding.pipeline import EmbeddingPipeline

        return EmbeddingPipeline
    if name == "open_run":
        from vitrina.search.run import open_run

        return open_run
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
