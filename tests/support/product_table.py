"""Tables whose rows share titles and images at random, for tests of products and their split."""

import numpy as np
import pandas as pd


def product_table(rows: int, titles: int, images: int, seed: int = 0) -> pd.DataFrame:
    """Rows whose titles and image hashes are drawn from so many different ones."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "nm": np.arange(rows),
            "title": [f"Кружка {number}" for number in rng.integers(0, titles, rows)],
            "image_hash": [f"{number:08x}" for number in rng.integers(0, images, rows)],
        }
    )
