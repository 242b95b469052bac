"""A small run, and its model exported."""

import pytest

from tests.support.searched_run import SearchedRun, embedded_run
from vitrina.config.onnx import ExportOnnxConfig
from vitrina.onnx_export.export import export_onnx
from vitrina.results import OnnxResult
from vitrina.store.paths import to_path


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> SearchedRun:
    """Forty listings, embedded in six templates."""
    folder = tmp_path_factory.mktemp("exported")
    return embedded_run(to_path(folder / "output"), folder)


@pytest.fixture(scope="session")
def exported(shop: SearchedRun) -> OnnxResult:
    """Its model, exported beside the output."""
    folder = f"{shop.store.path.parent}/onnx"
    return export_onnx(ExportOnnxConfig(output=shop.store.root, onnx_path=folder)).result
