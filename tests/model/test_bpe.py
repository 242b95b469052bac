"""The tokenizer's training, against youtokentome's own."""

from pathlib import Path

import pytest
import youtokentome

from vitrina.model.bpe import MAX_WORDS, learn

WORDS = [(c, t) for c in ("красная", "синяя", "белая") for t in ("кружка", "ваза", "лампа")]
LINES = [f"{colour} {thing} {n} см".lower() for n in range(9) for colour, thing in WORDS]


def opened(content: str, path: Path) -> youtokentome.BPE:
    """The tokenizer of a model's content."""
    path.write_text(content, encoding="ascii")
    return youtokentome.BPE(str(path))


def test_the_vocabulary_is_youtokentomes(tmp_path: Path) -> None:
    """Our BPE splits texts into as few pieces as youtokentome's own, and loses none of them."""
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("\n".join(LINES), encoding="utf-8")
    theirs = youtokentome.BPE.train(str(corpus), str(tmp_path / "theirs.model"), 60, n_threads=1)
    ours = opened(learn(LINES, 60), tmp_path / "ours.model")
    assert ours.vocab_size() == theirs.vocab_size() == 60
    lengths = [sum(map(len, bpe.encode(LINES))) for bpe in (ours, theirs)]
    assert lengths[0] <= lengths[1] * 1.02
    assert ours.decode(ours.encode(LINES)) == LINES
    assert learn(reversed(LINES), 60) == learn(LINES, 60)


def test_every_character_is_a_token_beyond_the_vocabulary(tmp_path: Path) -> None:
    """A vocabulary smaller than the alphabet has no merges, and no character is unknown."""
    ours = opened(learn(["абвгд"], 6), tmp_path / "ours.model")
    assert ours.vocab_size() == 4 + len("абвгд") + 1  # special ids, characters, start of a word
    assert 1 not in ours.encode(["д а"])[0]


@pytest.mark.parametrize("texts", [[], [""], [" \t", "\u2581"]])
def test_no_words_give_no_model(texts: list[str]) -> None:
    """Blank texts, and those of youtokentome's own mark for a space, hold nothing to learn."""
    assert learn(texts, 60) == ""


def test_pairs_seen_once_are_not_merged() -> None:
    """A vocabulary is left smaller when no pair repeats."""
    alphabet, merges = map(int, learn(["аб вг"], 60).splitlines()[0].split())
    assert (alphabet, merges) == (5, 0)


def test_rare_words_beyond_the_limit_only_add_their_characters() -> None:
    """Merges come from the frequent words; every character still becomes a token."""
    frequent = [f"ы{chr(0x4E00 + n)}" for n in range(MAX_WORDS)] * 2
    rare = "ъюъю"
    content = learn([*frequent, rare], 40)
    assert f"{ord('ъ')} " in content
    assert content == learn([*frequent, "ъъюю"], 40)
