"""The results of a search as one HTML file, with thumbnails, that loads nothing from elsewhere."""

import html
import logging
from collections.abc import Sequence
from string import Template

from PIL import Image

from vitrina.images.data_uri import jpeg_uri
from vitrina.images.load import UNREADABLE
from vitrina.search.run import Hit
from vitrina.store.files import local_read
from vitrina.store.paths import to_path

logger = logging.getLogger(__name__)

THUMBNAIL = (240, 240)  # pixels

PAGE = Template("""<!doctype html>
<html lang="ru">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
      content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>$title</title>
<style>
body { font: 15px/1.45 system-ui, sans-serif; color: #333; background: #fff;
       max-width: 1100px; margin: 1.5rem auto; padding: 0 1rem; }
h1 { font-size: 1.3rem; overflow-wrap: anywhere; }
h1 img { display: block; max-height: 160px; margin-bottom: .5rem; }
main { display: grid; grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); gap: 1.2rem; }
figure { margin: 0; overflow-wrap: anywhere; }
figure img, .missing { width: 100%; aspect-ratio: 1; object-fit: contain; background: #f6f6f6; }
.missing { display: grid; place-items: center; color: #777; }
small { color: #777; }
</style>
</head>
<body>
<h1>$image$title</h1>
<main>
$figures
</main>
</body>
</html>
""")


def gallery(title: str, hits: Sequence[Hit], query_image: str | None = None) -> str:
    """The page; an image that cannot be read leaves a note in its place."""
    sources = [thumbnail(hit.image_path) for hit in hits]
    if unread := sources.count(None):
        logger.warning("search: %d of %d images cannot be read", unread, len(hits))
    figures = (_figure(hit, source) for hit, source in zip(hits, sources, strict=True))
    query = thumbnail(query_image) if query_image is not None else None
    return PAGE.substitute(
        title=html.escape(title),
        image=f'<img src="{query}" alt="">' if query else "",
        figures="\n".join(figures) or "<p>Nothing was found.</p>",
    )


def thumbnail(path: str) -> str | None:
    """A small JPEG of an image, local or s3://, as a ``data:`` URI; None if it cannot be read."""
    try:
        with local_read(to_path(path)) as local, Image.open(local) as image:
            image.draft("RGB", THUMBNAIL)
            small = image.convert("RGB")
        small.thumbnail(THUMBNAIL)
    except UNREADABLE:
        return None
    return jpeg_uri(small)


def _figure(hit: Hit, source: str | None) -> str:
    image = (
        f'<img src="{source}" alt="{html.escape(hit.title)}">'
        if source
        else '<div class="missing">no image</div>'
    )
    details = " · ".join(str(one) for one in (hit.nm, hit.category) if one is not None)
    return (
        f"<figure>{image}<figcaption>{html.escape(hit.title)}<br>"
        f"<small>{html.escape(details)} · {hit.score:.3f}</small></figcaption></figure>"
    )
