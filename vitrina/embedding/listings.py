"""Embed the listings in a frame: their texts by a template, and their images, one or several."""

from typing import TYPE_CHECKING, NamedTuple

from vitrina.catalog.listing_images import listing_images
from vitrina.catalog.text_template import TextTemplate
from vitrina.config.text import ListingConfig
from vitrina.embedding.encoder import Encoder, Vectors
from vitrina.embedding.mean_vectors import mean_vectors

if TYPE_CHECKING:  # help and refusals answer without it
    import pandas as pd


class ListingVectors(NamedTuple):
    """Unit vectors of texts and of images, float32 (rows, embed_dim)."""

    text: Vectors
    img: Vectors


def embed_listings(
    encoder: Encoder, table: "pd.DataFrame", listing: ListingConfig
) -> ListingVectors:
    """The vectors of a table's rows; of several images the mean, unless ``listing`` says otherwise.

    Raises UserError naming an image that cannot be read or a column that is missing.
    """
    images = listing_images(table, listing.several_images)
    each = encoder.images(images.paths.tolist())
    texts = TextTemplate.parse(listing.text).render(table)
    return ListingVectors(encoder.texts(texts), mean_vectors(each, images.starts))
