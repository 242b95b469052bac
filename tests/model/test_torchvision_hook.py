"""``import ruclip`` as the model card advises it, in the environment that the set-up made."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    "program",
    [
        "import ruclip; ruclip.CLIP",
        "import torch, ruclip; ruclip.CLIP",
        "import vitrina.model.model, ruclip; ruclip.CLIP",
        "import ruclip, vitrina.model.model; ruclip.CLIP",
    ],
)
def test_ruclip_is_imported_in_any_order(program: str, tmp_path: Path) -> None:
    """Alone, after torch, before and after Vitrina, from a folder of one's own."""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_start_of_python_imports_no_torch(tmp_path: Path) -> None:
    """The hook only waits; programs that never import torchvision pay nothing."""
    program = "import sys; assert not {'torch', 'torchvision'} & set(sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=False)
    assert done.returncode == 0
