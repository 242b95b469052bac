"""The arithmetic of results: known without torch where there is no GPU, and never claimed."""

import subprocess
import sys
from collections.abc import Callable
from types import SimpleNamespace

import pytest
import torch

from vitrina.config.embedding import EmbedConfig
from vitrina.config.evaluation import EvaluateConfig
from vitrina.config.training import TrainConfig
from vitrina.model import hardware, processor
from vitrina.model.device import choose
from vitrina.model.hardware import (
    device_type,
    embedding_arithmetic,
    training_arithmetic,
    training_precision,
)
from vitrina.model.tiny import TINY

Machine = Callable[[bool, bool], None]
BASE = 768  # the width of ruclip-vit-base's image tower


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Makes this a machine with or without a GPU, which computes in bfloat16 natively or not."""

    def make(gpu: bool, native: bool) -> None:
        monkeypatch.setattr(hardware, "has_gpu", lambda: gpu)
        monkeypatch.setattr(hardware, "has_native_bfloat16", lambda: native)

    return make


@pytest.mark.skipif(torch.version.cuda is not None, reason="torch is built for GPUs here")
def test_without_a_gpu_build_torch_is_not_imported() -> None:
    """A stored result is found in the time of a small import."""
    code = (
        "import sys\n"
        "from vitrina.config.embedding import EmbedConfig\n"
        "from vitrina.config.evaluation import EvaluateConfig\n"
        "from vitrina.config.training import TrainConfig\n"
        "from vitrina.model.hardware import embedding_arithmetic, training_arithmetic\n"
        "print(embedding_arithmetic(EmbedConfig()), embedding_arithmetic(EvaluateConfig()), "
        "training_arithmetic(TrainConfig()), 'torch' in sys.modules, sep=', ')"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "cpu float32, cpu float32, cpu float32, False"


def test_a_gpu_build_without_a_driver_has_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """The usual torch on a laptop: it is not asked, as its answer takes seconds."""
    hardware.has_gpu.cache_clear()
    monkeypatch.setattr("runpy.run_path", lambda _: {"cuda": "12.8", "hip": None})
    monkeypatch.setattr(hardware, "NVIDIA_DRIVER", "libno-such-driver.so.1")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: pytest.fail("torch was asked"))
    assert not hardware.has_gpu()
    hardware.has_gpu.cache_clear()


@pytest.mark.parametrize("build", [{"cuda": "12.8", "hip": None}, {"cuda": None, "hip": "6.4"}])
def test_a_gpu_build_with_a_driver_asks_torch(
    build: dict[str, str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """NVIDIA's driver is a library that loads; for AMD torch alone knows."""
    hardware.has_gpu.cache_clear()
    monkeypatch.setattr("runpy.run_path", lambda _: build)
    monkeypatch.setattr(hardware, "NVIDIA_DRIVER", "libc.so.6")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert hardware.has_gpu()
    hardware.has_gpu.cache_clear()


@pytest.mark.parametrize(("major", "native"), [(7, False), (8, True), (9, True)])
def test_bfloat16_counts_only_where_the_hardware_has_it(
    major: int, native: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """torch's own check says yes for the emulation of older GPUs too, which is slow."""
    hardware.has_native_bfloat16.cache_clear()
    monkeypatch.setattr(hardware, "has_gpu", lambda: True)
    monkeypatch.setattr(torch.version, "hip", None)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    properties = SimpleNamespace(major=major)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: properties)
    monkeypatch.setattr(torch.cuda, "_check_bf16_tensor_supported", lambda _: True)
    assert torch.cuda.is_bf16_supported()
    assert hardware.has_native_bfloat16() == native
    hardware.has_native_bfloat16.cache_clear()


