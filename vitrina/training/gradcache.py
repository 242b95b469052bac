"""Gradients of a large contrastive batch in the memory of a small one, on one or many processes.

The loss needs the features of the whole batch, but a tower needs only its own part and the gradient
of the loss by the features (GradCache, Gao et al. 2021). So: features of every chunk; those of all
processes side by side; the loss and its gradient by the features; then each chunk's graph is fed
its part of that gradient. The sums are those of one pass over the whole batch.
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
    """A batch in parts of at most ``size`` pairs (0: one part), texts cut to their longest."""
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
    """Add the gradient of the loss over the whole batch to the parameters; the loss, detached.

    ``towers`` (wrapped by the world) gives image features, text features, each float32
    (part, dim), and the factor of the cosines; ``parts`` are this process's chunks of the batch of
    ``rows`` pairs. With a single part its graph is kept and nothing is computed twice.
    """
    graphs = [towers(*parts[0])] if len(parts) == 1 else []
    features = graphs or _without_graph(towers, parts)
    image, text = (
        world.gather(torch.cat([one[side].detach() for one in features]), rows) for side in (0, 1)
    )
    leaves = [leaf.detach().requires_grad_() for leaf in (image, text, features[0][2])]
    value = loss(*leaves)
    by_image, by_text, by_factor = torch.autograd.grad(value, leaves)
    at = world.local_slice(rows).start
    for index, part in enumerate(parts):
        last = index == len(parts) - 1
        with nullcontext() if last else _unsynchronised(towers):
            outputs = graphs[index] if graphs else towers(*part)
            local_slice = slice(at, at + len(part[1]))
            # The wrapper averages over the processes, but a sum over the batch's rows is wanted.
            gradients = [by_image[local_slice] * world.size, by_text[local_slice] * world.size]
            _feed(outputs, [*gradients, by_factor] if last else gradients)
        at = local_slice.stop
    return value.detach()


@torch.no_grad()
def _without_graph(towers: nn.Module, parts: Sequence[Part]) -> list[tuple[Tensor, ...]]:
    return [towers(*part) for part in parts]


def _unsynchronised(towers: nn.Module) -> "nullcontext[None]":
    if isinstance(towers, DistributedDataParallel):
        return towers.no_sync()  # type: ignore[return-value]  # a context manager all the same
    return nullcontext()


def _feed(outputs: Sequence[Tensor], gradients: Sequence[Tensor]) -> None:
    """Give the gradients to the graphs of those outputs that have one."""
    both = zip(outputs, gradients, strict=False)  # the factor's comes with the last part only
    needed = [(output, gradient) for output, gradient in both if output.requires_grad]
    graphs, by_graph = [one for one, _ in needed], [one for _, one in needed]
    torch.autograd.backward(graphs, by_graph)
