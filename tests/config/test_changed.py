"""Parameters that differ from their defaults."""

from vitrina.config.changed import changed_parameters
from vitrina.config.pipeline import PipelineConfig


def config(**values: object) -> PipelineConfig:
    """Parameters of the pipeline."""
    return PipelineConfig.model_validate({"catalog": "c.csv", "images": "i"} | values)


def test_defaults_and_required_fields_are_left_out() -> None:
    """Nothing is changed by naming the catalogue, nor by giving a default."""
    assert changed_parameters(config(), ("images",)) == {}
    assert changed_parameters(config(train={"num_epochs": 2}), ("images",)) == {}


def test_groups_give_dotted_names_in_the_order_of_the_fields() -> None:
    """As on the command line, with JSON values."""
    given = config(train={"lr": 0.1, "num_epochs": 9}, skip=["health"], gate={"margin": 0.1})
    assert list(changed_parameters(given, ("images",)).items()) == [
        ("skip", ["health"]),
        ("train.num_epochs", 9),
        ("train.lr", 0.1),
        ("gate.margin", 0.1),
    ]


def test_what_changes_no_result_can_be_left_out() -> None:
    """Where it runs and how fast, in each group."""
    given = config(executor="ray", refresh=True, train={"device": "cpu"}, embed={"batch_size": 7})
    assert len(changed_parameters(given, ("images",))) == 4
    assert changed_parameters(given, ("images",), content_only=True) == {}
