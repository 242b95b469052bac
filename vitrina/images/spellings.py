"""Other names that the file of an image may have: another ending, or other case."""

from collections.abc import Iterator, Sequence

# The formats that are read, the usual ones first.
ENDINGS = (
    *(".jpg", ".jpeg", ".png", ".webp", ".avif", ".gif", ".bmp", ".tif", ".tiff", ".jfif", ".jpe"),
    *(".jp2", ".ppm"),
)


def image_ending(name: str) -> str:
    """The ending of an image's name, empty if it has none of those that images have."""
    dot = name.rfind(".")
    return name[dot:] if dot > 0 and name[dot:].lower() in ENDINGS else ""


def other_spellings(name: str) -> Sequence[str]:
    """Names that differ from ``name`` in its ending or in case only, the nearest first.

    Folders in the name stay as they are.
    """
    folder, slash, file = name.rpartition("/")
    ending = image_ending(file)
    stem = file[: len(file) - len(ending)]
    stems = dict.fromkeys((stem, stem.lower(), stem.upper(), stem.title()))
    names = (one + end for one in stems for end in _endings(ending))
    return [folder + slash + one for one in dict.fromkeys(names) if one != file]


def _endings(first: str) -> Iterator[str]:
    yield from (first, first.lower(), first.upper())
    for ending in ENDINGS:
        yield from (ending, ending.upper(), ending.title())


def differs_in_stem(name: str, other: str) -> bool:
    """Whether two spellings of a name differ in more than their endings."""
    return (
        name[: len(name) - len(image_ending(name))]
        != other[: len(other) - len(image_ending(other))]
    )
