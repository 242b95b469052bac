"""From parameters and a table's columns to the place where its images are."""

import pyarrow as pa
from upath import UPath

from vitrina.catalog.catalog_names import cleaned_names
from vitrina.catalog.column_types import holds_text, is_list_type
from vitrina.catalog.image_refs import REF
from vitrina.catalog.source.parts import catalog_paths, name_of
from vitrina.config.image_pattern import ImagePattern
from vitrina.config.images import ResizeConfig
from vitrina.errors import UserError
from vitrina.images.image_files import ImageFiles
from vitrina.images.image_folders import ImageFolders, folder_of
from vitrina.images.places.column_place import ColumnPlace
from vitrina.images.places.column_values import check_type
from vitrina.images.places.paths import PathsAnywhere, PathsBelow
from vitrina.images.places.pattern_place import PatternPlace
from vitrina.images.places.row_images import ImagePlace
from vitrina.images.places.row_paths import RowPaths
from vitrina.images.places.wildcard_place import WildcardPlace
from vitrina.store.paths import check_folder, to_path


def check_place(
    folders: ImageFolders, config: ResizeConfig, cleaned: pa.Schema, table: str
) -> None:
    """Raise UserError, naming ``table``, if the images of its cleaned form cannot be found.

    Because a column is missing or of another type, or there is no folder where one is needed, or
    the resized images would be written over the original ones. Nothing is listed.
    """
    if config.image_column:
        _column(config, cleaned, table)
    else:
        _row_paths(config, cleaned, table)
        if not folders.originals:
            raise UserError(
                "There is no folder of images. Name it, or set resize.image_column to the column "
                f"of {table} that says where each image is."
            )
    if folders.originals:
        check_folder(to_path(folders.originals))
        _check_not_overwritten(folders, config)


def open_place(folders: ImageFolders, config: ResizeConfig, cleaned: pa.Schema) -> ImagePlace:
    """Where the images of a cleaned table with this schema are. Raises UserError as check_place."""
    table = name_of(catalog_paths(folders.catalog)) if folders.catalog else "The catalogue"
    check_place(folders, config, cleaned, table)
    if config.image_column:
        return _column_place(folders, config, _column(config, cleaned, table))
    paths = _row_paths(config, cleaned, table)
    folder, pattern = paths.pattern.relative()
    root, below = to_path(folders.originals) / folder, RowPaths(pattern, paths.columns)
    if pattern.has_wildcard:
        return WildcardPlace(below, folder, root)
    return PatternPlace(below, folder, ImageFiles(root))


def originals_of(folders: ImageFolders) -> UPath:
    """The folder to which the paths of original images are relative."""
    return to_path(folders.originals) if folders.originals else folder_of(folders.catalog)


def would_overwrite(folders: ImageFolders, config: ResizeConfig) -> bool:
    """Whether resized images would be written to where the original ones are."""
    folder, _ = ImagePattern.parse(config.image_pattern).relative()
    return bool(
        (to_path(folders.originals) / folder).resolve() == to_path(folders.resized).resolve()
    )


def _check_not_overwritten(folders: ImageFolders, config: ResizeConfig) -> None:
    if would_overwrite(folders, config):
        raise UserError(
            f"{folders.originals} holds the original images, which the resized ones would "
            "overwrite. Name another folder for the resized ones."
        )


def _row_paths(config: ResizeConfig, cleaned: pa.Schema, table: str) -> RowPaths:
    pattern = ImagePattern.parse(config.image_pattern)
    columns = cleaned_names(cleaned, pattern.columns, table, "resize.image_pattern")
    for name, column in columns.items():
        check_type(name, cleaned.field(column).type)
    return RowPaths(pattern, columns)


def _column(config: ResizeConfig, cleaned: pa.Schema, table: str) -> pa.Field:
    names = cleaned_names(cleaned, [config.image_column], table, "resize.image_column")
    column = cleaned.field(names[config.image_column])
    kind = column.type.value_type if is_list_type(column.type) else column.type
    if kind != REF and not holds_text(kind):
        raise UserError(
            f"{table}: column {config.image_column!r} is {column.type}; images are paths or "
            "addresses as texts, bytes, structs of bytes and path, or lists of these. Set "
            "resize.image_column."
        )
    return column


def _column_place(folders: ImageFolders, config: ResizeConfig, column: pa.Field) -> ColumnPlace:
    root = originals_of(folders)
    paths = PathsBelow(ImageFiles(root)) if folders.originals else PathsAnywhere(root)
    several = is_list_type(column.type)
    holds = config.image_column_holds
    return ColumnPlace(column.name, "auto" if holds == "bytes" else holds, paths, several)
