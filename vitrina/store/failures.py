"""What an error of a file system or of S3 means to the user: access denied, or a full disk."""

import errno
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from vitrina.errors import UserError

# A full disk, a user's quota, and the limit of a file's size: of FAT, or of ulimit -f.
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

CHECK_S3 = (
    "Check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_PROFILE, AWS_REGION and "
    "AWS_ENDPOINT_URL, and the bucket's permissions."
)


class AccessDeniedError(UserError):
    """A file, a folder or a bucket that may not be read or written."""


class DiskFullError(UserError):
    """A disk without room for a file."""


def is_denied(error: BaseException) -> bool:
    """Whether an error says that access is denied, or that the file system is read-only."""
    return isinstance(error, PermissionError) or (
        isinstance(error, OSError) and error.errno == errno.EROFS
    )


def is_misuse_of_s3(error: BaseException) -> bool:
    """Whether S3 cannot be asked at all, because settings or credentials are wrong or missing.

    botocore's other errors are those of the network, which may pass.
    """
    from botocore import exceptions as botocore  # takes time to import

    if isinstance(error, ValueError) and "Invalid endpoint" in str(error):
        return True  # AWS_ENDPOINT_URL without http://
    may_pass = (
        botocore.HTTPClientError,
        botocore.ConnectionError,
        botocore.IncompleteReadError,
        botocore.ChecksumError,
        botocore.FlexibleChecksumError,
        botocore.CredentialRetrievalError,
        botocore.MetadataRetrievalError,
        botocore.WaiterError,
    )
    return isinstance(error, botocore.BotoCoreError) and not isinstance(error, may_pass)


def misuse_of_s3(path: object, error: BaseException) -> UserError:
    """The error for settings or credentials with which S3 cannot be asked."""
    reason = " ".join(str(error).split()).rstrip(".")  # some take several lines
    return UserError(f"{path}: S3 cannot be used as it is set up here: {reason}. {CHECK_S3}")


def is_full(error: BaseException) -> bool:
    """Whether an error says that a disk is full, or was raised because of one that does.

    torch, for one, raises a RuntimeError of its own on top.
    """
    return _full_errno(error) is not None


def _full_errno(error: BaseException) -> int | None:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno in FULL:
            return cause.errno
        cause = cause.__cause__ or cause.__context__
    return None


def disk_full(
    path: object, disk: Path, error: BaseException, size: int = 0, written: int = 0
) -> DiskFullError:
    """The error for a file that its disk has no room for.

    ``disk`` is the folder written to, ``size`` the bytes that the file needs, 0 if not known, and
    ``written`` those that it takes until it is removed.
    """
    if _full_errno(error) == errno.EFBIG:
        reason = "it is larger than a file may be there (ulimit -f, or a FAT disk)"
        remedy = "Raise the limit, or choose another disk"
    else:
        reason = f"the disk of {disk} is full, or your quota of it is used up"
        remedy = "Make room there"
    needs = (
        f"The file needs {readable_size(size)}"
        if size
        else f"It needs over {readable_size(written)}"
    )
    with suppress(OSError):
        needs += f", {readable_size(shutil.disk_usage(disk).free + written)} are free"
    return DiskFullError(
        f"{path} cannot be written: {reason}. {needs}. {remedy}, and run the same command again: "
        "it continues from what is stored."
    )


@contextmanager
def disk_errors_as_user_errors(path: object, temp_file: Path, size: int = 0) -> Iterator[None]:
    """Raise DiskFullError, naming ``path``, if the disk that ``temp_file`` is written to is full.

    If ``size`` in bytes is not known, those that were written are named.
    """
    try:
        yield
    except UserError:  # of a file that is written while this one is open
        raise
    except Exception as error:
        if is_denied(error) and getattr(error, "filename", None) == str(temp_file):
            raise AccessDeniedError(f"{path} cannot be written: {error.args[1]}.") from error
        if not is_full(error):
            raise
        written = temp_file.stat().st_size if temp_file.exists() else 0
        raise disk_full(path, temp_file.parent, error, size, written) from error


def scratch_folder() -> Path:
    """Where temporary files go (TMPDIR)."""
    return Path(tempfile.gettempdir())


def readable_size(size: int) -> str:
    """A number of bytes for people, as ``12.3 MB`` or ``4.5 kB``."""
    return f"{size / 1e6:,.1f} MB" if size >= 100_000 else f"{size / 1e3:,.1f} kB"
