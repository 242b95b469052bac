"""A run that is served: opened whole, with its model loaded, for any number of threads."""

import threading

import numpy as np
from upath import UPath

from vitrina.config.images import ResizeConfig
from vitrina.errors import UserError
from vitrina.images.load import image_from_bytes
from vitrina.index.stored import indexed_run
from vitrina.search.filters import Where
from vitrina.search.index import Vectors
from vitrina.search.run import By, Hit, Run, query_text
from vitrina.serving.encoder import Encoder
from vitrina.serving.facets import Facet, facets
from vitrina.store.paths import to_path

PHOTOS = 4  # in memory at a time, with three bytes a pixel
PHOTO_BOX = (2_000, 2_000)  # larger than any ruCLIP's input; what needs repair is fitted into it


class UnknownListingError(UserError):
    """A listing that the run does not have."""


class ServedRun:
    """The listings, the index and the encoder of one run; its answers are of this run alone."""

    def __init__(self, run: Run, key: str, before: "ServedRun | None" = None) -> None:
        """Load and try everything that an answer needs; ``key`` is the run's name.

        The encoder of the run ``before`` is used again if it has the same model.
        """
        self.run, self.key = run, key
        self._photos = threading.Semaphore(PHOTOS)
        shared = before.encoder if before and before.same_model(run) else None
        self.encoder: Encoder = shared or Encoder(run.encode_texts, run.encode_images)
        self.encoder.text("кружка")
        self.facets: list[Facet] = facets(run.listings, self._indexed_columns())
        if len(run):
            run.similar(run.listings.shown(0)["nm"], k=1)

    def __len__(self) -> int:
        return len(self.run)

    @property
    def model(self) -> str:
        """The fingerprint of the model."""
        return self.run.stored.result.origin.model

    def same_model(self, other: Run) -> bool:
        """Whether another run's queries are encoded alike."""
        own, its = self.run.stored.result.origin, other.stored.result.origin
        return own.model_copy(update={"model_folder": its.model_folder}) == its

    def search_text(self, text: str, k: int, by: By, where: Where) -> list[Hit]:
        """The listings nearest to a text."""
        self.run.listings.check(where)
        return self.run.nearest(self.encoder.text(query_text(text)), k=k, by=by, where=where)

    # Five parameters and self: those of search, and the photo's limit.
    def search_photo(
        self, photo: bytes, max_pixels: int, k: int, by: By, where: Where
    ) -> list[Hit]:
        """The listings nearest to a photo, given as the content of its file.

        Raises UserError if it cannot be read or has more pixels.
        """
        self.run.listings.check(where)
        return self.run.nearest(self.photo_vector(photo, max_pixels), k=k, by=by, where=where)

    def browse(self, k: int, where: Where) -> list[Hit]:
        """Some of the listings that fulfil ``where``, spread evenly over the table."""
        mask = self.run.listings.mask(where)
        rows = np.arange(len(self)) if mask is None else np.flatnonzero(mask)
        spread = np.linspace(0, len(rows) - 1, min(k, len(rows))).astype(int)
        return [self.run.listing_at(row) for row in rows[spread].tolist()]

    def similar(self, nm: str, k: int, by: By, where: Where) -> list[Hit]:
        """The listings most like one of them. Raises UnknownListingError if there is no such."""
        self.listing(nm)
        return self.run.similar(nm, k=k, by=by, where=where)

    def listing(self, nm: str) -> Hit:
        """A listing. Raises UnknownListingError if there is no such."""
        try:
            return self.run.listing(nm)
        except UserError as error:
            raise UnknownListingError(f"There is no listing {nm!r}.") from error

    def image(self, nm: str) -> UPath:
        """Where the image of a listing is, by the table alone: never by what the client says."""
        return to_path(self.listing(nm).image_path)

    def photo_vector(self, photo: bytes, max_pixels: int) -> Vectors:
        """The unit vector of a photo. Raises UserError if it cannot be read or is too large."""
        limits = ResizeConfig(default_image_size=PHOTO_BOX, max_pixels=max_pixels, quality=98)
        with self._photos:
            return self.encoder.image(image_from_bytes(photo, "The photo", limits))

    def _indexed_columns(self) -> tuple[str, ...]:
        stored = self.run.stored
        index = indexed_run(stored.store, stored.result)
        return index.result.columns if index else ()
