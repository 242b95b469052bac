"""Batches of texts: within the budget, complete, and with a prefix only where it is shared."""

from tests.support.predictor import TITLES
from vitrina.embedding.text_batches import TextBatch, text_batches
from vitrina.model.model import RuCLIP
from vitrina.model.tokenize import EOS, TEMPLATES, tokenize


def test_batches_keep_the_token_budget(model: RuCLIP) -> None:
    """Every text is in one batch per template, and no batch is larger than asked for."""
    batches = list(text_batches(model, TITLES, TEMPLATES, token_budget=100))
    assert all(batch.ids.numel() <= 100 or len(batch.texts) == 1 for batch in batches)
    assert sorted(text for batch in batches for text in batch.texts) == sorted(
        [*range(len(TITLES))] * len(TEMPLATES)
    )


def test_prefix_and_ids_are_the_texts_own(model: RuCLIP) -> None:
    """Put together again they are what tokenizing the template with the text gives."""
    for template in TEMPLATES:
        expected = tokenize(model.tokenizer, [template.format(title) for title in TITLES])
        for batch in text_batches(model, TITLES, [template], token_budget=300):
            for index, ids in zip(batch.texts, batch.ids.tolist(), strict=True):
                length = ids.index(EOS) + 1
                assert [*_prefix(batch), *ids[:length]] == expected[index]
                assert not any(ids[length:])


def test_words_of_a_template_are_a_prefix(model: RuCLIP) -> None:
    """They are computed once for all texts; the bare title has only bos in common."""
    (template,) = map(_prefix, text_batches(model, TITLES, TEMPLATES[4:5], 10_000))
    assert len(template) > 2
    (bare,) = map(_prefix, text_batches(model, TITLES, ["{}"], 10_000))
    assert len(bare) == 1


def test_one_text_is_one_batch(model: RuCLIP) -> None:
    """A query in all its templates takes one pass, in which each row has its template's prefix."""
    (batch,) = text_batches(model, TITLES[:1], TEMPLATES, token_budget=10_000)
    assert batch.texts == (0,) * len(TEMPLATES)
    expected = tokenize(model.tokenizer, [template.format(TITLES[0]) for template in TEMPLATES])
    found = [
        [*prefix, *ids[: ids.index(EOS) + 1]]
        for prefix, ids in zip(batch.prefixes, batch.ids.tolist(), strict=True)
    ]
    assert sorted(found) == sorted(expected)
    assert batch.ids.shape[1] == len(expected[0]) - 1  # of the words, only the query's are left


def _prefix(batch: TextBatch) -> tuple[int, ...]:
    """The prefix that all rows share; empty if they have none."""
    (prefix,) = batch.prefixes or ((),)
    return prefix
