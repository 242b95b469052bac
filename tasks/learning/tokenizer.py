"""ruCLIP's byte-pair encoding, as a value that can be sent to another process."""

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import youtokentome as yttm


@dataclass(frozen=True)
class Tokenizer:
    """A ``bpe.model``, opened when first used and again in each process."""

    path: Path
    context_length: int  # most ids of a text, bos and eos included

    @functools.cached_property
    def bpe(self) -> yttm.BPE:
        """The encoding itself, which cannot be pickled."""
        return yttm.BPE(str(self.path))

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "context_length": self.context_length}
