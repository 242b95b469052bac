"""Stage "model": find the ruCLIP to start from, whatever names it.

A source is a name in ``ruclip.MODELS``, a local folder, an ``s3://`` folder, or ``tiny``.
"""

import difflib
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from upath import UPath

from vitrina.catalog.processed_table import read_batches
from vitrina.errors import UserError
from vitrina.model.folder import FILES, missing_files
from vitrina.store.cache import local_copy, user_cache
from vitrina.store.paths import is_file, is_local, to_path

if TYPE_CHECKING:
    from vitrina.model.model import RuCLIP


TINY = "tiny"


def cache_folder() -> Path:
    """Where downloaded models are kept: ``$VITRINA_CACHE/models``, else in the user's cache."""
    return user_cache() / "models"


def check_model(source: str) -> None:
    """Refuse a source that names no model, without downloading one."""
    if source == TINY or model_at_hand(source, cache_folder()):
        return
    # torch costs seconds; what is at hand is found without it
    from vitrina.model.model import ruclip

    if source not in ruclip.MODELS:
        find_model(source, cache_folder())


def find_model(source: str, cache: Path) -> UPath:
    """The ruCLIP folder that a name, a local or an ``s3://`` folder stands for.

    A published name is downloaded into ``cache`` unless it is there. Raises UserError if there is
    no such name or folder.
    """
    if source == TINY:
        raise UserError(f"{TINY!r} is made anew for each table: give the folder of the one meant.")
    if found := model_at_hand(source, cache):
        return found
    # torch costs seconds; what is at hand is found without it
    from vitrina.model.hub import Hub, download
    from vitrina.model.model import ruclip

    if source in ruclip.MODELS:
        return UPath(download(source, cache, Hub.from_environment()))
    missing = missing_files(to_path(source))
    if missing == list(FILES):
        raise UserError(_no_such_model(source, list(ruclip.MODELS)))
    raise UserError(f"{to_path(source)} is no ruCLIP folder: {missing[0]} is missing in it.")


def model_at_hand(source: str, cache: Path) -> UPath | None:
    """The folder of that path, or of a published name that was downloaded before, if complete."""
    places = [to_path(source)]
    if PurePath(source).name == source:
        places.insert(0, UPath(cache / source))
    return next((place for place in places if not missing_files(place)), None)


def _no_such_model(source: str, names: list[str]) -> str:
    near = difflib.get_close_matches(source.rsplit("/", 1)[-1], [*names, TINY], n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return (
        f"There is no model {source!r}: it is no ruCLIP folder and no known name.{hint} "
        f"Names: {', '.join(names)}, {TINY}."
    )


def local_model(folder: str) -> Path:
    """A local ruCLIP folder for :attr:`ModelResult.folder`; one on S3 is copied into the cache."""
    return local_copy(to_path(folder), FILES)


def local_checkpoint(path: str) -> Path:
    """A local ``.pth`` for one that may be on S3, with the ``bpe.model`` beside it if there is."""
    place = to_path(path)
    if is_local(place):
        return Path(place.path)
    tokenizer = place.parent / "bpe.model"
    names = [place.name, *([tokenizer.name] if is_file(tokenizer) else [])]
    return local_copy(place.parent, names) / place.name


def listing_texts(table: UPath) -> Iterator[str]:
    """Titles and descriptions of the processed table, for a tokenizer to learn from."""
    for frame in read_batches(table, 10_000):
        for column in ("title", "description"):
            if column in frame.columns:
                yield from (text for text in frame[column] if isinstance(text, str))


def open_checkpoint(checkpoint: str, base: str) -> "RuCLIP":
    """The ruCLIP of a ``.pth``; ``base`` names its model, for one that does not say what it is."""
    # torch costs seconds; help and wrong arguments answer without it
    from vitrina.model import state_dict as weights
    from vitrina.model.model import load_checkpoint, load_folder

    if not missing_files(to_path(checkpoint)):
        raise UserError(
            f"{checkpoint} is a ruCLIP folder, not a checkpoint (.pth): give it as --model, "
            "without --fine_tuned_model_path."
        )
    path = local_checkpoint(checkpoint)
    if "config" in weights.read(path):
        return load_checkpoint(path, None)
    return load_checkpoint(path, load_folder(local_model(str(find_model(base, cache_folder())))))
