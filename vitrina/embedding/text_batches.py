"""Batches of texts: sorted by length, each within a budget of tokens."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from torch import Tensor

from vitrina.embedding.token_budget import batch_slices
from vitrina.model.model import RuCLIP
from vitrina.model.text_input import pad
from vitrina.model.tokenize import tokenize

# Of so few texts, all templates go through the model together: a pass reads all weights.
FEW_TEXTS = 8

Ids = tuple[int, ...]


@dataclass(frozen=True)
class TextBatch:
    """Texts in templates that go through the model together."""

    prefixes: tuple[Ids, ...]  # ids, bos first, that all rows begin with, or each row; may be none
    texts: tuple[int, ...]  # indices of the texts
    ids: Tensor  # int64 (batch, length): the ids after the prefix, eos last, padded


@dataclass(frozen=True)
class _Row:
    text: int
    prefix: Ids
    ids: list[int]  # after the prefix


def text_batches(
    model: RuCLIP, texts: Sequence[str], templates: Sequence[str], token_budget: int
) -> Iterator[TextBatch]:
    """Batches that together hold every text in every template, with at most ``token_budget`` ids.

    A single text longer than the budget is a batch of its own. The words of a template before the
    text give the same ids in every row, because ruCLIP's BPE never merges across words; a row that
    does differ is put into a batch without a prefix.
    """
    passes = [templates] if len(texts) <= FEW_TEXTS else [[template] for template in templates]
    for together in passes:
        rows = [row for template in together for row in _rows(model, texts, template)]
        for has_prefix in (True, False):
            chosen = [row for row in rows if bool(row.prefix) == has_prefix]
            chosen.sort(key=lambda row: len(row.ids))
            for batch in batch_slices([len(row.ids) for row in chosen], token_budget):
                yield _batch(chosen[batch])


def _rows(model: RuCLIP, texts: Sequence[str], template: str) -> Iterator[_Row]:
    prefix = tuple(tokenize(model.tokenizer, [template.format("")])[0][:-1])
    rows = tokenize(model.tokenizer, [template.format(text) for text in texts])
    for index, ids in enumerate(rows):
        shared = prefix if tuple(ids[: len(prefix)]) == prefix else ()
        yield _Row(index, shared, ids[len(shared) :])


def _batch(rows: Sequence[_Row]) -> TextBatch:
    prefixes = tuple(row.prefix for row in rows)
    distinct = set(prefixes) - {()}
    return TextBatch(
        prefixes if len(distinct) > 1 else tuple(distinct),
        tuple(row.text for row in rows),
        pad([row.ids for row in rows]),
    )
