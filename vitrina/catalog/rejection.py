"""Why a row of the catalogue is left out: the values of the column ``reason``."""

from enum import StrEnum


class RejectionReason(StrEnum):
    """The reason for which a row is rejected: the first that applies.

    What each means stands below it, for the page of the docs too.
    """

    MALFORMED_ROW = "malformed_row"
    """A row of a CSV or JSON Lines file that cannot be read as one; the log names the first."""
    MISSING_ID = "missing_id"
    """The id is null, empty, or a word for null such as `nan`."""
    INVALID_ID = "invalid_id"
    """The id is a number, but no 64-bit integer."""
    MISSING_TITLE = "missing_title"
    """No title: `clean.required` says which texts a row must have."""
    MISSING_DESCRIPTION = "missing_description"
    """No description: `--clean.required title` keeps such rows."""
    DUPLICATE_ID = "duplicate_id"
    """Another row has this id; the first complete one is kept."""
    UNSAFE_PATH = "unsafe_path"
    """The id, or the path of the image, would lead out of its folder."""
    NO_IMAGE_VALUE = "no_image_value"
    """A column that says where the image is has no value in this row."""
    INVALID_IMAGE_VALUE = "invalid_image_value"
    """A column that says where the image is has a value that does not fit."""
    MISSING_IMAGE = "missing_image"
    """There is no such file: check `--images` and `resize.image_pattern`."""
    EMPTY_IMAGE = "empty_image"
    """A file of 0 bytes."""
    UNREADABLE_IMAGE = "unreadable_image"
    """Not an image, or in an unsupported format."""
    TRUNCATED_IMAGE = "truncated_image"
    """It starts as an image, but is cut off or damaged."""
    NOT_FOUND_URL = "not_found_url"
    """Its server has no such image (HTTP 404 or 410)."""
    REFUSED_URL = "refused_url"
    """Neither http nor https, a private address, or too many redirects."""
    FAILED_DOWNLOAD = "failed_download"
    """Refused by its server, such as 403, or no whole answer in all attempts."""
    TOO_LARGE_IMAGE = "too_large_image"
    """More pixels than `resize.max_pixels`, or a download above `fetch.max_megabytes`."""
