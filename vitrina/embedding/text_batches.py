"""Which texts go through the model together: sorted by length, each pass a budget of tokens."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from torch import Tensor

from vitrina.model.model import RuCLIP
from vitrina.model.tokenize import pad, tokenize


@dataclass(frozen=True)
class TextBatch:
    """Rows of one template that go through the model together."""

    prefix: tuple[int, ...]  # token ids that all rows begin with, bos first
    texts: tuple[int, ...]  # which texts they are
    ids: Tensor  # int64 (batch, length): their tokens after the prefix, eos last, padded


def text_batches(
    model: RuCLIP, texts: Sequence[str], templates: Sequence[str], token_budget: int
) -> Iterator[TextBatch]:
    """The passes that embed every text in every template, at most ``token_budget`` ids each.

    The words of a template before the text give the same tokens in each row, as ruCLIP's BPE never
    merges across words; a row that should differ goes without a prefix.
    """
    for template in templates:
        prefix = tuple(tokenize(model.tokenizer, [template.format("")])[0][:-1])
        rows = tokenize(model.tokenizer, [template.format(text) for text in texts])
        begins = [tuple(row[: len(prefix)]) == prefix for row in rows]
        for start in (prefix, ()):
            chosen = [number for number in range(len(rows)) if begins[number] == bool(start)]
            chosen.sort(key=lambda number: len(rows[number]))
            ids = [rows[number][len(start) :] for number in chosen]
            for span in _spans([len(row) for row in ids], token_budget):
                yield TextBatch(start, tuple(chosen[span]), pad(ids[span]))


def _spans(lengths: Sequence[int], token_budget: int) -> Iterator[slice]:
    """Runs of rows, sorted by length, that fit the budget when padded to their longest."""
    start = 0
    for end in range(1, len(lengths) + 1):
        if end == len(lengths) or (end + 1 - start) * lengths[end] > token_budget:
            yield slice(start, end)
            start = end
