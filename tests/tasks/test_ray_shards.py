"""Which executors and launchers are refused, and which code a worker must have."""

import sys
from functools import partial

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings
from pydantic import ValidationError

from flows.commands.generate_embeddings import check
from tasks.embed import gpus_per_shard
from tasks.orchestration.executor import check_executor, check_launcher
from tasks.orchestration.ray_shards import shard_map, shard_task
from vitrina.catalog.normalize import normalize_text
from vitrina.config.embedding import EmbedConfig
from vitrina.config.images import ResizeConfig
from vitrina.config.pipeline import PipelineConfig
from vitrina.config.run_options import RunOptions
from vitrina.config.scripts import GenerateEmbeddingsConfig
from vitrina.config.training import TrainConfig
from vitrina.errors import UserError
from vitrina.images.resize_pool import resize_shard
from vitrina.store.code_version import code_version


@pytest.mark.parametrize("executor", ["dask", "ray://head", "ray://:10001", "Ray", ""])
def test_unknown_executor_is_refused_by_name(executor: str) -> None:
    """By every config that has one, with the values that were expected."""
    with pytest.raises(ValidationError, match=f"no executor '{executor}': expected threads"):
        RunOptions(executor=executor)
    shop = {"catalog": "demo", "images": "demo"}
    with pytest.raises(ValidationError, match="there is no executor"):
        PipelineConfig(**shop, executor=executor)
    assert RunOptions(executor="ray://head.example:10001").executor == "ray://head.example:10001"


def test_without_the_extra_ray_is_refused_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The error says how to install it; threads do not need it."""
    monkeypatch.setitem(sys.modules, "prefect_ray", None)
    paths = {"processed_data_csv": "absent.csv", "output_path": "absent.npz"}
    needed = r"needs Ray, .* pip install -c constraints.txt '\.\[ray\]'"
    with pytest.raises(UserError, match=f"executor: ray {needed}"):
        check(GenerateEmbeddingsConfig(**paths, executor="ray"))
    with pytest.raises(UserError, match=needed), shard_map("resize", "ray://head:10001"):
        pass
    with pytest.raises(UserError, match=f"launcher: ray {needed}"):
        check_launcher(TrainConfig(launcher="ray", processes=2))
    check_executor("threads")
    check_launcher(TrainConfig(launcher="ray"))


def test_workers_elsewhere_need_a_server_that_they_reach() -> None:
    """The Prefect server that this process starts is reached from this machine only."""
    with temporary_settings(restore_defaults={PREFECT_API_URL}):
        with pytest.raises(UserError, match="Set PREFECT_API_URL"):
            check_executor("ray://head.example:10001")
        check_executor("ray://127.0.0.1:10001")
    with temporary_settings({PREFECT_API_URL: "http://prefect.example/api"}):
        check_executor("ray://head.example:10001")


def test_where_shards_are_computed_is_in_no_key() -> None:
    """Another executor or another fraction of a GPU finds the same artifact."""
    config = GenerateEmbeddingsConfig(
        processed_data_csv="a", output_path="b.npz", executor="ray", num_gpus=0.5
    )
    assert config.part(EmbedConfig).content() == EmbedConfig().content()
    assert "executor" not in ResizeConfig.model_fields


def test_gpus_follow_the_device(caplog: pytest.LogCaptureFixture) -> None:
    """One on a GPU, none on a CPU, or the fraction asked for; unused GPUs of a cluster are told."""
    assert gpus_per_shard(EmbedConfig(device="cuda"), True) == 1
    assert gpus_per_shard(EmbedConfig(device="cuda"), False) == 1
    assert gpus_per_shard(EmbedConfig(device="cpu"), False) == 0
    assert gpus_per_shard(EmbedConfig(device="cuda", num_gpus=0.25), True) == 0.25
    assert not caplog.text
    assert gpus_per_shard(EmbedConfig(device="cpu"), True) == 0
    assert "set embed.device to cuda" in caplog.text


def test_worker_with_other_code_is_refused() -> None:
    """Its results would not be those that this run's key stands for."""
    work = partial(partial(resize_shard), [])
    with pytest.raises(UserError, match=r"version of vitrina\.images\.resize_pool:resize_shard"):
        shard_task.fn("resize", 0, work, "another version")


def test_worker_with_the_same_code_computes() -> None:
    """The result is that of the function."""
    version = code_version("vitrina.catalog.normalize:normalize_text")
    work = partial(normalize_text, " ваза ")
    assert shard_task.fn("clean", 0, work, version) == "ваза"
