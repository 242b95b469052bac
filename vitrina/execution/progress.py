"""A progress bar on the terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm

OnProgress = Callable[[int, int], None]
"""Called with the units done so far and the units there are, as often as the caller likes."""


def no_progress(_done: int, _total: int) -> None:
    """The progress that nobody watches."""


@contextmanager
def terminal_bar(name: str, unit: str) -> Iterator[OnProgress]:
    """A bar on standard error where that is a terminal, moved by calling what is yielded."""
    with tqdm(desc=name, unit=unit, disable=None) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield show
