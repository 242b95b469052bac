"""The page of all parameters of the pipeline, by group."""

from docs.tools.cells import page
from docs.tools.fields import field_table, is_group, plain_fields
from vitrina.config.parameters import Parameters
from vitrina.config.pipeline import PipelineConfig

INTRODUCTION = """# Parameters

All parameters of `vitrina run`. Each is an option of the command line (`--train.lr 3e-6`), a
line of a file of parameters (`--config shop.yaml`) and a field of the form in the Prefect UI. A
wrong name or value is refused before anything runs.

```yaml
catalog: export.csv
images: photos
train:
  lr: 3.0e-6
```

The scripts of one stage take its group without the prefix: `python flows/train_model.py --lr
3e-6`. Hyphens do as well as underscores. *Yes or no*: `--train.gradient_checkpointing`,
`--no-embed.find_batch_size`; `true` and `false` in a file. A list is written with spaces
(`--skip duplicates health`), in a file as a YAML list.

Parameters marked ° are in no [key](../explanation/caching.md): they change how the work is done,
not its result."""


def groups() -> dict[str, type[Parameters]]:
    """The pipeline's groups of parameters, by name."""
    kinds = {name: field.annotation for name, field in PipelineConfig.model_fields.items()}
    return {name: kind for name, kind in kinds.items() if is_group(kind)}


def parameters_page() -> str:
    """The page."""
    top = "## The run\n\n" + field_table(plain_fields(PipelineConfig))
    return page(INTRODUCTION, top, *(_section(*one) for one in groups().items()))


def _section(name: str, model: type[Parameters]) -> str:
    options = field_table(plain_fields(model), f"{name}.", model.OPERATIONAL)
    return f"## {name}\n\n{model.__doc__}\n\n{options}"
