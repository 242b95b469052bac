"""The folders of a run of resize, and the catalogue that may name its images."""

from upath import UPath

from vitrina.catalog.source.parts import WILDCARDS
from vitrina.config.images import ResizeConfig
from vitrina.config.parameters import Parameters
from vitrina.store.fingerprint import fingerprint
from vitrina.store.paths import is_local, to_path


class ImageFolders(Parameters):
    """Where the original images are, and where the resized ones go."""

    originals: str = ""  # empty if the catalogue says where each image is
    resized: str
    catalog: tuple[str, ...] = ()  # without originals, paths in it are relative to its folder


def folder_of(catalog: tuple[str, ...]) -> UPath:
    """The folder to which the paths in a catalogue are relative: that of its first file."""
    path = to_path(catalog[0])
    if is_local(path) and path.is_dir():
        return path
    return next(one for one in path.parents if not WILDCARDS & set(one.path))


def resized_folder(output: str, originals: str, config: ResizeConfig) -> str:
    """Where the pipeline keeps images resized with these settings, shared by all its runs.

    It depends on the folder of originals, as the same id may have another image in another one.
    """
    place = config.image_column or config.image_pattern
    source = str(to_path(originals)) if originals else "", place
    return str(to_path(output) / "images" / fingerprint(source, config.content()))
