"""Output never fails because of an encoding."""

import subprocess
import sys

import pytest

PRINTS = """
import sys
from vitrina.execution.output_encoding import replace_unknown_characters
replace_unknown_characters()
print("вход → выход", flush=True)
print("вход → выход", file=sys.stderr)
"""


@pytest.mark.parametrize("encoding", ["cp1251", "koi8-r", "ascii", "utf-8"])
def test_what_an_encoding_lacks_is_replaced(encoding: str) -> None:
    """The rest of the line is printed as it is."""
    done = subprocess.run(
        [sys.executable, "-c", PRINTS],
        env={"PYTHONIOENCODING": f"{encoding}:strict", "PATH": ""},
        capture_output=True,
        check=True,
    )
    expected = "вход → выход".encode(encoding, errors="replace")
    assert done.stdout.strip() == done.stderr.strip() == expected
