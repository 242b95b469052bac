"""Why a row of the catalogue is left out: the values of the column ``reason``."""

from enum import StrEnum


class RejectionReason(StrEnum):
    """The reason for which a row is rejected: the first that applies."""

    MALFORMED_ROW = "malformed_row"  # a row of a text file that cannot be read as one
    MISSING_ID = "missing_id"  # null, empty, or a word for null such as "nan"
    INVALID_ID = "invalid_id"  # a number that is not a 64-bit integer
    MISSING_TITLE = "missing_title"
    MISSING_DESCRIPTION = "missing_description"
    DUPLICATE_ID = "duplicate_id"  # the first complete row of an id is kept
    UNSAFE_PATH = "unsafe_path"  # the id, or the image's path, would leave its folder
    NO_IMAGE_VALUE = "no_image_value"  # a column that says where the image is has no value
    INVALID_IMAGE_VALUE = "invalid_image_value"  # or one that does not fit
    MISSING_IMAGE = "missing_image"  # no such file
    EMPTY_IMAGE = "empty_image"  # a file of 0 bytes
    UNREADABLE_IMAGE = "unreadable_image"  # not an image, or in an unsupported format
    TRUNCATED_IMAGE = "truncated_image"  # starts as an image, but is cut off or damaged
    NOT_FOUND_URL = "not_found_url"  # its server has no such image (HTTP 404 or 410)
    REFUSED_URL = "refused_url"  # not http(s), a private address, or too many redirects
    FAILED_DOWNLOAD = "failed_download"  # refused by its server, or no whole answer from it
    TOO_LARGE_IMAGE = "too_large_image"  # more pixels than resize.max_pixels
