"""A finished run, opened: encode, search, and find similar listings.

    run = vitrina.open_run("output")
    run.search("красное платье", k=5, where={"category": "Одежда"})
    run.search(image="photo.jpg")
    run.similar(1234567)

Queries are encoded by the model, and in the templates, that made the stored vectors.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt

from vitrina.catalog.normalize import normalize_text
from vitrina.embedding.encoder import CheckedEncoder, Encoder
from vitrina.embedding.listings import ListingVectors, embed_listings
from vitrina.embedding.npz_reader import memory_map
from vitrina.embedding.pipeline import EmbeddingPipeline, several_images, several_texts
from vitrina.embedding.reuse import Column
from vitrina.errors import UserError
from vitrina.index.stored import indexed_run
from vitrina.search.approximate import open_approximate
from vitrina.search.exact import EVEN, ExactIndex
from vitrina.search.filters import Where
from vitrina.search.index import Kind, Neighbours, Query, Vectors
from vitrina.search.listings import Listings
from vitrina.search.searcher import Searcher
from vitrina.search.stored_run import StoredRun, find_run
from vitrina.store.cache import local_copy
from vitrina.store.paths import to_path

if TYPE_CHECKING:
    import pandas as pd

    from vitrina.embedding.pipeline import ImageInput

By = Literal["both", "image", "text"]
KINDS: dict[By, Kind] = {"both": "product", "image": "img", "text": "text"}
QUERY_BATCH = 32  # texts or images in one forward pass


@dataclass(frozen=True)
class Hit:
    """A listing that was found; ``score`` is the cosine."""

    nm: int | str
    title: str
    category: str | None
    image_path: str
    score: float


class RunVectors(NamedTuple):
    """Ids and unit vectors, float32 (rows, embed_dim), read from the file as they are used."""

    nm: npt.NDArray[Any]
    text: Vectors
    img: Vectors


class Run:
    """The vectors, the listings and the model of a finished run."""

    def __init__(
        self,
        stored: StoredRun,
        device: Literal["auto", "cpu", "cuda"] | None = None,
        *,
        exact: bool = False,
        encoder: CheckedEncoder | None = None,
    ) -> None:
        """Raises UserError if vectors, table and model do not belong together or are incomplete.

        The model is loaded when the first query needs it, and not at all if another ``encoder`` of
        it is given. The run's index is used if there is one, unless search is to be ``exact``.
        """
        self.stored = stored
        self._device = device
        self._model_folder = stored.model()
        self._given_encoder = encoder
        if encoder is not None:
            encoder.check(stored.result.origin)
        stored.check_shards()
        table = stored.table()
        self.listings = Listings(local_copy(table.parent, [table.name]) / table.name)
        stored_nm = memory_map(stored.npz, "nm")
        if not _same_ids(stored_nm, self.listings.nm):
            raise UserError(
                f"{table} lists other ids than the vectors in {stored.folder} are of, so they do "
                "not belong together. Restore the table, or run the pipeline again on this output."
            )
        self._vectors: dict[Column, Vectors] = {
            "text": memory_map(stored.npz, "text"),
            "img": memory_map(stored.npz, "img"),
        }
        index = indexed_run(stored.store, stored.result)
        weight = index.result.image_weight if index else EVEN
        everything, approximate = ExactIndex(self._vectors, weight), None
        if index and not exact:
            approximate = open_approximate(index, self.listings.nm, everything)
        self.searcher = Searcher(self.listings, everything, approximate)

    def __len__(self) -> int:
        return self.stored.result.rows

    @cached_property
    def pipeline(self) -> EmbeddingPipeline:
        """The run's model with its templates and its listings' text, to embed other tables with."""
        origin = self.stored.result.origin
        return EmbeddingPipeline(
            str(self._model_folder),
            device=self._device,
            templates=origin.templates,
            text=origin.text,
            several_images=origin.several_images,
        )

    @cached_property
    def _encoder(self) -> Encoder:
        return self._given_encoder or self.pipeline.embedder(QUERY_BATCH)

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors float32 (texts, embed_dim), comparable with the stored ones."""
        return self._encoder.texts(several_texts(texts))

    def encode_images(self, images: "Sequence[ImageInput]") -> Vectors:
        """Unit vectors float32 (images, embed_dim) of files, local or s3://, or Pillow images.

        Raises UserError naming an image that cannot be read.
        """
        return self._encoder.images(several_images(images))

    def encode_listings(self, listings: "pd.DataFrame") -> ListingVectors:
        """The vectors of other listings, made as the stored ones were.

        Their texts are what the run's template makes of the frame's columns, their images those at
        ``image_path`` or, where a listing has several, at ``image_paths``. Raises UserError naming
        a missing column, or an image that cannot be read.
        """
        return embed_listings(self._encoder, listings, self.stored.result.origin.listing)

    def vectors(self) -> RunVectors:
        """The stored vectors, in the order of the table."""
        return RunVectors(self.listings.nm, self._vectors["text"], self._vectors["img"])

    # Five parameters and self: the two kinds of query, how many, by what, and among which.
    def search(
        self,
        text: str | None = None,
        *,
        image: "ImageInput | None" = None,
        k: int = 10,
        by: By = "both",
        where: Where | None = None,
    ) -> list[Hit]:
        """The ``k`` listings nearest to a text or to an image, nearest first.

        ``by`` compares with the listings' images, their texts, or both: the weighted mean that the
        index has chosen, else the even one. ``where`` holds values by column, such as
        ``{"category": "Посуда"}``; a list means any of its values. Raises UserError for an empty
        query, an unreadable image or an unknown column.
        """
        if (text is None) == (image is None):
            raise UserError("Search by either a text or an image: give one of them.")
        _check(k, by)
        self.listings.check(where)
        if image is not None:
            vector = self.encode_images([image])[0]
        else:
            vector = self.encode_texts([query_text(text or "")])[0]
        return self.nearest(vector, k=k, by=by, where=where)

    def nearest(
        self, vector: Vectors, *, k: int = 10, by: By = "both", where: Where | None = None
    ) -> list[Hit]:
        """The ``k`` listings nearest to a unit vector (embed_dim,), as ``search`` finds them."""
        _check(k, by)
        return self._hits(self.searcher.nearest(Query(KINDS[by], vector), k, where))

    def similar(
        self, nm: int | str, *, k: int = 10, by: By = "both", where: Where | None = None
    ) -> list[Hit]:
        """The ``k`` listings most like a stored one, which is not among them.

        Texts are compared with texts, images with images, means of both with such means; no model
        is loaded. Raises UserError if the run has no such listing.
        """
        _check(k, by)
        row, kind = self.listings.row_of(nm), KINDS[by]
        query = Query(kind, self.searcher.exact.vector(kind, row))
        return self._hits(self.searcher.nearest(query, k, where, without=row))

    def listing(self, nm: int | str) -> Hit:
        """A stored listing by its id. Raises UserError if there is none."""
        return self.listing_at(self.listings.row_of(nm))

    def listing_at(self, row: int) -> Hit:
        """The listing in a row of the table."""
        return self._hit(row, 1.0)

    def _hits(self, found: Neighbours) -> list[Hit]:
        pairs = zip(found.rows.tolist(), found.scores.tolist(), strict=True)
        return [self._hit(row, score) for row, score in pairs]

    def _hit(self, row: int, score: float) -> Hit:
        shown = self.listings.shown(row)
        image_path = self.stored.moved(shown.pop("image_path"))
        return Hit(**shown, image_path=image_path, score=score)