@pytest.mark.parametrize("gpu", [True, False])
def test_auto_is_the_device_that_computes(
    gpu: bool, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key names the device that torch is then told to use."""
    machine(gpu, gpu)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    assert device_type("auto") == choose("auto").type
    assert device_type("cpu") == "cpu"


def test_on_a_cpu_auto_and_float32_are_the_same(machine: Machine) -> None:
    """Parameters that come to the same arithmetic find each other's results."""
    machine(False, False)
    for config in (EmbedConfig(), EmbedConfig(device="cpu"), EmbedConfig(precision="float32")):
        assert embedding_arithmetic(config) == "cpu float32"
    assert embedding_arithmetic(EvaluateConfig()) == "cpu float32"
    for train in (TrainConfig(), TrainConfig(device="cpu"), TrainConfig(precision="float32")):
        assert training_arithmetic(train) == "cpu float32"
    assert embedding_arithmetic(EmbedConfig(precision="int8")) == "cpu int8"
    assert training_arithmetic(TrainConfig(precision="bfloat16")) == "cpu bfloat16"


@pytest.mark.parametrize("faster", [False, True])
def test_on_a_cpu_training_uses_bfloat16_where_it_is_faster(
    faster: bool, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """auto follows the processor and the model's width; what is named is done anywhere."""
    machine(False, False)
    monkeypatch.setattr(processor, "prefers_bfloat16", lambda: faster)
    for config in (TrainConfig(), TrainConfig(device="cpu")):
        assert training_arithmetic(config) == ("cpu auto" if faster else "cpu float32")
        assert training_precision(config, BASE) == ("bfloat16" if faster else "float32")
        assert training_precision(config, TINY["vision_width"]) == "float32"
    named = TrainConfig(precision="bfloat16")
    assert training_precision(named, TINY["vision_width"]) == "bfloat16"
    assert training_arithmetic(TrainConfig(precision="float32")) == "cpu float32"
    assert training_arithmetic(TrainConfig(precision="bfloat16")) == "cpu bfloat16"


def test_on_an_older_gpu_auto_and_float32_are_the_same(machine: Machine) -> None:
    """It only emulates bfloat16, so auto never uses that."""
    machine(True, False)
    for config in (EmbedConfig(), EmbedConfig(device="cuda", precision="float32")):
        assert embedding_arithmetic(config) == "cuda float32"
    for train in (TrainConfig(), TrainConfig(device="cuda", precision="float32")):
        assert training_arithmetic(train) == "cuda float32"


def test_on_a_gpu_with_bfloat16_training_uses_it(machine: Machine) -> None:
    """The key names what is asked for, for the model's width is not known yet."""
    machine(True, True)
    assert training_arithmetic(TrainConfig()) == "cuda auto"
    assert training_precision(TrainConfig(), BASE) == "bfloat16"
    assert training_precision(TrainConfig(), TINY["vision_width"]) == "float32"
    assert training_arithmetic(TrainConfig(precision="bfloat16")) == "cuda bfloat16"
    assert training_arithmetic(TrainConfig(precision="float32")) == "cuda float32"
    assert training_arithmetic(TrainConfig(device="cpu")) == "cpu float32"


def test_on_a_gpu_with_bfloat16_the_model_decides_how_it_embeds(machine: Machine) -> None:
    """Which precision auto comes to follows from its vectors, so the key claims neither."""
    machine(True, True)
    assert embedding_arithmetic(EmbedConfig()) == "cuda auto"
    assert embedding_arithmetic(EvaluateConfig(device="cuda")) == "cuda auto"
    assert embedding_arithmetic(EmbedConfig(precision="bfloat16")) == "cuda bfloat16"
    assert embedding_arithmetic(EmbedConfig(device="cpu")) == "cpu float32"


def test_without_the_gpu_that_is_named_the_workers_decide(machine: Machine) -> None:
    """A machine that only hands out shards cannot know their precision, unless it is given."""
    machine(True, False)
    on_older_gpu = embedding_arithmetic(EmbedConfig(device="cuda"))
    machine(True, True)
    on_gpu = embedding_arithmetic(EmbedConfig(device="cuda"))
    machine(False, False)
    elsewhere = embedding_arithmetic(EmbedConfig(device="cuda"))
    assert len({on_older_gpu, on_gpu, elsewhere, "cuda float32", "cuda bfloat16"}) == 4
    assert training_arithmetic(TrainConfig(device="cuda")) == elsewhere
    given = EmbedConfig(device="cuda", precision="bfloat16")
    assert embedding_arithmetic(given) == "cuda bfloat16"
    assert training_arithmetic(TrainConfig(device="cuda", precision="float32")) == "cuda float32"


def test_a_training_on_ray_workers_is_not_said_to_be_on_this_cpu(machine: Machine) -> None:
    """With device auto they use their GPUs; torchrun's processes are on this machine."""
    machine(False, False)
    on_ray = TrainConfig(processes=2, launcher="ray")
    assert "cpu" not in training_arithmetic(on_ray)
    assert training_arithmetic(on_ray.model_copy(update={"device": "cpu"})) == "cpu float32"
    assert training_arithmetic(TrainConfig(processes=2)) == "cpu float32"
    assert training_arithmetic(TrainConfig(launcher="ray")) == "cpu float32"
