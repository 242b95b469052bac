"""Makes a plain ``import ruclip`` work in an environment with a CPU-only torch.

    python -m vitrina.model.torchvision_hook     installs it into this environment

The set-up does this once: a ``.pth`` file has every start of Python import this module, which waits
for the import of torchvision and declares the operators that its binary fails to register (see
``torchvision_shim``).
Neither torch nor anything else is imported before.
"""

import sys
import sysconfig
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

PTH = "vitrina_torchvision.pth"


class _BeforeTorchvision(MetaPathFinder):
    """Finds nothing; the first search for torchvision is the moment to declare its operators."""

    def find_spec(
        self,
        name: str,
        _path: Sequence[str] | None = None,
        _target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        if name == "torchvision":
            sys.meta_path.remove(self)
            from vitrina.model.torchvision_shim import declare_missing_operators

            declare_missing_operators()
        return None


def install() -> Path:
    """Write the ``.pth`` file of this environment; its path."""
    path = Path(sysconfig.get_path("purelib")) / PTH
    path.write_text(f"import {__spec__.name}\n", encoding="utf-8")
    return path


if __name__ == "__main__":
    print(install())
elif not any(isinstance(finder, _BeforeTorchvision) for finder in sys.meta_path):
    sys.meta_path.insert(0, _BeforeTorchvision())
