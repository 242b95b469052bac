"""Whether wandb is online, offline or off: as wandb's own variables and settings files say.

Data never leave against the user's setting: whatever cannot be understood turns wandb off.
"""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import httpx

if TYPE_CHECKING:
    from wandb import Settings

logger = logging.getLogger(__name__)

Mode = Literal["online", "offline", "disabled"]
MODES: dict[str, Mode] = {
    "online": "online",
    "run": "online",  # wandb's older words
    "shared": "online",
    "offline": "offline",
    "dryrun": "offline",
    "disabled": "disabled",
}
FALSE = ("", "0", "false", "no", "off")
SECONDS = 5  # to wait for the server's answer before the run


def wandb_mode() -> Mode:
    """The mode of a run that starts now; without a key, and without an answer, it is offline.

    ``WANDB_DISABLED`` turns wandb off; then ``WANDB_MODE`` counts, and then the settings files of
    ``wandb offline`` and ``wandb disabled``.
    """
    if _is_true(os.environ.get("WANDB_DISABLED", "")):
        return "disabled"
    if (chosen := os.environ.get("WANDB_MODE")) and _named(chosen) == "disabled":
        return "disabled"  # without importing wandb, which takes seconds
    settings = wandb_settings()
    files = settings.read_system_settings().all()
    if not chosen and _is_true(files.get("disabled", "")):  # of older versions of wandb
        return "disabled"
    mode = _named(chosen or files.get("mode") or "online")
    if mode == "online" and not _has_key(settings):
        return "offline"
    if mode == "online" and not _answers(settings.base_url):
        logger.warning("%s does not answer, so wandb is offline.", settings.base_url)
        return "offline"
    return mode


@contextmanager
def wandb_mode_variable(mode: Mode) -> Iterator[None]:
    """Set ``WANDB_MODE`` for the start of a run: wandb refuses an empty one, or ``Offline``."""
    before = os.environ.get("WANDB_MODE")
    os.environ["WANDB_MODE"] = mode
    try:
        yield
    finally:
        if before is None:
            del os.environ["WANDB_MODE"]
        else:
            os.environ["WANDB_MODE"] = before


def wandb_settings() -> "Settings":
    """wandb's settings from its files and variables, read now; the module reads them only once."""
    import wandb  # takes seconds

    settings = wandb.Settings(silent=True)
    config = os.environ.get("WANDB_CONFIG_DIR") or "~/.config/wandb"
    settings.settings_system = str(Path(config).expanduser() / "settings")
    settings.update_from_system_settings()
    environment = {name: value for name, value in os.environ.items() if value}
    settings.update_from_env_vars({**environment, "WANDB_MODE": "offline"})  # see wandb_mode
    return settings


def _named(mode: str) -> Mode:
    if known := MODES.get(mode.strip().lower()):
        return known
    logger.warning("wandb is off: there is no mode %r. Modes: %s.", mode, ", ".join(MODES))
    return "disabled"


def _is_true(value: str) -> bool:
    return value.strip().lower() not in FALSE


def _has_key(settings: "Settings") -> bool:
    """Whether wandb can log in without asking: by a variable, a settings file or the netrc file."""
    from wandb.sdk.lib import wbauth  # no public function tells it without logging in

    if settings.api_key or settings.identity_token_file:
        return True
    return wbauth.read_netrc_auth(host=settings.base_url) is not None


def _answers(url: str) -> bool:
    """Whether the server gives any answer within seconds; wandb itself waits for minutes."""
    try:
        httpx.head(url, timeout=SECONDS)
    except httpx.TransportError:
        return False
    return True
