"""Train a byte-pair encoding (BPE) in youtokentome's format, deterministically.

youtokentome's own training has a race between its threads: even with one worker, pairs of equal
count are merged in a different order from run to run, so equal texts give different models and a
stored one is never found again.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from itertools import pairwise

WORD_START = "\u2581"
SPACES = re.compile(f"[ \t\n\v\f\r{WORD_START}]+")  # where youtokentome splits words
SPECIAL_IDS = "1 0 2 3"  # unk, pad, bos, eos: the last line of the file
FIRST_ID = 4
MIN_PAIR_COUNT = 2  # a pair seen once is no pattern
MAX_WORDS = 10_000  # merges are learned from the most frequent words; more cost minutes

Pair = tuple[int, int]
Words = list[tuple[list[int], int]]  # token ids of a word, and its count


def learn(texts: Iterable[str], vocab_size: int) -> str:
    """The content of a ``bpe.model`` with at most ``vocab_size`` tokens; "" if there are no words.

    Every character of the texts becomes a token, even if that exceeds ``vocab_size``.
    """
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(word for word in SPACES.split(text) if word)
    if not counts:
        return ""
    alphabet = _alphabet(counts)
    frequent = sorted(counts, key=lambda word: (-counts[word], word))[:MAX_WORDS]
    words = [
        ([alphabet[letter] for letter in WORD_START + word], counts[word]) for word in frequent
    ]
    first_merged = FIRST_ID + len(alphabet)
    merges = list(_merges(words, first_merged, vocab_size))
    lines = [f"{len(alphabet)} {len(merges)}"]
    lines += [f"{ord(letter)} {token}" for letter, token in alphabet.items()]
    lines += [f"{left} {right} {first_merged + i}" for i, (left, right) in enumerate(merges)]
    return "\n".join([*lines, SPECIAL_IDS, ""])


def _alphabet(counts: Counter[str]) -> dict[str, int]:
    """The token id of each character, the most frequent first."""
    letters: Counter[str] = Counter()
    for word, n in counts.items():
        for letter in word:
            letters[letter] += n
    ranked = sorted(letters, key=lambda letter: (-letters[letter], letter))
    return {letter: FIRST_ID + i for i, letter in enumerate([WORD_START, *ranked])}


def _merges(words: Words, first: int, end: int) -> Iterator[Pair]:
    """The pairs merged into the tokens ``first``, ``first + 1``, … below ``end``, in that order.

    ``words`` is updated with every merge.
    """
    counts: Counter[Pair] = Counter()
    words_with: defaultdict[Pair, set[int]] = defaultdict(set)  # indices into ``words``

    for index, (tokens, n) in enumerate(words):
        for pair in pairwise(tokens):
            counts[pair] += n
            words_with[pair].add(index)
    for merged in range(first, end):
        # Ties go to the older tokens, so that the order of the words does not matter.
        best = min(counts, key=lambda pair: (-counts[pair], max(pair), pair), default=None)
        if best is None or counts[best] < MIN_PAIR_COUNT:
            return
        yield best
        for index in words_with.pop(best):
            tokens, n = words[index]
            for pair in pairwise(tokens):
                counts[pair] -= n
                if not counts[pair]:
                    del counts[pair]
            tokens = _merge(tokens, best, merged)
            for pair in pairwise(tokens):
                counts[pair] += n
                words_with[pair].add(index)
            words[index] = (tokens, n)


def _merge(tokens: list[int], pair: Pair, merged: int) -> list[int]:
    """The tokens with each occurrence of ``pair`` replaced by ``merged``, from left to right."""
    result: list[int] = []
    for token in tokens:
        if result and (result[-1], token) == pair:
            result[-1] = merged
        else:
            result.append(token)
    return result
