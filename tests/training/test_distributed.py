"""How the processes of a training divide a batch; tests/slow has several at once."""

import numpy as np
import pytest
import torch

from vitrina.model.hardware import Device
from vitrina.training import distributed
from vitrina.training.distributed import World, joined


@pytest.mark.parametrize(("rows", "size"), [(9, 2), (8, 4), (3, 5), (0, 2)])
def test_the_processes_slices_are_the_batch_in_order(rows: int, size: int) -> None:
    """Each row belongs to one process, in order, and the counts differ by at most one."""
    worlds = [World(rank, size) for rank in range(size)]
    slices = [np.arange(rows)[world.local_slice(rows)] for world in worlds]
    assert np.concatenate(slices).tolist() == list(range(rows))
    assert [len(own) for own in slices] == worlds[0].sizes(rows)
    assert max(map(len, slices)) - min(map(len, slices)) <= 1


def test_a_single_process_keeps_its_tensors_and_its_module() -> None:
    """Nothing is gathered, wrapped or waited for."""
    world, part, module = World(), torch.ones(3, 2), torch.nn.Linear(2, 2)
    assert world.is_main
    assert world.gather(part, 3) is part
    assert world.wrap(module) is module
    world.barrier()


def test_only_the_first_process_is_the_main_one() -> None:
    """It is the one that writes files."""
    assert [World(rank, 3).is_main for rank in range(3)] == [True, False, False]


def test_a_process_that_nobody_launched_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without torchrun's variables, or with a world of one, there is no process group."""
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with joined() as world:
        assert world == World()
    monkeypatch.setenv("WORLD_SIZE", "1")
    with joined() as world:
        assert world == World()
        assert not torch.distributed.is_initialized()


@pytest.mark.parametrize(
    ("device", "backend"), [("cpu", "gloo"), ("auto", "nccl"), ("cuda", "nccl")]
)
def test_on_a_machine_with_gpus_the_device_decides_the_backend(
    device: Device, backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NCCL moves tensors between GPUs only: a training on its CPUs needs gloo."""
    asked: list[object] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "set_device", asked.append)
    group = distributed.dist
    monkeypatch.setattr(
        distributed.dist, "init_process_group", lambda name, **_: asked.append(name)
    )
    monkeypatch.setattr(group, "get_rank", lambda: 1)
    monkeypatch.setattr(group, "get_world_size", lambda: 2)
    monkeypatch.setattr(group, "destroy_process_group", lambda: None)
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("LOCAL_RANK", "1")
    with joined(device) as world:
        assert world == World(1, 2)
    assert asked == ([1, backend] if backend == "nccl" else [backend])
