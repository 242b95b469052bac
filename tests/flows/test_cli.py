"""Command lines: the seed's options, short answers to wrong use, files of parameters."""

import logging
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from prefect.logging.configuration import setup_logging

from flows.cli import options, parse, quiet_prefect, run, with_config_file
from vitrina.config import (
    DataPreprocessingConfig,
    GenerateEmbeddingsConfig,
    PipelineConfig,
    TrainModelConfig,
)
from vitrina.errors import UserError

PREPROCESSING = (
    "--file_path catalog.parquet --base_image_path images --processed_data_path processed "
    "--processed_images_path resized --default_image_size 384 384"
)
TRAINING = (
    "--file_path catalog.parquet --base_image_path images --processed_data_path processed.csv "
    "--model_save_path model --project_name fine-tuning-ruclip "
    "--num_epochs 2 --batch_size 32 --lr 1e-6"
)
EMBEDDING = (
    "--fine_tuned_model_path model.pth --processed_data_csv processed.csv "
    "--output_path embeddings.npz --batch_size 32"
)


@pytest.mark.parametrize("hyphens", [False, True])
def test_the_seed_s_command_lines_are_understood(hyphens: bool) -> None:
    """The three command lines of the seed document parse, with underscores or hyphens."""

    def written(line: str) -> list[str]:
        return [
            word.replace("_", "-") if hyphens and word.startswith("--") else word
            for word in line.split()
        ]

    first = parse(DataPreprocessingConfig, None, written(PREPROCESSING))
    assert (first.file_path, first.default_image_size) == ("catalog.parquet", (384, 384))
    second = parse(TrainModelConfig, None, written(TRAINING))
    assert (second.num_epochs, second.batch_size, second.lr) == (2, 32, 1e-6)
    third = parse(GenerateEmbeddingsConfig, None, written(EMBEDDING))
    assert (third.fine_tuned_model_path, third.output_path) == ("model.pth", "embeddings.npz")


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("--lr nan", "--lr: Input should be a finite number, got nan"),
        ("--batch_size 0", "--batch_size: Input should be greater than or equal to 2, got 0"),
        ("--batch_size abc", "--batch_size"),
        ("--device gpu", "Expected one of ('auto', 'cpu', 'cuda')"),
        ("--batch_siz 8", "Perhaps you meant: --batch_size"),
        ("--no_such_option", "Unrecognized options: --no_such_option"),
    ],
)
def test_a_wrong_option_is_answered_in_one_line(
    wrong: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, one line on standard error that names the option."""
    with pytest.raises(SystemExit) as stop:
        parse(TrainModelConfig, None, f"{TRAINING} {wrong}".split())
    printed = capsys.readouterr()
    assert stop.value.code == 2
    assert told in printed.err
    assert printed.err.count("\n") == 1
    assert printed.out == ""


def test_a_missing_option_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """What must be given and is not is listed, without its description."""
    with pytest.raises(SystemExit):
        parse(TrainModelConfig, None, ["--processed_data_path", "x.csv"])
    assert "Missing" in (error := capsys.readouterr().err)
    assert "--model_save_path STR" in error
    assert error.count("\n") == 1


def test_a_value_in_a_group_is_named_with_its_group(capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong value of the pipeline's training is told as --train.lr."""
    with pytest.raises(SystemExit):
        parse(PipelineConfig, None, ["--catalog", "c", "--images", "i", "--train.lr", "-1"])
    assert "--train.lr: Input should be greater than 0" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("--catalog demo --images i", "'demo' draws the catalogue and its images: give it"),
        (
            "--catalog c --images i --train.validation_fraction 0 --train.test_fraction 0",
            "set train.test_fraction above 0: models are compared on that part",
        ),
        (
            "--catalog c --images i --train.validation_fraction 0.6 --train.test_fraction 0.6",
            "--train.*: validation_fraction and test_fraction must sum to less than 1",
        ),
        (
            "--catalog c --images i --train.freeze image --train.augment light",
            "--train.*: freeze 'image' computes each image once: set augment to 'none'",
        ),
    ],
)
def test_values_that_do_not_go_together_are_told_without_the_rest(
    line: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One short line in the words of the check; the other parameters are not listed."""
    with pytest.raises(SystemExit) as stop:
        parse(PipelineConfig, None, line.split())
    error = capsys.readouterr().err
    assert stop.value.code == 2
    assert error.startswith(f"error: {told}")
    assert len(error) < 120


def test_help_shows_every_parameter(capsys: pytest.CaptureFixture[str]) -> None:
    """Help exits with 0 and lists the fields of all groups with the given description."""
    with pytest.raises(SystemExit) as stop:
        parse(PipelineConfig, "The whole way.", ["--help"])
    assert not stop.value.code
    printed = capsys.readouterr().out
    assert "The whole way." in printed
    for name in ("--catalog", "--train.lr", "--resize.default_image_size", "--embed.batch_size"):
        assert name in printed


def test_the_command_line_wins_over_the_file(tmp_path: Path) -> None:
    """A YAML file gives parameters, an option beside it replaces one of them."""
    file = tmp_path / "shop.yaml"
    file.write_text(
        yaml.safe_dump(
            {
                "catalog": "c.parquet",
                "images": "i",
                "refresh": True,
                "resize": {"default_image_size": [96, 64]},
                "train": {"lr": 1e-3, "num_epochs": 7},
            }
        )
    )
    arguments = ["--config", str(file), "--train.lr", "1e-5"]
    config = parse(PipelineConfig, None, arguments, default_file=file)
    assert (config.catalog, config.refresh) == ("c.parquet", True)
    assert config.resize.default_image_size == (96, 64)
    assert (config.train.lr, config.train.num_epochs) == (1e-5, 7)


def test_the_default_file_serves_when_no_catalogue_is_named(tmp_path: Path) -> None:
    """Without --config and --catalog the demo's file is read; with --catalog it is not."""
    demo = tmp_path / "demo.yaml"
    demo.write_text("catalog: demo\nimages: demo\nmodel: tiny\n")
    assert parse(PipelineConfig, None, [], default_file=demo).model == "tiny"
    own = ["--catalog", "c", "--images", "i"]
    assert with_config_file(own, default=demo) == (own, None)


def test_a_wrong_name_or_value_in_a_file_is_told_with_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The option as it would be on the command line, and where else parameters came from."""
    file = tmp_path / "shop.yaml"
    for content, told in (("trian: {lr: 1}", "--trian.lr"), ("train: {lr: -1}", "--train.lr: Inp")):
        file.write_text(f"catalog: c\nimages: i\n{content}\n")
        with pytest.raises(SystemExit):
            parse(PipelineConfig, None, ["--config", str(file)], default_file=file)
        error = capsys.readouterr().err
        assert told in error
        assert error.endswith(f"; parameters were read from {file} too\n")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("catalog: [", "is not YAML"),
        ("just a sentence", "holds no parameters"),
    ],
)
def test_a_wrong_file_is_named(
    tmp_path: Path, content: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that holds no parameters is refused by name with exit code 2."""
    file = tmp_path / "shop.yaml"
    file.write_text(content)
    with pytest.raises(SystemExit) as stop:
        with_config_file(["--config", str(file)], default=file)
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert "shop.yaml" in error
    assert told in error
    with pytest.raises(SystemExit):
        with_config_file(["--config", str(tmp_path / "absent.yaml")], default=file)
    assert "absent.yaml does not exist" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        with_config_file(["--config", str(tmp_path)], default=file)
    assert "is a folder, where a file was expected" in capsys.readouterr().err


class Records(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.kept.append(record)


def test_a_wrong_input_found_in_a_run_is_told_without_a_traceback() -> None:
    """Also once the run has set up its logging anew; another error keeps its traceback."""
    records, logger = Records(), logging.getLogger("prefect.flow_runs")
    with quiet_prefect():
        setup_logging(incremental=False)
        logger.addHandler(records)
        for error in (UserError("no such model"), KeyError("ours")):
            try:
                raise error
            except (UserError, KeyError):
                logger.exception("told")
        logger.removeHandler(records)
    assert [bool(one.exc_info) for one in records.kept] == [False, True]


@given(
    st.recursive(
        st.booleans() | st.integers() | st.text("абв xyz", min_size=1),
        lambda inner: st.dictionaries(st.sampled_from(["a", "b_c", "d"]), inner, max_size=3),
    ).filter(lambda value: isinstance(value, dict))
)
def test_every_leaf_of_a_file_becomes_one_option(content: dict[str, Any]) -> None:
    """As many options as leaves, each by its full name."""

    def leaves(value: Any) -> int:
        return sum(map(leaves, value.values())) if isinstance(value, dict) else 1

    assert sum(word.startswith("--") for word in options(content)) == leaves(content)


def test_wrong_input_exits_with_two_before_the_flow(capsys: pytest.CaptureFixture[str]) -> None:
    """A check that refuses the input is answered with its message, and the flow is not run."""

    def check(_: PipelineConfig) -> None:
        raise UserError("catalog.parquet does not exist.")

    def flow(_: PipelineConfig) -> None:
        raise AssertionError("the flow ran")

    with pytest.raises(SystemExit) as stop:
        run(flow, PipelineConfig(catalog="c", images="i"), check)
    assert stop.value.code == 2
    assert capsys.readouterr().err == "error: catalog.parquet does not exist.\n"
