"""Where models come from."""

DEFAULT_MODEL = "ruclip-vit-base-patch32-384"


MODEL_SOURCES = "ruCLIP to start from: a name, a local or s3:// folder, or tiny (for trials)."
