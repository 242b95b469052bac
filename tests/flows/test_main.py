"""The command ``vitrina``: its list of commands, and that answers need no Prefect."""

import re
import subprocess
import sys
from importlib import import_module

import pytest

from flows.command import Command
from flows.main import COMMANDS, main, overview
from flows.short_help import FILES
from tests.support.command_line import FLOWS
from vitrina.config.parameters import Parameters

HEAVY = ("prefect", "torch", "sklearn", "matplotlib", "pandas", "scipy", "fastapi", "httpx")
TABLES = ("numpy", "pyarrow")  # what a look at the input needs, and nothing before it


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_in_the_list(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Its first line stands in the list, and its own help shows its options."""
    module = import_module(COMMANDS[name])
    assert isinstance(module.COMMAND, Command)
    summary = module.COMMAND.description.partition("\n")[0]
    assert f"  {name:<12} {summary}" in overview().splitlines()
    with pytest.raises(SystemExit) as stop:
        main([name, "--help-all"])
    assert not stop.value.code
    assert f"usage: vitrina {name}" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["run", "preprocess", "train", "embed"])
def test_help_shows_the_options_that_people_use_first(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """About ten of them, each with its description; and where the others are."""
    command: Command[Parameters] = import_module(COMMANDS[name]).COMMAND
    main([name, "--help"])
    printed = capsys.readouterr().out
    shown = re.findall(r"^  --([\w.]+)", printed, flags=re.MULTILINE)
    assert tuple(shown) == command.first
    assert 8 <= len(shown) <= 12
    assert f"vitrina {name} --help-all lists the other " in printed
    assert max(map(len, printed.splitlines())) <= 100
    with pytest.raises(SystemExit):
        main([name, "--help-all"])
    everything = capsys.readouterr().out
    assert all(f"--{option}" in everything for option in shown if option not in FILES)


def test_no_command_shows_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    """Alone, with --help and as a word."""
    for arguments in ([], ["--help"], ["help"]):
        main(arguments)
        assert capsys.readouterr().out.startswith("usage: vitrina COMMAND")


def test_a_misspelt_command_is_answered_with_the_nearest(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Exit code 2, in one line."""
    with pytest.raises(SystemExit, match="2"):
        main(["serach", "кружка"])
    assert capsys.readouterr().err == "error: there is no command 'serach'. Did you mean search?\n"


@pytest.mark.parametrize(
    ("script", "options"),
    [
        ("pipeline.py", "--help"),
        ("pipeline.py", "--catalog absent.parquet --images absent"),
        ("pipeline.py", "--demo --train.lr 5"),
        ("data_preprocessing.py", "--help"),
        (
            "data_preprocessing.py",
            "--file_path absent.parquet --base_image_path i --processed_data_path p "
            "--processed_images_path r",
        ),
        ("train_model.py", "--processed_data_path absent.csv --model_save_path m"),
        ("generate_embeddings.py", "--processed_data_csv absent.csv --output_path e.npz"),
        ("roll_back.py", "--output absent"),
        ("search.py", "кружка --output absent"),
        ("push.py", "--output absent"),
        ("export_onnx.py", "--output absent"),
        ("prune.py", "--output absent"),
    ],
)
def test_help_and_refusals_import_nothing_heavy(script: str, options: str) -> None:
    """Neither Prefect nor torch nor pandas: a person waits for the answer."""
    imported = imports(script, options, code=0 if options == "--help" else 2)
    assert "tyro" in imported
    assert not imported & set(HEAVY)


@pytest.mark.parametrize(
    ("script", "options"),
    [
        *((f"{name}.py", "--help") for name in ("pipeline", "data_preprocessing", "train_model")),
        ("generate_embeddings.py", "--help"),
        ("pipeline.py", "--demo --train.lr 5"),
        ("train_model.py", "--processed_data_path absent.csv"),
    ],
)
def test_help_and_a_refused_option_import_nothing_that_reads_tables(
    script: str, options: str
) -> None:
    """That comes once the options are known to be right."""
    imported = imports(script, options, code=0 if options == "--help" else 2)
    assert "tyro" in imported
    assert not imported & {*HEAVY, *TABLES}


def imports(script: str, options: str, code: int) -> set[str]:
    """The modules that a script imports, which is to end with this exit code."""
    line = [sys.executable, "-X", "importtime", str(FLOWS / script), *options.split()]
    done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == code, done.stderr[-2000:]
    return {
        row.rpartition("|")[2].strip()
        for row in done.stderr.splitlines()
        if row.startswith("import time:")
    }
