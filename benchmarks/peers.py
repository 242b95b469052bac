"""Other engines for the image tower on a CPU: OpenVINO and ONNX Runtime, from normalized pixels."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import onnxruntime
import openvino
import torch
from torch import Tensor, nn

from vitrina.execution.cpu_count import cpu_count
from vitrina.model.forward import encode_image
from vitrina.model.model import RuCLIP

ImageEngine = Callable[[Tensor], np.ndarray]  # float32 (batch, 3, R, R) to (batch, embed_dim)


class ImageModule(nn.Module):
    """The image tower alone, as these engines import it."""

    def __init__(self, model: RuCLIP) -> None:
        super().__init__()
        self.clip = model.clip

    def forward(self, pixels: Tensor) -> Tensor:
        """Embeddings (batch, embed_dim), not normalized."""
        return encode_image(self.clip, pixels)


def openvino_images(model: RuCLIP, precision: Literal["f32", "bf16"], batch: int) -> ImageEngine:
    """OpenVINO with its hint for throughput, one request at a time."""
    example = torch.zeros(batch, 3, model.resolution, model.resolution)
    with torch.inference_mode():
        converted = openvino.convert_model(ImageModule(model).eval(), example_input=example)
    hints = {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY"}
    compiled = openvino.Core().compile_model(converted, "CPU", hints)
    return lambda pixels: np.array(compiled([pixels.numpy()])[0])


def onnxruntime_images(model: RuCLIP, batch: int) -> ImageEngine:
    """ONNX Runtime in float32, all of its graph optimizations, one thread per core."""
    example = torch.zeros(batch, 3, model.resolution, model.resolution)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = cpu_count()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "image.onnx"
        module = ImageModule(model).eval()
        torch.onnx.export(module, (example,), str(path), input_names=["pixels"], dynamo=False)
        session = onnxruntime.InferenceSession(str(path), options)
    return lambda pixels: np.array(session.run(None, {"pixels": pixels.numpy()})[0])
