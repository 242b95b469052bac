"""FLOP of the model's matrix products, and the machine's speed at such products alone."""

from collections.abc import Callable, Mapping

import torch


def image_gflop(config: Mapping[str, int], *, last_layer_whole: bool) -> float:
    """10⁹ multiplications and additions in the matrix products of one image.

    Without ``last_layer_whole`` the last layer is computed only for the class token, as ours is.
    """
    width, patch = config["vision_width"], config["vision_patch_size"]
    patches = (config["image_resolution"] // patch) ** 2
    layers = tower_gflop(
        width, config["vision_layers"], patches + 1, last_layer_whole=last_layer_whole
    )
    return layers + 2 * (patches * 3 * patch**2 * width + width * config["embed_dim"]) / 1e9


def text_gflop(config: Mapping[str, int], tokens: float, *, last_layer_whole: bool) -> float:
    """The same for one text of ``tokens`` tokens, bos and eos included."""
    width = config["transformer_width"]
    layers = tower_gflop(
        width, config["transformer_layers"], tokens, last_layer_whole=last_layer_whole
    )
    return layers + 2 * width * config["embed_dim"] / 1e9


def tower_gflop(width: int, layers: int, tokens: float, *, last_layer_whole: bool) -> float:
    """10⁹ multiplications and additions of a transformer's layers for one sequence."""

    def layer(outputs: float) -> float:
        return 2 * width**2 * tokens + 10 * width**2 * outputs + 2 * width * tokens * outputs

    products = (layers - 1) * layer(tokens) + layer(tokens if last_layer_whole else 1)
    return 2 * products / 1e9


def matrix_products(
    config: Mapping[str, int],
    images: int,
    device: torch.device,
    dtype: torch.dtype,
    passes: int = 1,
) -> tuple[float, Callable[[], None]]:
    """torch.mm at the shapes of the image tower's layers: its GFLOP, and the function to time."""
    width = config["vision_width"]
    tokens = (config["image_resolution"] // config["vision_patch_size"]) ** 2 + 1
    rows = images * tokens
    shapes = [(width, 3 * width), (width, width), (width, 4 * width), (4 * width, width)]
    pairs = [
        (
            torch.randn(rows, inner, device=device, dtype=dtype),
            torch.randn(inner, outer, device=device, dtype=dtype),
        )
        for inner, outer in shapes
    ]
    times = passes * config["vision_layers"]
    gflop = times * sum(2 * rows * inner * outer for inner, outer in shapes) / 1e9

    def work() -> None:
        for _ in range(times):
            for one, other in pairs:
                torch.mm(one, other)
        synchronize(device)

    return gflop, work


def synchronize(device: torch.device) -> None:
    """Wait until the device has finished; work on a CPU is finished when it returns."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
