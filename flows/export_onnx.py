"""Export both towers of a run's model for ONNX Runtime, which needs no torch.

    python flows/export_onnx.py --output output --onnx_path onnx

The export is compared with the model on listings of the run, and refused unless every vector has a
cosine above 0.9999 to the model's and the recall is the same. How to use it: docs/how-to/onnx.md.
"""

from importlib.util import find_spec

from flows.command import Command
from flows.main import script
from flows.run import run
from vitrina.config.onnx import ExportOnnxConfig
from vitrina.errors import UserError
from vitrina.onnx_export import export
from vitrina.onnx_export.folder import check_target
from vitrina.reporting.render import Section, terminal, terminal_table
from vitrina.results import OnnxResult
from vitrina.search.stored_run import find_run
from vitrina.store.files import check_writable
from vitrina.store.paths import to_path

PACKAGES = ("onnx", "onnxruntime", "onnxscript")


def export_onnx(config: ExportOnnxConfig) -> None:
    """Export, and show how it compares with the model."""
    outcome = export.export_onnx(config)
    terminal().print(terminal_table(comparison(outcome.result)))
    verb = "exported before" if outcome.found_in else "exported"
    print(f"{outcome.result.exported.model} {verb}: {outcome.result.folder}")


def comparison(result: OnnxResult) -> Section:
    """The lowest cosines, and the recall of both."""
    found = result.compared
    rows = [
        ("lowest cosine of texts", f"{found.text_cosine:.7f}", ""),
        ("lowest cosine of images", f"{found.image_cosine:.7f}", ""),
        *(
            (name.replace("_", " "), f"{recall:.4f}", f"{found.model_recall[name]:.4f}")
            for name, recall in found.recall.items()
        ),
    ]
    return Section(f"On {found.rows:,} listings", ("", "ONNX Runtime", "the model"), rows)


def check(config: ExportOnnxConfig) -> None:
    """Raise UserError if there is no run, the packages are missing, or the folder is in use."""
    if missing := [name for name in PACKAGES if find_spec(name) is None]:
        raise UserError(
            f"The export needs {', '.join(missing)}, which is not installed. Install it from the "
            "clone: pip install -c constraints.txt '.[onnx]'"
        )
    find_run(config.output)
    check_target(to_path(config.onnx_path))
    check_writable(to_path(config.onnx_path))


def main(config: ExportOnnxConfig) -> None:
    """Check that there is a run, then export."""
    run(export_onnx, config, check)


COMMAND = Command(ExportOnnxConfig, __doc__, main)

if __name__ == "__main__":
    script("flows.export_onnx")
