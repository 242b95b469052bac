"""Byte-pair encoding learned from texts, in youtokentome's format and the same at every run.

youtokentome's own training lets its threads race: with one worker too, pairs of equal count merge
in another order from run to run, and the model made of them would never be found again.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from itertools import pairwise

WORD_START = "\u2581"
SPACES = re.compile(f"[ \t\n\v\f\r{WORD_START}]+")  # what youtokentome parts words at
SPECIAL_IDS = "1 0 2 3"  # of unk, pad, bos and eos, in the order of the file
FIRST_ID = 4
LEAST_COUNT = 2  # a pair seen once is no pattern
MOST_WORDS = 10_000  # the frequent ones teach the merges; more cost minutes and change little

Pair = tuple[int, int]
Words = list[tuple[list[int], int]]  # token ids and how often the word occurs


def learn(texts: Iterable[str], vocab_size: int) -> str:
    """The content of a ``bpe.model`` of at most ``vocab_size`` tokens; "" if there is no word.

    Every character of the texts is a token, even where that makes more than ``vocab_size``.
    """
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(word for word in SPACES.split(text) if word)
    if not counts:
        return ""
    alphabet = _alphabet(counts)
    frequent = sorted(counts, key=lambda word: (-counts[word], word))[:MOST_WORDS]
    words = [
        ([alphabet[letter] for letter in WORD_START + word], counts[word]) for word in frequent
    ]
    first = FIRST_ID + len(alphabet)
    merges = list(_merges(words, first, vocab_size))
    lines = [f"{len(alphabet)} {len(merges)}"]
    lines += [f"{ord(letter)} {token}" for letter, token in alphabet.items()]
    lines += [f"{left} {right} {first + i}" for i, (left, right) in enumerate(merges)]
    return "\n".join([*lines, SPECIAL_IDS, ""])


def _alphabet(counts: Counter[str]) -> dict[str, int]:
    letters: Counter[str] = Counter()
    for word, n in counts.items():
        for letter in word:
            letters[letter] += n
    ranked = sorted(letters, key=lambda letter: (-letters[letter], letter))
    return {letter: FIRST_ID + i for i, letter in enumerate([WORD_START, *ranked])}


def _merges(words: Words, first: int, end: int) -> Iterator[Pair]:
    """The pairs that become tokens first, first + 1, … below ``end``, most frequent first."""
    counts: Counter[Pair] = Counter()
    places: defaultdict[Pair, set[int]] = defaultdict(set)

    for place, (tokens, n) in enumerate(words):
        for pair in pairwise(tokens):
            counts[pair] += n
            places[pair].add(place)
    for merged in range(first, end):
        # Of equal counts the older tokens, so that the order of the words does not matter.
        best = min(counts, key=lambda pair: (-counts[pair], max(pair), pair), default=None)
        if best is None or counts[best] < LEAST_COUNT:
            return
        yield best
        for place in places.pop(best):
            tokens, n = words[place]
            for pair in pairwise(tokens):
                counts[pair] -= n
                if not counts[pair]:
                    del counts[pair]
            tokens = _merge(tokens, best, merged)
            for pair in pairwise(tokens):
                counts[pair] += n
                places[pair].add(place)
            words[place] = (tokens, n)


def _merge(tokens: list[int], pair: Pair, merged: int) -> list[int]:
    result: list[int] = []
    for token in tokens:
        if result and (result[-1], token) == pair:
            result[-1] = merged
        else:
            result.append(token)
    return result
