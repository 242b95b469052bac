"""Embed tables from Python: load a model once, then embed any number of tables."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    from vitrina.model.model import RuCLIP


class TextDataset:
    """Pairs of a text and its image's path: a map-style dataset for torch's DataLoader.

    Raises ValueError if there are not as many texts as paths.
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
    """Embeds tables with a ruCLIP model or a fine-tuned checkpoint of one."""

    TextDataset = TextDataset

    def __init__(
        self,
        base_model_name: str,
        fine_tuned_model_path: str | None = None,
        device: Literal["auto", "cpu", "cuda"] | None = None,
    ) -> None:
        """Load the model of a name, or of a local or s3:// folder, or its fine-tuned ``.pth``.

        Without ``device`` a GPU is used if there is one. Raises UserError if there is no such
        model, or the checkpoint has another architecture.
        """
        # torch takes seconds to import; help and wrong arguments answer without it
        from vitrina.model.device import choose

        self.model = _load(base_model_name, fine_tuned_model_path)
        self.device = choose(device or "auto")

    def get_embeddings(
        self, df: "pd.DataFrame", batch_size: int = 32
    ) -> tuple["npt.NDArray[np.float32]", "npt.NDArray[np.float32]"]:
        """The image and text vectors of the columns ``image_path`` and ``title``, in this order.

        Both are float32 (rows, embed_dim) of unit length, equal to ruclip.Predictor's. Raises
        UserError naming an image that cannot be read.
        """
        from vitrina.catalog.processed_table import IMAGE_PATH, TITLE
        from vitrina.embedding.embedder import Embedder

        data = self.TextDataset(df[TITLE].fillna("").tolist(), df[IMAGE_PATH].tolist())
        embedder = Embedder(self.model, self.device, batch_size)
        return embedder.images(data.image_paths), embedder.texts(data.texts)


def _load(source: str, checkpoint: str | None) -> "RuCLIP":
    # torch takes seconds to import; help and wrong arguments answer without it
    from vitrina.model.model import load_folder
    from vitrina.model.source import cache_folder, find_model, local_model, open_checkpoint

    if checkpoint is not None:
        return open_checkpoint(checkpoint, source)
    return load_folder(local_model(str(find_model(source, cache_folder()))))
