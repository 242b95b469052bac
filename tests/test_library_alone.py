"""The library without Prefect, as a notebook or a bare GPU machine has it."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.processes import ROOT

BLOCKED = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("prefect", "tasks", "flows"):
            raise ModuleNotFoundError(f"{name} is not installed here", name=name)

sys.meta_path.insert(0, Blocked())
"""

LIBRARY = """
from pathlib import Path

import numpy as np
from upath import UPath

from tests.support.shop import draw_shop
from vitrina import EmbeddingPipeline
from vitrina.catalog.table_fingerprint import table_fingerprint
from vitrina.config.evaluation import EvaluateConfig
from vitrina.config.training import TrainConfig
from vitrina.evaluation.measure import measure
from vitrina.model.folder import folder_fingerprint
from vitrina.model.hardware import training_arithmetic
from vitrina.model.model import load_folder
from vitrina.model.tiny import make_tiny
from vitrina.results import ModelResult, TableRef
from vitrina.store.paths import to_path
from vitrina.training.request import TrainingRequest, training_inputs
from vitrina.training.train import train_model

folder = Path(sys.argv[1])
table = draw_shop(folder / "shop", 40)
table.to_parquet(folder / "table.parquet")
make_tiny(table["title"], folder / "tiny")

path, base = to_path(folder / "table.parquet"), UPath(folder / "tiny")
ref = TableRef(path=str(path), fingerprint=table_fingerprint(path))
model = ModelResult(folder=str(base), fingerprint=folder_fingerprint(base))
config = TrainConfig(num_epochs=1, batch_size=8, lr=1e-3, device="cpu", cache_gb=0)
request = TrainingRequest(
    table=ref.path,
    model=model.folder,
    folder=str(folder / "trained"),
    inputs=training_inputs(ref, model, config, training_arithmetic(config)),
    config=config,
    project_name="alone",
)
trained, _ = train_model(request)

tuned = load_folder(Path(trained.model.folder))
found = measure(table, tuned, EvaluateConfig(device="cpu"), config.split())
assert 0 <= found.metrics["mean_recall_at_10"] <= 1

image, text = EmbeddingPipeline(trained.model.folder, device="cpu").get_embeddings(table)
assert image.shape == text.shape == (len(table), 64)
assert np.allclose(np.linalg.norm(image, axis=1), 1, atol=1e-5)
assert not {"prefect", "tasks", "flows"} & set(sys.modules)
print("alone")
"""


def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A program in a fresh Python of this environment."""
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_library_trains_measures_and_embeds_without_prefect(tmp_path: Path) -> None:
    """With imports of Prefect, tasks and flows blocked, everything works from a plain program."""
    done = run(BLOCKED + LIBRARY, str(tmp_path))
    assert done.stdout.endswith("alone\n"), done.stderr


@pytest.mark.parametrize("module", ["torch", "prefect", "pandas"])
def test_importing_the_package_costs_nothing(module: str) -> None:
    """``import vitrina`` loads neither torch nor Prefect nor pandas."""
    done = run(f"import sys, vitrina; print({module!r} in sys.modules)")
    assert done.stdout == "False\n", done.stderr
