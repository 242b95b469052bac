"""What puts a sentence into the reader's language."""

from collections.abc import Callable

# Called with an English text and the values of its {names}; ``str.format`` leaves it English.
Translate = Callable[..., str]
