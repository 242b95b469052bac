"""Encode texts and images by exported towers, in ONNX Runtime: torch is not needed."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
from PIL import Image

from vitrina.embedding.encoder import ImageSource, Vectors
from vitrina.embedding.token_budget import batch_slices
from vitrina.errors import UserError
from vitrina.execution.cpu_count import cpu_count
from vitrina.images.from_memory import as_rgb
from vitrina.images.load import read_image, square_image
from vitrina.model.tokenize import PAD, Tokenizer, tokenize
from vitrina.onnx_export.folder import BPE, IMAGE, TEXT
from vitrina.results import OnnxModel, VectorOrigin

TOKENS, IMAGES = 512, 8  # in a batch: small ones are as fast, and take less memory


class OnnxEncoder:
    """Embeds texts and images as the exported model does, to a cosine of 0.9999."""

    def __init__(self, folder: Path, exported: OnnxModel) -> None:
        """``folder`` is local. Raises UserError naming a file that ONNX Runtime cannot read."""
        self.exported, self._folder = exported, folder
        self._tokenizer = Tokenizer(folder / BPE, exported.context_length)
        self._text, self._image = _session(folder / TEXT), _session(folder / IMAGE)

    def check(self, origin: VectorOrigin) -> None:
        """Raise UserError unless stored vectors of this origin can be compared with its own."""
        own = self.exported
        if own.model != origin.model:
            raise UserError(
                f"{self._folder} holds the model {own.model}, and the run was embedded by "
                f"{origin.model}. Export that one: vitrina export-onnx"
            )
        if own.templates != origin.templates:
            raise UserError(
                f"{self._folder} was exported with the templates {own.templates}, and the run was "
                f"embedded with {origin.templates}. Export it again: vitrina export-onnx"
            )

    def texts(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors float32 (texts, embed_dim); a text is averaged over the templates."""
        cleaned = [text.lower().strip() for text in texts]
        row_of = {text: row for row, text in enumerate(dict.fromkeys(cleaned))}
        distinct = _normalized(self._sums(list(row_of)), list(row_of))
        return distinct[[row_of[text] for text in cleaned]]

    def images(self, paths: Sequence[ImageSource]) -> Vectors:
        """Unit vectors float32 (paths, embed_dim) of image files, local or s3://, or Pillow images.

        Raises UserError naming a file that cannot be read.
        """
        vectors = [np.zeros((0, self.exported.embed_dim), np.float32)]
        with ThreadPoolExecutor(cpu_count()) as pool:
            for start in range(0, len(paths), IMAGES):
                pixels = list(pool.map(self._pixels, paths[start : start + IMAGES]))
                vectors.append(_run(self._image, np.stack(pixels)))
        return _normalized(np.concatenate(vectors), paths)

    def _sums(self, texts: Sequence[str]) -> Vectors:
        """The sum of each text's vectors over all templates."""
        sums = np.zeros((len(texts), self.exported.embed_dim), np.float32)
        templates = self.exported.templates
        ids = tokenize(self._tokenizer, [one.format(text) for one in templates for text in texts])
        for rows in _batches(ids):
            vectors = _run(self._text, _padded([ids[row] for row in rows]))
            np.add.at(sums, [row % len(texts) for row in rows], vectors)
        return sums

    def _pixels(self, source: ImageSource) -> npt.NDArray[np.uint8]:
        image = as_rgb(source) if isinstance(source, Image.Image) else read_image(source)
        return square_image(image, self.exported.resolution, self.exported.resize_mode)


def _session(path: Path) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = cpu_count()
    # Threads that wait for the next query sleep: other work on the machine has the cores.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        # ONNX Runtime's own errors have no common base but this.
        reason = " ".join(str(error).split())
        raise UserError(f"{path} cannot be read: {reason}. Export the model again.") from error


def _run(session: ort.InferenceSession, batch: npt.NDArray[np.generic]) -> Vectors:
    """The vectors of a batch: each tower has one input and one output."""
    (vectors,) = session.run(None, {session.get_inputs()[0].name: batch})
    found: Vectors = vectors
    return found


def _batches(ids: Sequence[Sequence[int]]) -> Iterator[list[int]]:
    """The rows in batches of similar length."""
    order = sorted(range(len(ids)), key=lambda row: len(ids[row]))
    for batch in batch_slices([len(ids[row]) for row in order], TOKENS):
        yield order[batch]


def _padded(rows: Sequence[Sequence[int]]) -> npt.NDArray[np.int64]:
    longest = max(map(len, rows))
    return np.array([[*row, *[PAD] * (longest - len(row))] for row in rows], np.int64)


def _normalized(vectors: Vectors, inputs: Sequence[object]) -> Vectors:
    """Vectors of unit length. UserError naming the first input whose vector is not finite."""
    finite = np.isfinite(vectors).all(axis=1)
    if not finite.all():
        first = str(inputs[int(np.argmin(finite))])
        raise UserError(f"The vector of {first[:80]!r} is not finite. Export another model.")
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Vectors = vectors / np.maximum(length, np.float32(1e-12))
    return unit
