"""Streams and prefetching: order, memory and torch's threads."""

import threading

import pytest
import torch

from vitrina.embedding.parallel import batched, in_streams, one_by_one, prefetched


def test_streams_leave_torch_threads_as_they_were() -> None:
    """Streams of one thread each do not slow down what runs after them."""
    before = torch.get_num_threads()
    threads = set()

    def work(number: int) -> int:
        threads.add((threading.get_ident(), torch.get_num_threads()))
        return number * 2

    assert list(in_streams(work, range(20))) == [number * 2 for number in range(20)]
    assert before == 1 or all(count == 1 for _, count in threads)
    assert torch.get_num_threads() == before


def test_prefetching_keeps_order_and_stays_flat() -> None:
    """Lists of the size asked for, in order, never more than two lists loaded and not yet used."""
    started, used, most = [], 0, 0

    def load(number: int) -> int:
        started.append(number)
        return number

    for batch in prefetched(load, range(50), 4, threads=3):
        most = max(most, len(started) - used)
        assert batch == list(range(used, used + len(batch)))
        used += len(batch)
    assert used == 50
    assert most <= 12


def test_no_gradients_are_recorded_in_any_thread() -> None:
    """Inference mode is set per thread, and left alone outside the work."""

    def work(_: int) -> bool:
        return torch.is_inference_mode_enabled()

    assert all(in_streams(work, range(8)))
    assert all(one_by_one(work, range(2)))
    assert not torch.is_inference_mode_enabled()


def test_an_error_in_a_stream_is_raised_in_its_turn() -> None:
    """The results before it are yielded first."""

    def work(number: int) -> int:
        if number == 3:
            raise ValueError("number 3")
        return number

    results = in_streams(work, range(9))
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="number 3"):
        next(results)


def test_batches_hold_every_item_once() -> None:
    """The last one is shorter; nothing gives no batches."""
    assert batched([1, 2, 3, 4, 5], 2) == [[1, 2], [3, 4], [5]]
    assert batched([], 2) == []
