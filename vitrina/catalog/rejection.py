"""Why a row of the catalogue is left out: the values of the column ``reason`` in rejected.csv."""

from enum import StrEnum


class RejectionReason(StrEnum):
    """A row has exactly one reason, the first that applies."""

    MISSING_ID = "missing_id"  # null, empty, or a word for null
    INVALID_ID = "invalid_id"  # a number that is no 64-bit integer
    MISSING_TITLE = "missing_title"
    MISSING_DESCRIPTION = "missing_description"
    DUPLICATE_ID = "duplicate_id"  # the first complete row of an id is kept
    UNSAFE_PATH = "unsafe_path"  # the id, used as a file name, would leave its folder
    MISSING_IMAGE = "missing_image"  # no file of that name
    EMPTY_IMAGE = "empty_image"  # no bytes
    UNREADABLE_IMAGE = "unreadable_image"  # no image, or a format that shops do not use
    TRUNCATED_IMAGE = "truncated_image"  # begins as an image and is cut off or damaged
    TOO_LARGE_IMAGE = "too_large_image"  # more pixels than allowed
