"""Find the model that a source names.

A source is a name in ``ruclip.MODELS``, a local folder, an ``s3://`` folder, or ``tiny``.
"""

import difflib
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from upath import UPath

from vitrina.catalog.processed_table import DESCRIPTION, read_batches
from vitrina.catalog.text_template import TextTemplate
from vitrina.config.text import TITLE_ONLY
from vitrina.errors import UserError
from vitrina.model.folder import FILES, missing_files, opened_files
from vitrina.store.cache import check_cache, local_copy, user_cache
from vitrina.store.paths import is_file, is_local, to_path

if TYPE_CHECKING:
    from vitrina.model.model import RuCLIP


TINY = "tiny"


def cache_folder() -> Path:
    """The folder of downloaded models: ``$VITRINA_CACHE/models``, or in the user's cache."""
    return user_cache() / "models"


def check_model(source: str) -> None:
    """Raise UserError if a source names no model, or one that cannot be downloaded into the cache.

    Nothing is downloaded.
    """
    if source == TINY or available_model(source, cache_folder()):
        return
    # torch takes seconds to import, and ruclip.MODELS needs it
    from vitrina.model.model import ruclip

    if source not in ruclip.MODELS:
        find_model(source, cache_folder())
    check_cache(f"the download of {source}")


def find_model(source: str, cache: Path) -> UPath:
    """The ruCLIP folder of a published name, a local or an ``s3://`` folder.

    A published model that is not in ``cache`` is downloaded into it. Raises UserError if there is
    no such name or folder.
    """
    if source == TINY:
        raise UserError(
            f"{TINY!r} is made for each table, so it names no single model: give the folder of one."
        )
    if folder := available_model(source, cache):
        return folder
    # torch takes seconds to import, and ruclip.MODELS needs it
    from vitrina.model.hub import Hub, download
    from vitrina.model.model import ruclip

    if source in ruclip.MODELS:
        return UPath(download(source, cache, Hub.from_environment()))
    missing = missing_files(to_path(source))
    if missing == list(FILES):
        raise UserError(_no_such_model(source, list(ruclip.MODELS)))
    raise UserError(f"{to_path(source)} is no ruCLIP folder: {missing[0]} is missing.")


def available_model(source: str, cache: Path) -> UPath | None:
    """The complete ruCLIP folder at a path, or that of an already downloaded name; else None."""
    folders = [to_path(source)]
    if PurePath(source).name == source:
        folders.insert(0, UPath(cache / source))
    return next((folder for folder in folders if not missing_files(folder)), None)


def _no_such_model(source: str, names: list[str]) -> str:
    similar = difflib.get_close_matches(source.rsplit("/", 1)[-1], [*names, TINY], n=1)
    hint = f" Did you mean {similar[0]!r}?" if similar else ""
    return (
        f"There is no model {source!r}: it is neither a ruCLIP folder nor a known name.{hint} "
        f"Names: {', '.join(names)}, {TINY}."
    )


def local_model(folder: str) -> Path:
    """The ruCLIP folder itself if it is local, else a copy of it in the user's cache."""
    return local_copy(to_path(folder), opened_files(to_path(folder)))


def local_checkpoint(path: str) -> Path:
    """The ``.pth`` itself if it is local, else a copy of it and of the ``bpe.model`` beside it."""
    checkpoint = to_path(path)
    if is_local(checkpoint):
        return Path(checkpoint.path)
    tokenizer = checkpoint.parent / "bpe.model"
    names = [checkpoint.name, *([tokenizer.name] if is_file(tokenizer) else [])]
    return local_copy(checkpoint.parent, names) / checkpoint.name


def listing_texts(table: UPath, text: str = TITLE_ONLY) -> Iterator[str]:
    """The listings' texts and descriptions, to train a tokenizer on.

    ``text`` is the template of a text. Raises UserError if the table lacks a column of it.
    """
    template = TextTemplate.parse(text)
    for frame in read_batches(table, 10_000, (DESCRIPTION, *template.columns)):
        yield from template.render(frame)
        if DESCRIPTION in frame.columns:
            yield from (one for one in frame[DESCRIPTION] if isinstance(one, str))


def open_checkpoint(checkpoint: str, base: str) -> "RuCLIP":
    """The ruCLIP of a ``.pth``, local or on S3.

    ``base`` is the source of the model that it was fine-tuned from; it is used only if the
    checkpoint does not carry its configuration. Raises UserError if either is not usable.
    """
    # torch takes seconds to import; help and wrong arguments answer without it
    from vitrina.model import state_dict as weights
    from vitrina.model.model import load_checkpoint, load_folder

    if not missing_files(to_path(checkpoint)):
        raise UserError(
            f"{checkpoint} is a ruCLIP folder, not a checkpoint (.pth): give it as --model and "
            "leave out --fine_tuned_model_path."
        )
    path = local_checkpoint(checkpoint)
    if "config" in weights.read(path):
        return load_checkpoint(path, None)
    return load_checkpoint(path, load_folder(local_model(str(find_model(base, cache_folder())))))
