"""Whether the executor of a run can be used here."""

from urllib.parse import urlsplit

from vitrina.config.training import TrainConfig
from vitrina.errors import UserError
from vitrina.execution.ray_cluster import address_of

THIS_MACHINE = ("localhost", "127.0.0.1", "::1")


def check_executor(executor: str) -> None:
    """Raise UserError if an executor cannot be used here.

    Because Ray is not installed, or because the workers of another machine would have to report to
    the Prefect server that this process starts for itself.
    """
    if executor == "threads":
        return
    _require_ray(f"executor: {executor}")
    from prefect.settings import PREFECT_API_URL  # takes a second to import

    address = address_of(executor)
    host = urlsplit(address).hostname
    if host and host not in THIS_MACHINE and not PREFECT_API_URL.value():
        raise UserError(
            f"The workers of {address} cannot reach the Prefect server that this process starts "
            "for itself. Set PREFECT_API_URL to a server that they reach, or use executor: threads."
        )


def check_launcher(config: TrainConfig) -> None:
    """Raise UserError if training is to be launched by Ray and that is not installed."""
    if config.processes > 1 and config.launcher == "ray":
        _require_ray("launcher: ray")


def _require_ray(setting: str) -> None:
    try:
        import prefect_ray  # noqa: F401 - imported to see whether it is installed
        import ray  # noqa: F401 - likewise
    except ImportError as error:
        raise UserError(
            f"{setting} needs Ray, which is not installed ({error}). "
            "Install it from the clone: pip install -c constraints.txt '.[ray]'"
        ) from error
