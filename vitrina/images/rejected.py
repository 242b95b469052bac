"""The error of an image that cannot be used."""

from vitrina.catalog.rejection import RejectionReason


class RejectedImageError(Exception):
    """The bytes are not an image that can be used: empty, unreadable, truncated or too large."""

    def __init__(self, reason: RejectionReason) -> None:
        super().__init__(reason)
        self.reason = reason
