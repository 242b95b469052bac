"""A set of real pictures with Russian texts: the stamps of Tux Paint, drawings and photographs.

Debian's package tuxpaint-stamps-default has some eight hundred of them, each with a description in
many languages. It is fetched with apt-get and unpacked; nothing of it is part of this repository.
"""

import hashlib
import re
import subprocess
from pathlib import Path

import pandas as pd
from PIL import Image

PACKAGE = "tuxpaint-stamps-default"
RUSSIAN = re.compile(r"^ru\.utf8=(.+)$", re.MULTILINE)
SIDE = 96  # twice the resolution of the tiny model


def stamps(folder: Path) -> pd.DataFrame:
    """Fetch the stamps and write them as JPEGs on white: a processed table of them.

    Raises RuntimeError if the package cannot be fetched, as on a system without apt-get.
    """
    folder.mkdir(parents=True)
    try:
        subprocess.run(["apt-get", "download", PACKAGE], cwd=folder, check=True)
        (package,) = folder.glob("*.deb")
        subprocess.run(["dpkg-deb", "-x", package.name, "."], cwd=folder, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise RuntimeError(f"{PACKAGE} cannot be fetched here: {error}") from error
    rows = [row for text in sorted(folder.rglob("*.txt")) if (row := _row(text, folder))]
    return pd.DataFrame(rows)


def _row(text: Path, folder: Path) -> dict[str, str] | None:
    """A stamp's row; None for one without a Russian text, or that is not a bitmap."""
    found = RUSSIAN.search(text.read_text(encoding="utf-8", errors="replace"))
    source = text.with_suffix(".png")
    if not found or not source.exists():
        return None
    nm = hashlib.blake2b(str(text.relative_to(folder)).encode(), digest_size=8).hexdigest()
    target = folder / f"{nm}.jpg"
    with Image.open(source) as opened:
        image = opened.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        white.alpha_composite(image)
    white.thumbnail((SIDE, SIDE))
    white.convert("RGB").save(target, quality=95)
    return {
        "nm": nm,
        "title": found[1].strip(),
        "description": "",
        "image_path": str(target),
        "image_hash": hashlib.blake2b(target.read_bytes()).hexdigest(),
    }
