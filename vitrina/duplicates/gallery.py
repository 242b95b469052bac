"""The groups of duplicates as one HTML file, with thumbnails, that loads nothing from elsewhere."""

import html
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from string import Template
from typing import Any

import numpy as np
import pandas as pd

from vitrina.catalog.processed_table import IMAGE_PATH, NM, TITLE
from vitrina.duplicates.files import Members
from vitrina.duplicates.known import Kind
from vitrina.search.gallery import thumbnail

logger = logging.getLogger(__name__)

SHOWN = 6  # listings of a group
READERS = 16  # images read at a time, which on S3 is waiting
TOLD = {
    Kind.COPY: "copy",
    Kind.TITLE: "same title",
    Kind.IMAGE: "same image",
    Kind.SIMILAR: "similar",
}

PAGE = Template("""<!doctype html>
<html lang="ru">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
      content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>Duplicates</title>
<style>
body { font: 15px/1.45 system-ui, sans-serif; color: #333; background: #fff;
       max-width: 1100px; margin: 1.5rem auto; padding: 0 1rem; }
h1 { font-size: 1.3rem; }
table { border-collapse: collapse; }
td { padding: .15rem 1.2rem .15rem 0; vertical-align: top; overflow-wrap: anywhere; }
td:first-child { color: #777; }
main { display: flex; flex-wrap: wrap; gap: 1rem; }
section { border: 1px solid #ddd; padding: .8rem; display: flex; flex-wrap: wrap; gap: .8rem; }
figure { margin: 0; width: 140px; overflow-wrap: anywhere; }
figure img, .missing { width: 100%; aspect-ratio: 1; object-fit: contain; background: #f6f6f6; }
.missing { display: grid; place-items: center; color: #777; }
small { color: #777; }
</style>
</head>
<body>
<h1>Duplicates</h1>
<table>
$summary
</table>
<p>$shown</p>
<main>
$groups
</main>
</body>
</html>
""")


def least_sure_groups(members: Members, count: int) -> list[np.ndarray]:
    """The positions in ``members`` of the groups with the least cosines, at most ``count``."""
    if not len(members.group):
        return []
    starts = np.flatnonzero(np.diff(members.group, prepend=-1))
    least = np.minimum.reduceat(members.cosine, starts)
    ends = np.append(starts[1:], len(members.group))
    chosen = np.argsort(least, kind="stable")[:count]
    return [np.arange(starts[group], ends[group]) for group in chosen]


def gallery(
    members: Members,
    groups: Sequence[np.ndarray],
    listings: pd.DataFrame,
    summary: Sequence[tuple[str, str]],
    read: Callable[[str], str | None] = thumbnail,
) -> str:
    """The page of some groups; ``listings`` has their rows with nm, title and image_path.

    ``read`` gives an image as a ``data:`` URI, or None if it cannot be read.
    """
    shown = sorted({int(row) for group in groups for row in members.row[group[:SHOWN]]})
    with ThreadPoolExecutor(READERS) as pool:
        paths = listings.loc[shown, IMAGE_PATH].astype(str)
        images = dict(zip(shown, pool.map(read, paths), strict=True))
    if unread := sum(image is None for image in images.values()):
        logger.warning("duplicates: %d of %d images cannot be read", unread, len(images))
    found = len(np.unique(members.group))
    return PAGE.substitute(
        summary="\n".join(
            f"<tr><td>{html.escape(name)}</td><td>{html.escape(value)}</td></tr>"
            for name, value in summary
        ),
        shown=f"{len(groups):,} of {found:,} groups, the least sure first. The first listing of a "
        "group represents it; the others are duplicates of that one.",
        groups="\n".join(_group(members, group, listings, images) for group in groups),
    )


def _group(
    members: Members, group: np.ndarray, listings: pd.DataFrame, images: Mapping[int, str | None]
) -> str:
    figures = [
        _figure(listings.loc[row], images[row], _told(members, position))
        for position, row in zip(group[:SHOWN], members.row[group[:SHOWN]].tolist(), strict=True)
    ]
    if more := len(group) - len(figures):
        figures.append(f"<p>and {more:,} more</p>")
    return f"<section>{''.join(figures)}</section>"


def _told(members: Members, position: int) -> str:
    if members.row[position] == members.representative[position]:
        return "represents the group"
    return f"{TOLD[Kind(members.kind[position])]}, {members.cosine[position]:.3f}"


def _figure(listing: "pd.Series[Any]", source: str | None, told: str) -> str:
    title = html.escape(str(listing[TITLE]))
    image = (
        f'<img src="{source}" alt="{title}">' if source else '<div class="missing">no image</div>'
    )
    details = html.escape(f"{listing[NM]} · {told}")
    return f"<figure>{image}<figcaption>{title}<br><small>{details}</small></figcaption></figure>"
