"""What a step consists of: order, same products, texts, images, the cache of decoded images."""

import queue
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import Dataset

from tests.support.small_training import catalogue, small_model
from vitrina.config import TrainConfig
from vitrina.images.load import read_image, square_image
from vitrina.model.model import load_folder
from vitrina.training.data import augment, sampler
from vitrina.training.data.batches import Batch, Steps, loader
from vitrina.training.data.pairs import pairs_from, sentences, training_text
from vitrina.training.data.pixels import image_keys, pixels_of, shared_pixels
from vitrina.training.distributed import World


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of the test's own."""
    monkeypatch.setenv("VITRINA_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@given(rows=st.integers(2, 500), size=st.integers(2, 64), seed=st.integers(0, 5))
@settings(max_examples=50, deadline=None)
def test_an_epoch_has_every_row_once_in_batches_of_even_size(
    rows: int, size: int, seed: int
) -> None:
    """No row is lost or seen twice, no batch is larger than asked or a straggler of one."""
    order, steps = sampler.shuffled(rows, seed, 3), sampler.steps_per_epoch(rows, size)
    batches = [sampler.batch(order, step, steps) for step in range(steps)]
    assert sorted(np.concatenate(batches)) == list(range(rows))
    sizes = {len(one) for one in batches}
    assert max(sizes) <= size
    assert max(sizes) - min(sizes) <= 1


def test_epochs_differ_and_a_seed_repeats_them() -> None:
    """The order is another in each epoch, and the same for the same seed and epoch."""
    assert not np.array_equal(sampler.shuffled(50, 0, 0), sampler.shuffled(50, 0, 1))
    assert np.array_equal(sampler.shuffled(50, 4, 1), sampler.shuffled(50, 4, 1))


def test_listings_of_one_product_are_spread_over_batches() -> None:
    """With same_products apart, no batch holds two of a group that fits in the batches."""
    groups = np.repeat(np.arange(400), [6 if group < 50 else 1 for group in range(400)])
    order = sampler.spread(groups, 0, 0)
    assert sorted(order) == list(range(len(groups)))
    steps = sampler.steps_per_epoch(len(groups), 32)
    batches = [sampler.batch(order, step, steps) for step in range(steps)]
    assert all(len(set(groups[one])) == len(one) for one in batches)
    plain = sampler.shuffled(len(groups), 0, 0)
    mixed = [sampler.batch(plain, step, steps) for step in range(steps)]
    assert not all(len(set(groups[one])) == len(one) for one in mixed)
    assert not np.array_equal(order, sampler.spread(groups, 0, 1))


def test_products_are_told_by_normalised_title_or_by_image() -> None:
    """Case and spaces make no other title; an equal image is the same product too."""
    table = pd.DataFrame(
        {
            "title": ["Платье  красное", "платье красное", "Сумка", "Чашка"],
            "image_path": ["a.jpg", "b.jpg", "c.jpg", "d.jpg"],
            "nm": [1, 2, 3, 4],
            "image_hash": ["a", "b", "c", "c"],
        }
    )
    products = pairs_from(table).products
    assert products[0, 0] == products[1, 0]
    assert products[2, 1] == products[3, 1]
    assert len(set(products[:, 0])) == 3
    assert len(set(products[:, 1])) == 3
    assert len(set(pairs_from(table.drop(columns="image_hash")).products[:, 1])) == 4


def test_sentences_that_say_nothing_are_left_out() -> None:
    """Short exclamations are no text for an image; a description of nothing else stays whole."""
    text = "Хлопок! Платье из мягкого хлопка. Очень лёгкое и удобное; носить летом."
    assert sentences(text) == ["Платье из мягкого хлопка.", "Очень лёгкое и удобное;"]
    assert sentences("Хлопок. Новое.") == ["Хлопок. Новое."]


def test_texts_follow_their_source() -> None:
    """Title, sentences of the description, or a mix of the chosen share, drawn anew each time."""
    description = "Первое предложение о товаре. Второе предложение о товаре."

    def drawn(**options: object) -> list[str]:
        config = TrainConfig(**options)
        return [
            training_text("Название", description, config, np.random.default_rng(seed))
            for seed in range(400)
        ]

    assert set(drawn()) == {"Название"}
    assert set(drawn(text_source="description")) == set(sentences(description))
    titles = drawn(text_source="both", description_share=0.25).count("Название")
    assert 0.68 < titles / 400 < 0.82
    config = TrainConfig(text_source="description")
    assert training_text("Название", " ", config, np.random.default_rng(0)) == "Название"


def steps_of(tmp_path: Path, **options: object) -> Steps:
    """The steps of a training on a small catalogue."""
    table = catalogue(tmp_path, 20)
    model = small_model(tmp_path, table)
    config = TrainConfig(batch_size=8, **options)
    pairs = pairs_from(table)
    return Steps(pairs, pixels_of(pairs, model, config.cache_gb), model, config, World())


def test_worker_processes_and_a_late_start_change_no_batch(tmp_path: Path) -> None:
    """Batch n is the same from two processes, in-line, and when an epoch is entered midway."""
    steps = steps_of(tmp_path, text_source="both", augment="light")
    inline = [steps[step] for step in range(len(steps))]
    made = list(loader(steps, range(2, len(steps)), workers=2))
    assert len(made) == len(inline) - 2
    for batch, expected in zip(made, inline[2:], strict=True):
        assert all(torch.equal(one, other) for one, other in zip(batch, expected, strict=True))
    assert not torch.equal(inline[0].pixels[0], steps.pixels[int(inline[0].rows[0])])


LOCK = threading.Lock()


class Locked(Dataset[Batch]):
    """Steps that take a lock of this module, as a logger or an S3 client takes its own."""

    def __init__(self, steps: Steps) -> None:
        self.steps = steps

    def __getitem__(self, step: int) -> Batch:
        with LOCK:
            return self.steps[step]


def test_a_lock_that_another_thread_holds_does_not_stop_the_workers(tmp_path: Path) -> None:
    """Prefect and S3 keep threads, whose locks a forked worker would find held for ever."""
    steps, made = steps_of(tmp_path), queue.SimpleQueue[list[Batch]]()
    with LOCK:
        load = threading.Thread(
            target=lambda: made.put(list(loader(Locked(steps), range(3), workers=1))), daemon=True
        )
        load.start()
        batches = made.get(timeout=120)
    assert all(torch.equal(one.ids, steps[step].ids) for step, one in enumerate(batches))


def test_processes_share_a_batch_without_loss(tmp_path: Path) -> None:
    """The parts of two processes side by side are the batch of one."""
    whole = steps_of(tmp_path)
    model = load_folder(tmp_path / "model")
    halves = [
        Steps(whole.pairs, whole.pixels, model, whole.config, World(rank, 2))[1]
        for rank in range(2)
    ]
    assert torch.equal(torch.cat([one.pixels for one in halves]), whole[1].pixels)
    assert all(torch.equal(one.rows, whole[1].rows) for one in halves)


def test_images_are_decoded_once_and_stay_what_they_were(tmp_path: Path, cache: Path) -> None:
    """A second look comes from the cache: equal to the first, and needing no file."""
    table = catalogue(tmp_path, 6)
    model, pairs = small_model(tmp_path, table), pairs_from(table)
    first = pixels_of(pairs, model, 1).stack(range(6))
    for path in table["image_path"]:
        Path(path).unlink()
    again = pixels_of(pairs, model, 1)
    assert torch.equal(again.stack(range(6)), first)
    (pixels,) = (cache / "pixels").glob("32-*/pixels")
    assert pixels.stat().st_size == 6 * 3 * 32 * 32


def test_the_cache_is_by_content_and_by_fit(tmp_path: Path) -> None:
    """Another image under the same path is decoded anew; each fit has its own pixels."""
    table = catalogue(tmp_path, 2)
    pairs = pairs_from(table)
    crop = small_model(tmp_path, table)
    pad = crop.with_clip(crop.clip)
    pad.config.update(resize_mode="longest")
    path = table["image_path"][0]
    for model, fit in ((pad, "longest"),):
        found = pixels_of(pairs, model, 1)[0].numpy()
        assert np.array_equal(found, square_image(read_image(path), 32, fit))
    other = pairs_from(table.assign(image_hash=["new", "other"]))
    Path(path).write_bytes(Path(table["image_path"][1]).read_bytes())
    assert torch.equal(pixels_of(other, pad, 1)[0], pixels_of(other, pad, 1)[1])


def test_without_hashes_a_changed_file_has_another_key(tmp_path: Path) -> None:
    """The key of an image without a hash follows its file's time and size."""
    table = catalogue(tmp_path, 3).drop(columns="image_hash")
    pairs = pairs_from(table)
    before = list(image_keys(pairs))
    assert len(set(before)) == 3
    Path(table["image_path"][1]).write_bytes(b"another")
    after = list(image_keys(pairs))
    assert [one == other for one, other in zip(before, after, strict=True)] == [True, False, True]


def test_training_and_validation_share_one_limit(tmp_path: Path) -> None:
    """Opening the second side's images does not throw out the first side's."""
    table = catalogue(tmp_path, 6)
    model = small_model(tmp_path, table)
    sides = [pairs_from(table[:4]), pairs_from(table[4:])]
    limit = 6 * 3 * 32 * 32 / 1e9
    first = [one.stack(range(len(one.paths))) for one in shared_pixels(sides, model, limit)]
    for path in table["image_path"]:
        Path(path).unlink()
    again = [one.stack(range(len(one.paths))) for one in shared_pixels(sides, model, limit)]
    assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))


def test_light_augmentation_keeps_the_image_recognisable() -> None:
    """Pixels change a little, stay uint8 in range, and follow the generator alone."""
    ramp = torch.arange(32, dtype=torch.uint8).mul(7).expand(3, 32, 32).contiguous()
    first = augment.light(ramp, np.random.default_rng(1))
    assert first.dtype == torch.uint8
    assert first.shape == ramp.shape
    assert torch.equal(first, augment.light(ramp, np.random.default_rng(1)))
    others = [augment.light(ramp, np.random.default_rng(seed)) for seed in range(20)]
    assert len({other.numpy().tobytes() for other in others}) == 20
    assert all((other.float().mean() - ramp.float().mean()).abs() < 25 for other in others)
