"""GradCache (Gao et al. 2021): gradients of a large contrastive batch in the memory of a small one.

The loss needs the features of the whole batch, but the backward pass through a tower needs only one
chunk and the gradient of the loss with respect to its features. So: compute the features of every
chunk without a graph, gather those of all processes, compute the loss and its gradient with respect
to the features, then run each chunk again and backpropagate its slice of that gradient. The result
equals one pass over the whole batch.
"""

from collections.abc import Callable, Sequence
from contextlib import nullcontext

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from vitrina.training.distributed import World

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]
Part = tuple[Tensor, Tensor]


def chunks(pixels: Tensor, ids: Tensor, size: int) -> list[Part]:
    """Split a batch into parts of at most ``size`` pairs, texts cut to each part's longest.

    ``size`` 0 keeps the whole batch.
    """
    if not size or size >= len(ids):
        return [(pixels, ids)]
    parts = zip(torch.split(pixels, size), torch.split(ids, size), strict=True)
    return [(image, _cut(text)) for image, text in parts]


def _cut(ids: Tensor) -> Tensor:
    if ids.is_floating_point():  # features of a frozen tower
        return ids
    return ids[:, : int((ids != 0).sum(dim=1).max())]


def backward(
    towers: nn.Module, loss: Loss, parts: Sequence[Part], rows: int, world: World
) -> Tensor:
    """Add the gradient of the loss over the whole batch to the parameters; returns the loss.

    ``towers`` (wrapped by the world) returns image features and text features, each float32
    (part, dim), and the factor of the cosines. ``parts`` are this process's chunks of the batch of
    ``rows`` pairs; the graph of a single part is kept, and nothing is computed twice. The loss, a
    scalar, is detached.
    """
    graphs = [towers(*parts[0])] if len(parts) == 1 else []
    features = graphs or _without_graph(towers, parts)
    image, text = (
        world.gather(torch.cat([chunk[tower].detach() for chunk in features]), rows)
        for tower in (0, 1)
    )
    leaves = [leaf.detach().requires_grad_() for leaf in (image, text, features[0][2])]
    value = loss(*leaves)
    image_gradient, text_gradient, scale_gradient = torch.autograd.grad(value, leaves)
    start = world.local_slice(rows).start
    for index, part in enumerate(parts):
        is_last = index == len(parts) - 1
        with nullcontext() if is_last else _no_sync(towers):
            outputs = graphs[index] if graphs else towers(*part)
            chunk = slice(start, start + len(part[1]))
            # The wrapper averages over the processes, but the sum over the batch is needed.
            gradients = [image_gradient[chunk] * world.size, text_gradient[chunk] * world.size]
            _backpropagate(outputs, [*gradients, scale_gradient] if is_last else gradients)
        start = chunk.stop
    return value.detach()


@torch.no_grad()
def _without_graph(towers: nn.Module, parts: Sequence[Part]) -> list[tuple[Tensor, ...]]:
    return [towers(*part) for part in parts]


def _no_sync(towers: nn.Module) -> "nullcontext[None]":
    """Keep the gradients of this process until the last chunk."""
    if isinstance(towers, DistributedDataParallel):
        return towers.no_sync()  # type: ignore[return-value]  # another context manager
    return nullcontext()


def _backpropagate(outputs: Sequence[Tensor], gradients: Sequence[Tensor]) -> None:
    """Run the backward pass from those outputs that need a gradient; a frozen tower's do not."""
    pairs = zip(outputs, gradients, strict=False)  # the factor's comes with the last part only
    needed = [(output, gradient) for output, gradient in pairs if output.requires_grad]
    torch.autograd.backward([output for output, _ in needed], [gradient for _, gradient in needed])
