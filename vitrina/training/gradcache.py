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

Loss = Callable[..., Tensor]
Part = tuple[Tensor, ...]  # of the pixels, of the ids, and of other ids


def chunks(inputs: Part, size: int) -> list[Part]:
    """Split a batch into parts of at most ``size`` pairs, texts cut to each part's longest.

    ``size`` 0 keeps the whole batch.
    """
    if not size or size >= len(inputs[1]):
        return [inputs]
    parts = zip(*(torch.split(one, size) for one in inputs), strict=True)
    return [(pixels, *map(_cut, ids)) for pixels, *ids in parts]


def _cut(ids: Tensor) -> Tensor:
    if ids.is_floating_point():  # features of a frozen tower
        return ids
    return ids[:, : int((ids != 0).sum(dim=1).max())]


def backward(
    towers: nn.Module, loss: Loss, parts: Sequence[Part], rows: int, world: World
) -> Tensor:
    """Add the gradient of the loss over the whole batch to the parameters; returns the loss.

    ``towers`` (wrapped by the world) returns image features, text features and, of parts with
    other ids, theirs, each float32 (part, dim), and the factor of the cosines; ``loss`` maps all of
    them to a scalar. ``parts`` are this process's chunks of the batch of ``rows`` pairs; the graph
    of a single part is kept, and nothing is computed twice. The loss is detached.
    """
    graphs = [towers(*parts[0])] if len(parts) == 1 else []
    features = graphs or _without_graph(towers, parts)
    gathered = [
        world.gather(torch.cat([chunk[kind].detach() for chunk in features]), rows)
        for kind in range(len(parts[0]))
    ]
    leaves = [leaf.detach().requires_grad_() for leaf in (*gathered, features[0][-1])]
    value = loss(*leaves)
    *of_features, of_scale = torch.autograd.grad(value, leaves)
    start = world.local_slice(rows).start
    for index, part in enumerate(parts):
        is_last = index == len(parts) - 1
        with nullcontext() if is_last else _no_sync(towers):
            outputs = graphs[index] if graphs else towers(*part)
            chunk = slice(start, start + len(part[1]))
            # The wrapper averages over the processes, but the sum over the batch is needed.
            gradients = [gradient[chunk] * world.size for gradient in of_features]
            _backpropagate(outputs, [*gradients, of_scale] if is_last else gradients)
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
