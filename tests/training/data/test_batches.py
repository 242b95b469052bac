"""The batches of a training: the same in any process, from any step on."""

import queue
import threading

import pandas as pd
import pytest
import torch
from torch.utils.data import Dataset

from tests.support.typed_queries import small_queries
from vitrina.config.text import ListingConfig
from vitrina.config.training import TrainConfig
from vitrina.model.model import RuCLIP
from vitrina.training.data import batches as module
from vitrina.training.data.batches import (
    Batch,
    BatchDataset,
    augments,
    loader,
    worker_count,
)
from vitrina.training.data.pairs import pairs_from
from vitrina.training.data.pixels import pixels_of
from vitrina.training.data.queries import QuerySampler
from vitrina.training.distributed import World


def batches_of(table: pd.DataFrame, model: RuCLIP, **options: object) -> BatchDataset:
    """The batches of a training on 20 rows, with queries for them."""
    config = TrainConfig(batch_size=8, **options)
    pairs = pairs_from(table[:20])
    pixels = pixels_of(pairs, model, config.cache_gb)
    queries = QuerySampler(small_queries(table, 20).trained, pairs.groups)
    return BatchDataset(pairs, pixels, model, config, World(), queries)


def assert_same(one: Batch, other: Batch) -> None:
    """Every tensor of two batches is equal, those of queries too."""
    assert one.queries is not None
    assert other.queries is not None
    first, second = ([*batch[:-1], *batch.queries] for batch in (one, other))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.slow
def test_worker_processes_and_a_late_start_change_no_batch(
    table: pd.DataFrame, model: RuCLIP
) -> None:
    """Batch n is the same from two processes, in-line, and when an epoch is entered midway."""
    batches = batches_of(table, model, text_source="both", augment="light")
    inline = [batches[step] for step in range(len(batches))]
    loaded = list(loader(batches, range(2, len(batches)), workers=2))
    assert len(loaded) == len(inline) - 2
    for batch, expected in zip(loaded, inline[2:], strict=True):
        assert_same(batch, expected)
    assert not torch.equal(inline[0].pixels[0], batches.pixels[int(inline[0].rows[0])])


def test_a_late_start_without_workers_changes_no_batch(table: pd.DataFrame, model: RuCLIP) -> None:
    """A restart in mid-epoch loads the batches that an uninterrupted training would."""
    inline = list(loader(batches_of(table, model, augment="light"), range(6), workers=0))
    late = list(loader(batches_of(table, model, augment="light"), range(2, 6), workers=0))
    for batch, expected in zip(late, inline[2:], strict=True):
        assert_same(batch, expected)


LOCK = threading.Lock()


class Locked(Dataset[Batch]):
    """Batches that take a lock of this module, as a logger or an S3 client takes its own."""

    def __init__(self, batches: BatchDataset) -> None:
        self.batches = batches

    def __getitem__(self, step: int) -> Batch:
        with LOCK:
            return self.batches[step]


@pytest.mark.slow
def test_a_lock_that_another_thread_holds_does_not_stop_the_workers(
    table: pd.DataFrame, model: RuCLIP
) -> None:
    """Prefect and S3 keep threads, whose locks a forked worker would find held for ever."""
    batches, loaded = batches_of(table, model), queue.SimpleQueue[list[Batch]]()
    with LOCK:
        load = threading.Thread(
            target=lambda: loaded.put(list(loader(Locked(batches), range(3), workers=1))),
            daemon=True,
        )
        load.start()
        received = loaded.get(timeout=120)
    assert all(torch.equal(batch.ids, batches[step].ids) for step, batch in enumerate(received))


def test_processes_share_a_batch_without_loss(table: pd.DataFrame, model: RuCLIP) -> None:
    """The parts of two processes side by side are the batch of one."""
    whole = batches_of(table, model)
    halves = [
        BatchDataset(whole.pairs, whole.pixels, model, whole.config, World(rank, 2))[1]
        for rank in range(2)
    ]
    assert torch.equal(torch.cat([half.pixels for half in halves]), whole[1].pixels)
    assert all(torch.equal(half.rows, whole[1].rows) for half in halves)


def test_loading_takes_processes_beside_a_gpu_and_none_beside_a_busy_cpu(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """-1 chooses, eight at most; any other number is taken as it is."""
    cpu, gpu = torch.device("cpu"), torch.device("cuda")
    for cores, chosen in ((4, 4), (64, 8)):
        monkeypatch.setattr(module, "cpu_count", lambda cores=cores: cores)
        assert worker_count(-1, gpu) == chosen
        assert worker_count(-1, cpu) == 0
        assert [worker_count(3, device) for device in (cpu, gpu)] == [3, 3]


@pytest.mark.parametrize(
    ("changes", "trained", "augmented"),
    [
        ({}, False, True),
        ({}, True, False),
        ({"freeze": "image"}, False, False),
        ({"augment": "none"}, False, False),
        ({"augment": "light"}, True, True),
    ],
)
def test_auto_augments_for_a_model_that_was_never_trained(
    own_model: RuCLIP, changes: dict[str, str], trained: bool, augmented: bool
) -> None:
    """A model that knows something gains nothing by it; a frozen tower's images are read once."""
    if trained:
        with torch.no_grad():
            own_model.clip.logit_scale.add_(0.1)
    assert augments(TrainConfig.model_validate(changes), own_model) == augmented


def test_fields_are_left_out_by_seed_epoch_and_row(table: pd.DataFrame, model: RuCLIP) -> None:
    """The same from any process or step on; another epoch leaves out others; nothing else moves."""
    rows = table[:20].assign(thing="вещь")
    listing = ListingConfig(text="{title} {thing}")
    config = TrainConfig(batch_size=20, num_epochs=2, field_dropout=0.5, text_source="both")
    pairs = pairs_from(rows, listing)
    pixels = pixels_of(pairs, model, config.cache_gb)
    first, again = (BatchDataset(pairs, pixels, model, config, World()) for _ in range(2))
    assert [first._text(row, 1) for row in range(20)] == [again._text(row, 1) for row in range(20)]
    assert [first._text(row, 0) for row in range(20)] != [first._text(row, 1) for row in range(20)]
    whole = BatchDataset(
        pairs, pixels, model, config.model_copy(update={"field_dropout": 0}), World()
    )
    left = 0
    for row in range(20):
        text, full = first._text(row, 0), whole._text(row, 0)
        assert text in (full, full.removesuffix(" вещь"))  # a sentence of the description stays one
        left += text != full
    assert 0 < left < 20
