"""What a command imports before it knows that there is work for it."""

import subprocess
import sys

import pytest

from tests.support.processes import ROOT

HEAVY = (
    *("torch", "transformers", "scipy", "sklearn", "matplotlib", "lancedb", "aiohttp", "ray"),
    *("wandb", "pyarrow.dataset", "prefect.server", "docker"),
)


@pytest.mark.parametrize(
    "flow", ["data_preprocessing", "train_model", "generate_embeddings", "pipeline", "search"]
)
def test_a_flow_imports_nothing_heavy(flow: str) -> None:
    """Each of these takes tenths of a second, and a run that finds everything stored uses none."""
    program = f"import sys, flows.{flow}; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stdout == "[]\n", done.stderr
