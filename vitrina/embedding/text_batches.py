"""Batches of texts: sorted by length, each within a budget of tokens."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from torch import Tensor

from vitrina.embedding.token_budget import batch_slices
from vitrina.model.model import RuCLIP
from vitrina.model.text_input import pad
from vitrina.model.tokenize import tokenize

# Of so few texts, all templates go through the model together: a pass costs more than the prefixes.
FEW_TEXTS = 2


@dataclass(frozen=True)
class TextBatch:
    """Texts in one template that go through the model together."""

    prefix: tuple[int, ...]  # ids that all texts begin with, bos first; may be empty
    texts: tuple[int, ...]  # indices of the texts
    ids: Tensor  # int64 (batch, length): the ids after the prefix, eos last, padded


def text_batches(
    model: RuCLIP, texts: Sequence[str], templates: Sequence[str], token_budget: int
) -> Iterator[TextBatch]:
    """Batches that together hold every text in every template, with at most ``token_budget`` ids.

    A single text longer than the budget is a batch of its own. The words of a template before the
    text give the same ids in every row, because ruCLIP's BPE never merges across words; a row that
    does differ is put into a batch without a prefix.
    """
    if len(texts) <= FEW_TEXTS:
        yield from _across_templates(model, texts, templates, token_budget)
        return
    for template in templates:
        prefix = tuple(tokenize(model.tokenizer, [template.format("")])[0][:-1])
        rows = tokenize(model.tokenizer, [template.format(text) for text in texts])
        has_prefix = [tuple(row[: len(prefix)]) == prefix for row in rows]
        for shared in (prefix, ()):
            chosen = [index for index in range(len(rows)) if has_prefix[index] == bool(shared)]
            chosen.sort(key=lambda index: len(rows[index]))
            ids = [rows[index][len(shared) :] for index in chosen]
            for batch in batch_slices([len(row) for row in ids], token_budget):
                yield TextBatch(shared, tuple(chosen[batch]), pad(ids[batch]))


def _across_templates(
    model: RuCLIP, texts: Sequence[str], templates: Sequence[str], token_budget: int
) -> Iterator[TextBatch]:
    """Batches without a prefix, of several templates each."""
    sentences = [template.format(text) for template in templates for text in texts]
    rows = tokenize(model.tokenizer, sentences)
    order = sorted(range(len(rows)), key=lambda row: len(rows[row]))
    ids = [rows[row] for row in order]
    for batch in batch_slices([len(row) for row in ids], token_budget):
        yield TextBatch((), tuple(row % len(texts) for row in order[batch]), pad(ids[batch]))
