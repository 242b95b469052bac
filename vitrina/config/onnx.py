"""Parameters of exporting a model to ONNX."""

from pydantic import Field

from vitrina.config.finished_run import FinishedRun


class ExportOnnxConfig(FinishedRun):
    """Export both towers of a run's model for ONNX Runtime."""

    onnx_path: str = Field("onnx", description="Folder to write the export to, local or s3://.")
    check_rows: int = Field(
        200,
        ge=1,
        le=10_000,
        description="Listings of the run on which the export is compared with the model.",
    )
