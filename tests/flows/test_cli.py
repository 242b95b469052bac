"""Command lines: the seed's options, short answers to wrong use, files of parameters."""

import logging
import tempfile
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from prefect.logging.configuration import setup_logging

from flows.cli import parse
from flows.prefect_run import prefect_logs
from flows.run import run
from vitrina.config.images import ResizeConfig
from vitrina.config.pipeline import PipelineConfig
from vitrina.config.scripts import (
    DataPreprocessingConfig,
    GenerateEmbeddingsConfig,
    TrainModelConfig,
)
from vitrina.config.training import TrainConfig
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
    assert (first.file_path, first.default_image_size) == (("catalog.parquet",), (384, 384))
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
        ("--catalog demo --images i", "'demo' draws a catalogue with its images: give it for both"),
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
    config = parse(PipelineConfig, None, arguments, demo=file)
    assert (config.catalog, config.refresh) == (("c.parquet",), True)
    assert config.resize.default_image_size == (96, 64)
    assert (config.train.lr, config.train.num_epochs) == (1e-5, 7)


def test_the_demo_s_file_serves_when_it_is_asked_for(tmp_path: Path) -> None:
    """With --demo, or no argument at all, its file is read; with --catalog it is not."""
    demo = tmp_path / "demo.yaml"
    demo.write_text("catalog: demo\nimages: demo\nmodel: tiny\n")
    assert parse(PipelineConfig, None, [], demo=demo).model == "tiny"
    assert parse(PipelineConfig, None, ["--demo", "--output", "o"], demo=demo).output == "o"
    own = parse(PipelineConfig, None, ["--catalog", "c", "--images", "i"], demo=demo)
    assert own == PipelineConfig(catalog="c", images="i")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("--output o", "no catalogue is named. Give --catalog and --images, or --config"),
        ("--catalg x", "no option --catalg: did you mean --catalog?"),
        ("--demo --catalog c --images i", "--demo draws its own catalogue"),
        ("--demo --config shop.yaml", "--demo draws its own catalogue"),
    ],
)
def test_the_demo_never_runs_by_accident(
    tmp_path: Path, line: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Options without a catalogue are refused, and the demo beside one."""
    with pytest.raises(SystemExit, match="2"):
        parse(PipelineConfig, None, line.split(), demo=tmp_path / "demo.yaml")
    assert told in capsys.readouterr().err


def test_a_catalogue_may_be_several_paths(tmp_path: Path) -> None:
    """On the command line, and in a file as a text or a list; one is written as a text again."""
    one, several = tmp_path / "one.yaml", tmp_path / "several.yaml"
    one.write_text("catalog: a.csv\nimages: i\n")
    several.write_text("catalog:\n- a.csv\n- b.csv\nimages: i\n")
    read = [parse(PipelineConfig, None, ["--config", str(file)], file) for file in (one, several)]
    given = parse(PipelineConfig, None, ["--catalog", "a.csv", "b.csv", "--images", "i"], one)
    assert [config.catalog for config in read] == [("a.csv",), ("a.csv", "b.csv")]
    assert given == read[1]
    assert [config.model_dump(mode="json")["catalog"] for config in read] == [
        "a.csv",
        ["a.csv", "b.csv"],
    ]


def test_a_catalogue_that_is_no_path_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """An option without a value, and a delimiter or an encoding that there is not."""
    line = "--file_path {} --base_image_path i --processed_data_path p --processed_images_path q"
    for path, options, told in (
        ("", "", "--file_path: expected a path or a list of paths"),
        (
            "c.csv",
            " --catalog_delimiter ;;",
            "--catalog_delimiter: expected auto, comma, semicolon",
        ),
        ("c.csv", " --catalog_encoding klingon", "--catalog_encoding: unknown encoding"),
    ):
        with pytest.raises(SystemExit) as stop:
            parse(DataPreprocessingConfig, None, (line.format(path) + options).split())
        assert stop.value.code == 2
        assert told in capsys.readouterr().err


def test_what_a_file_lacks_is_for_the_options_to_give(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A required parameter stands in the file or on the command line; in neither, it is named."""
    file = tmp_path / "shop.yaml"
    file.write_text("images: i\ntrain:\n  lr: 0.001\n")
    config = ["--config", str(file)]
    assert parse(PipelineConfig, None, [*config, "--catalog", "c"], file).catalog == ("c",)
    with pytest.raises(SystemExit):
        parse(PipelineConfig, None, config, demo=file)
    assert "--catalog" in capsys.readouterr().err


def test_a_line_without_a_value_is_the_default(tmp_path: Path) -> None:
    """YAML reads it as null, which is neither the text None nor an error."""
    file = tmp_path / "shop.yaml"
    file.write_text("catalog: c\nimages: i\ntraining_deployment:\ntrain:\n")
    config = parse(PipelineConfig, None, ["--config", str(file)], demo=file)
    assert config == PipelineConfig(catalog="c", images="i")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("catalog: [", "is not YAML"),
        ("just a sentence", "has no parameters: expected lines such as"),
        ("trian: {lr: 1}", "there is no parameter trian. Did you mean train?"),
        ("train: {lrr: 1}", "there is no parameter train.lrr. Did you mean train.lr?"),
        ("xyz: 1", "there is no parameter xyz. Known: catalog, images, model"),
        ("train: {lr: -1}", "train.lr: Input should be greater than 0"),
        ("train: 3", "train is a group of parameters"),
        ("train: {num_epochs: [1]}", "train.num_epochs: Input should be a valid integer"),
        ("catalog:", "catalog: expected a path or a list of paths"),
        (
            "train: {validation_fraction: 0.6, test_fraction: 0.6}",
            "train: validation_fraction and test_fraction must sum to less than 1",
        ),
    ],
)
def test_a_wrong_file_is_named_with_what_is_wrong_in_it(
    tmp_path: Path, content: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2 and one line: the file, the parameter, and the nearest name of an unknown one."""
    file = tmp_path / "shop.yaml"
    file.write_text(content)
    with pytest.raises(SystemExit) as stop:
        parse(PipelineConfig, None, ["--config", str(file)], demo=file)
    error = capsys.readouterr().err
    assert stop.value.code == 2
    assert error.startswith(f"error: {file}")
    assert told in error
    assert error.count("\n") == 1


def test_a_file_that_is_not_there_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A missing file and a folder are refused by name with exit code 2."""
    for path, told in (
        (tmp_path / "absent.yaml", "absent.yaml does not exist"),
        (tmp_path, "is a folder, where a file was expected"),
    ):
        with pytest.raises(SystemExit) as stop:
            parse(PipelineConfig, None, ["--config", str(path)], demo=tmp_path)
        assert stop.value.code == 2
        assert told in capsys.readouterr().err


class Records(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.kept.append(record)


def test_a_wrong_input_found_in_a_run_is_told_by_the_last_line_alone() -> None:
    """Also after the run has set up its logging; another error is logged with its traceback."""
    records, logger = Records(), logging.getLogger("prefect.flow_runs")
    with prefect_logs():
        setup_logging(incremental=False)
        logger.addHandler(records)
        for error in (UserError("no such model"), KeyError("ours")):
            try:
                raise error
            except (UserError, KeyError):
                logger.exception("told")
        logger.removeHandler(records)
    assert [str(one.exc_info[1]) for one in records.kept if one.exc_info] == ["'ours'"]
    assert len(records.kept) == 1


@given(
    st.builds(
        TrainConfig,
        lr=st.floats(1e-9, 1),
        num_epochs=st.integers(1, 10**6),
        text_source=st.sampled_from(["title", "description", "both"]),
        gradient_checkpointing=st.booleans(),
    ),
    st.tuples(st.integers(1, 10_000), st.integers(1, 10_000)),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1),
)
def test_a_dumped_config_reads_back_the_same(
    train: TrainConfig, size: tuple[int, int], name: str
) -> None:
    """Any parameters, written as YAML and given as --config, come back as they were."""
    config = PipelineConfig(
        catalog=name, images=f"{name}i", train=train, resize=ResizeConfig(default_image_size=size)
    )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "shop.yaml"
        file.write_text(yaml.safe_dump(config.model_dump(mode="json")), encoding="utf-8")
        assert parse(PipelineConfig, None, ["--config", str(file)], demo=file) == config


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


def test_a_file_in_no_bucket_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """--config takes a path as every option does."""
    with pytest.raises(SystemExit, match="2"):
        parse(PipelineConfig, "", ["--config", "s3:///shop.yaml"], Path("demo.yaml"))
    assert capsys.readouterr().err.startswith("error: 's3:///shop.yaml' names no bucket")


def test_a_bucket_that_does_not_exist_is_refused_before_the_check(
    bucket: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the front of every command line, whatever the command."""

    def never(_config: PipelineConfig) -> None:
        raise AssertionError

    config = PipelineConfig(catalog="demo", images="demo", output=f"{bucket}-absent/shop")
    with pytest.raises(SystemExit, match="2"):
        run(never, config, never)
    told = capsys.readouterr().err
    assert "there is no bucket" in told
    assert told.count("\n") == 1
