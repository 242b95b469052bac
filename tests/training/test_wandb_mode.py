"""wandb is online only if wandb's own settings allow it, with a key and a server that answers."""

from pathlib import Path

import pytest

from vitrina.training import wandb_mode as module
from vitrina.training.wandb_mode import wandb_mode

KEY = {"WANDB_API_KEY": "0" * 40}


@pytest.fixture(autouse=True)
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder and home, without variables of wandb; any server answers."""
    for name in ("MODE", "API_KEY", "DISABLED", "CONFIG_DIR", "DIR", "BASE_URL"):
        monkeypatch.delenv(f"WANDB_{name}", raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setattr(module, "_answers", lambda _url: True)
    return tmp_path


@pytest.mark.parametrize(
    ("environment", "mode"),
    [
        ({}, "offline"),
        (KEY, "online"),
        ({"WANDB_API_KEY": "", "WANDB_MODE": ""}, "offline"),
        ({**KEY, "WANDB_MODE": ""}, "online"),
        ({**KEY, "WANDB_MODE": "online"}, "online"),
        ({**KEY, "WANDB_MODE": "run"}, "online"),
        ({**KEY, "WANDB_MODE": "offline"}, "offline"),
        ({**KEY, "WANDB_MODE": "dryrun"}, "offline"),
        ({**KEY, "WANDB_MODE": "Offline"}, "offline"),
        ({**KEY, "WANDB_MODE": "disabled"}, "disabled"),
        ({**KEY, "WANDB_MODE": "ofline"}, "disabled"),
        ({**KEY, "WANDB_DISABLED": "true"}, "disabled"),
        ({**KEY, "WANDB_DISABLED": "1", "WANDB_MODE": "online"}, "disabled"),
        ({**KEY, "WANDB_DISABLED": "false"}, "online"),
    ],
)
def test_the_variables_decide(
    environment: dict[str, str], mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key turns it on, WANDB_MODE and WANDB_DISABLED off; what is not understood does too."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert wandb_mode() == mode


@pytest.mark.parametrize("where", ["work/wandb/settings", "home/.config/wandb/settings", "config"])
@pytest.mark.parametrize(
    ("line", "mode"),
    [
        ("mode = offline", "offline"),
        ("mode = dryrun", "offline"),
        ("mode = disabled", "disabled"),
        ("disabled = true", "disabled"),
        ("mode = offline\nno_such_setting = 1", "offline"),
        ("mode = online", "online"),
    ],
)
def test_the_settings_files_decide(
    line: str, mode: str, where: str, surroundings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `wandb offline` and `wandb disabled` write them, here or in the home, also with a key."""
    file = surroundings / (where if where != "config" else "config/settings")
    if where == "config":
        monkeypatch.setenv("WANDB_CONFIG_DIR", str(file.parent))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"[default]\n{line}\n")
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    assert wandb_mode() == mode
    monkeypatch.setenv("WANDB_MODE", "online")
    assert wandb_mode() == "online"  # a variable counts for more than a file


def test_a_key_in_the_netrc_file_counts_for_its_server(
    surroundings: Path,
) -> None:
    """As `wandb login` stores it; a server named in a settings file is asked for its own key."""
    (surroundings / "netrc").write_text(f"machine api.wandb.ai login user password {'0' * 40}\n")
    assert wandb_mode() == "online"
    settings = surroundings / "work" / "wandb" / "settings"
    settings.parent.mkdir()
    settings.write_text("[default]\nbase_url = https://wandb.example\n")
    assert wandb_mode() == "offline"


def test_a_server_that_does_not_answer_makes_it_offline(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is asked only if the run would be online."""
    monkeypatch.setattr(module, "_answers", lambda _url: False)
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    monkeypatch.setenv("WANDB_BASE_URL", "https://wandb.example")
    assert wandb_mode() == "offline"
    assert "https://wandb.example does not answer, so wandb is offline" in caplog.text
    caplog.clear()
    monkeypatch.setenv("WANDB_MODE", "offline")
    assert wandb_mode() == "offline"
    assert caplog.text == ""
