"""Whether S3 can be reached, with these settings and these buckets: asked before work begins.

Within a run the same errors of the network are retried for minutes, since they may pass.
"""

from collections.abc import Iterable, Iterator, Mapping

from pydantic import BaseModel
from upath import UPath

from vitrina.errors import UserError
from vitrina.store.failures import is_misuse_of_s3, misuse_of_s3
from vitrina.store.paths import is_local, to_path

# An endpoint that cannot be reached is reported within about 10 s.
QUICK = {
    "connect_timeout": 4,
    "read_timeout": 5,
    "retries": {"total_max_attempts": 2, "mode": "standard"},
}


def check_s3(parameters: object) -> None:
    """Raise UserError if a value among these parameters names a bucket that cannot be used.

    Because S3 cannot be reached, its settings are wrong or incomplete, or there is no such bucket.
    A bucket that may not be asked about is taken to exist.
    """
    buckets = {path.path.split("/")[0]: path for path in _s3_paths(parameters)}
    for bucket, path in buckets.items():
        _check_bucket(bucket, path)


def _s3_paths(value: object) -> Iterator[UPath]:
    """The paths on S3 among the values of parameters and their groups."""
    if isinstance(value, str) and value.startswith("s3:"):
        path = to_path(value)
        if not is_local(path):
            yield path
    elif isinstance(value, BaseModel):
        yield from _s3_paths(dict(value))
    elif isinstance(value, Mapping):
        yield from _s3_paths(list(value.values()))
    elif isinstance(value, Iterable) and not isinstance(value, str):
        for item in value:
            yield from _s3_paths(item)


def _check_bucket(bucket: str, path: UPath) -> None:
    # both take time to import, and most runs are local
    import s3fs
    from botocore.exceptions import BotoCoreError, ClientError

    quick = s3fs.S3FileSystem(config_kwargs=QUICK, skip_instance_cache=True)
    quick.retries = 1  # s3fs' own, on top of botocore's
    try:
        quick.call_s3("head_bucket", Bucket=bucket)
    except FileNotFoundError as error:
        raise UserError(
            f"{path}: there is no bucket {bucket!r}. Create it, or name another."
        ) from error
    except (PermissionError, ClientError):
        return  # S3 has answered; the question itself needs a permission that a run does not
    except (BotoCoreError, OSError, ValueError) as error:
        if is_misuse_of_s3(error):
            raise misuse_of_s3(path, error) from error
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(
            f"{path}: S3 cannot be reached ({reason}). Check AWS_ENDPOINT_URL and the network."
        ) from error
