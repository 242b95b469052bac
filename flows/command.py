"""A command line, and the front that `vitrina` and the scripts share."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from vitrina.config.parameters import Parameters

Config = TypeVar("Config", bound=Parameters)


@dataclass(frozen=True)
class Command(Generic[Config]):
    """What a command line asks for, and what does it once the parameters are known."""

    config: type[Config]
    description: str | None  # of the help; its first line is shown in the list of commands
    main: Callable[[Config], None]
    demo: Path | None = None  # the file of parameters that --demo, or no argument at all, means
    first: tuple[str, ...] = ()  # the options of --help; --help-all has all. Empty: both have all
