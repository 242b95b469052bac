"""Output on terminals and in files whose encoding lacks some characters, such as cp1251."""

import io
import sys


def replace_unknown_characters() -> None:
    """Print ``?`` for a character that standard output or error cannot encode, and do not fail."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
