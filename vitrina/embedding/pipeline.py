"""Embedding from Python: a model once, then table after table."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    from vitrina.model.model import RuCLIP


class TextDataset:
    """Pairs of a text and the path of its image, in order.

    Has what torch's DataLoader asks of a map-style data set, and needs no torch.
    """

    def __init__(self, texts: Sequence[str], image_paths: Sequence[str]) -> None:
        if len(texts) != len(image_paths):
            raise ValueError(f"{len(texts)} texts for {len(image_paths)} images")
        self.texts = list(texts)
        self.image_paths = list(image_paths)

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, row: int) -> tuple[str, str]:
        return self.texts[row], self.image_paths[row]


class EmbeddingPipeline:
    """Embeds tables with ruCLIP or a fine-tuned checkpoint of it."""

    TextDataset = TextDataset

    def __init__(
        self,
        base_model_name: str,
        fine_tuned_model_path: str | None = None,
        device: Literal["auto", "cpu", "cuda"] | None = None,
    ) -> None:
        """Load the model: a name, or a local or s3:// folder; with the weights of a ``.pth``.

        Without ``device`` a GPU is taken if there is one. Raises UserError if there is no such
        model, or the checkpoint does not fit it.
        """
        # torch costs seconds; help and wrong arguments answer without it
        from vitrina.model.device import choose

        self.model = _load(base_model_name, fine_tuned_model_path)
        self.device = choose(device or "auto")

    def get_embeddings(
        self, df: "pd.DataFrame", batch_size: int = 32
    ) -> tuple["npt.NDArray[np.float32]", "npt.NDArray[np.float32]"]:
        """The image and the text vectors of the columns ``image_path`` and ``title``.

        Both float32 (rows, embed_dim), of unit length, as ruclip.Predictor gives them. Raises
        UserError naming an image that cannot be read.
        """
        from vitrina.catalog.processed_table import IMAGE_PATH, TITLE
        from vitrina.embedding.embedder import Embedder

        data = self.TextDataset(df[TITLE].fillna("").tolist(), df[IMAGE_PATH].tolist())
        embedder = Embedder(self.model, self.device, batch_size)
        return embedder.images(data.image_paths), embedder.texts(data.texts)


def _load(source: str, checkpoint: str | None) -> "RuCLIP":
    # vitrina.model.source brings Prefect, which nothing else in this package needs
    from vitrina.model.model import load_folder
    from vitrina.model.source import cache_folder, find_model, local_model, open_checkpoint

    if checkpoint is not None:
        return open_checkpoint(checkpoint, source)
    return load_folder(local_model(str(find_model(source, cache_folder()))))
