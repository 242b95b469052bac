"""Parameters of exporting a model to ONNX."""

from pydantic import Field

from vitrina.config.parameters import Parameters


class ExportOnnxConfig(Parameters):
    """Export both towers of a run's model for ONNX Runtime."""

    output: str = Field("output", description="Folder of the pipeline's artifacts, local or s3://.")
    onnx_path: str = Field("onnx", description="Folder to write the export to, local or s3://.")
    check_rows: int = Field(
        200,
        ge=1,
        le=10_000,
        description="Listings of the run on which the export is compared with the model.",
    )