def open_run(
    output: str,
    device: Literal["auto", "cpu", "cuda"] | None = None,
    *,
    exact: bool = False,
    encoder: CheckedEncoder | None = None,
) -> Run:
    """Open the latest finished run in the output folder of a pipeline, local or s3://.

    Without ``device`` a GPU encodes queries if there is one. A large run with an index is searched
    approximately, unless it is to be ``exact``. An ``encoder`` of an exported model, by
    :func:`vitrina.onnx_export.folder.open_encoder`, encodes in place of the model itself. Raises
    UserError that says what is missing, or which files are not of one run.
    """
    return Run(find_run(str(to_path(output))), device, exact=exact, encoder=encoder)


def query_text(text: str) -> str:
    """The text, normalized as titles are. UserError if nothing remains."""
    normalized = normalize_text(text)
    if not normalized:
        raise UserError(f"The query {text!r} is empty: give a word to search for.")
    return normalized


def _check(k: int, by: str) -> None:
    if k < 1:
        raise UserError(f"k is {k}: at least one listing must be asked for.")
    if by not in get_args(By):
        raise UserError(f"by is {by!r}: expected one of {', '.join(get_args(By))}.")


def _same_ids(stored: npt.NDArray[Any], listed: npt.NDArray[Any]) -> bool:
    """Whether ids are equal in equal order; an NPZ holds texts of integers as integers."""
    if stored.dtype.kind != listed.dtype.kind:
        stored, listed = stored.astype(np.str_), listed.astype(np.str_)
    return np.array_equal(stored, listed)
