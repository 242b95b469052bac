"""Progress callbacks and a progress bar on the terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm

OnProgress = Callable[[int, int], None]
"""Called with the number of units done and their total, any number of times."""


def no_progress(_done: int, _total: int) -> None:
    """A progress callback that does nothing."""


@contextmanager
def terminal_bar(name: str, unit: str) -> Iterator[OnProgress]:
    """A bar on standard error, if that is a terminal; yields the callback that moves it."""
    with tqdm(desc=name, unit=unit, disable=None) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield show
