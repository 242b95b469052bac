"""A place to follow the tutorial in: a clone that is set up, a hub with small weights, a reader."""

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pyarrow.parquet as pq

from docs.tools.blocks import Block
from tests.support.processes import ROOT
from vitrina.config.model import DEFAULT_MODEL
from vitrina.demo.catalog import draw_catalog
from vitrina.model.hub import ORGANIZATION
from vitrina.model.tiny import make_tiny

PARTS = ("vitrina", "tasks", "flows", "deployments", "pyproject.toml")
# Programs of the environment in which the tests run, by name.
PROGRAMS = {"python": "", "prefect": "-m prefect", "vitrina": "-m flows.main"}


class Clone:
    """A copy of the code with an environment to activate, in which shell commands are run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for part in PARTS:
            source = ROOT / part
            copy = shutil.copytree if source.is_dir() else shutil.copy
            copy(source, folder / part)
        programs = folder / ".venv" / "bin"
        programs.mkdir(parents=True)
        for name, options in PROGRAMS.items():
            (programs / name).write_text(f'#!/bin/sh\nexec {sys.executable} {options} "$@"\n')
            (programs / name).chmod(0o755)
        activate = f"export PATH={programs}:$PATH PYTHONPATH={folder}\n"
        (programs / "activate").write_text(activate)

    def draw_demo(self, products: int) -> None:
        """The demo's catalogue, small, where `make run` leaves it."""
        draw_catalog(self.folder / "output" / "demo" / "latest", products)


@contextmanager
def small_hub(folder: Path, titles: Path) -> Iterator[str]:
    """The address of a hub that offers a tiny model under the name of the default one."""
    model = folder / ORGANIZATION / DEFAULT_MODEL / "resolve" / "main"
    made = folder / "made"
    texts = pq.read_table(titles, columns=["title"])["title"].to_pylist()
    make_tiny([text for text in texts if text], made)
    shutil.copytree(made, model)
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()


@dataclass
class Reader:
    """Somebody who copies one block after another into a terminal."""

    clone: Clone
    variables: Mapping[str, str]
    replaced: Mapping[str, str]  # ports of the page by free ones
    typed: list[str] = field(default_factory=list)  # what later terminals need: source, export

    def text(self, block: Block) -> str:
        """A block as this reader types it."""
        text = block.text
        for old, new in self.replaced.items():
            text = text.replace(old, new)
        return text

    def script(self, text: str) -> list[str]:
        """A command line that runs a text after what was exported before, in the clone."""
        before = "\n".join(self.typed)
        return ["bash", "-euo", "pipefail", "-c", f"cd {self.clone.folder}\n{before}\n{text}"]

    def run(self, text: str) -> str:
        """Run commands to their end and return what they print. Fails if one of them fails."""
        finished = subprocess.run(
            self.script(text),
            env={**os.environ, **self.variables},
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        assert finished.returncode == 0, f"{text}\n{finished.stdout}\n{finished.stderr}"
        self.typed += [
            line for line in text.splitlines() if line.startswith(("source ", "export "))
        ]
        return finished.stdout
