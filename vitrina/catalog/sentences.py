"""Sentences of descriptions."""

import re

SENTENCE_END = re.compile(r"(?<=[.!?…;])\s+|\n+")
MIN_WORDS = 3  # a shorter sentence ("Хлопок.") says too little about a product


def sentences(description: str) -> list[str]:
    """The sentences of at least ``MIN_WORDS`` words; the whole description if there are none."""
    parts = [part.strip() for part in SENTENCE_END.split(description)]
    return [part for part in parts if len(part.split()) >= MIN_WORDS] or [description]
