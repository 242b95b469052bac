"""What parameters are to a key."""

import pytest

from vitrina.config.catalog import CleanConfig
from vitrina.config.embedding import EmbedConfig
from vitrina.config.evaluation import EvaluateConfig
from vitrina.config.images import ResizeConfig
from vitrina.config.parameters import Parameters
from vitrina.config.pipeline import PipelineConfig
from vitrina.config.scripts import DataPreprocessingConfig, TrainModelConfig
from vitrina.config.training import TrainConfig


@pytest.mark.parametrize(
    "config", [CleanConfig, ResizeConfig, TrainConfig, EvaluateConfig, EmbedConfig]
)
def test_a_field_is_part_of_the_key_unless_it_is_listed(config: type[Parameters]) -> None:
    """A new option that somebody forgets to list computes again rather than reuse stale results."""
    fields = set(config.model_fields)
    assert fields >= config.OPERATIONAL, "a listed name is no field"
    assert set(config().content()) == fields - config.OPERATIONAL


def test_speed_and_place_are_in_no_key() -> None:
    """The same weights, vectors and images, however many threads and wherever."""
    assert TrainConfig(device="cpu", processes=2).content() == TrainConfig().content()
    assert EmbedConfig(batch_size=7, device="cpu").content() == EmbedConfig().content()
    assert ResizeConfig(threads=3).content() == ResizeConfig().content()


def test_what_changes_a_result_is_in_its_key() -> None:
    """Quality of images, rate of learning, templates of texts."""
    assert ResizeConfig(quality=90).content() != ResizeConfig().content()
    assert TrainConfig(lr=1e-3).content() != TrainConfig().content()
    assert EmbedConfig(templates="single").content() != EmbedConfig().content()


def test_a_catalogue_is_one_path_or_several_in_a_form() -> None:
    """The server checks a run's parameters by this schema; saved ones have a text."""
    kinds = [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]
    for config, name in (
        (PipelineConfig, "catalog"),
        (DataPreprocessingConfig, "file_path"),
        (TrainModelConfig, "file_path"),
    ):
        assert config.model_json_schema()["properties"][name]["anyOf"] == kinds
    for given in ("c.csv", ["c.csv"], ("c.csv",)):
        config = PipelineConfig.model_validate({"catalog": given, "images": "i"})
        assert config.catalog == ("c.csv",)
        assert PipelineConfig.model_validate(config.model_dump(mode="json")) == config


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"gate": {"metric": "unseen_queries_mrr"}}, "gate.metric is unseen_queries_mrr"),
        ({"train": {"select_by": "unseen_products_mrr"}}, "train.select_by is unseen_products_mrr"),
        ({"queries": "demo"}, "queries 'demo' are for the demo's catalogue"),
    ],
)
def test_metrics_of_queries_need_queries(changes: dict[str, object], said: str) -> None:
    """Refused by name before anything runs; with a table they are taken."""
    shop = {"catalog": "c.parquet", "images": "i"}
    with pytest.raises(ValueError, match=said):
        PipelineConfig.model_validate(shop | changes)
    with_queries = {"queries": "q.csv"} | changes
    if "demo" not in changes.values():
        assert PipelineConfig.model_validate(shop | with_queries).queries == ("q.csv",)


def test_a_form_shows_first_what_everybody_fills_in() -> None:
    """Catalogue, images, model, output; then the groups by what they are for; the rest last."""
    schema = PipelineConfig.model_json_schema()
    properties = schema["properties"]
    order = sorted(properties, key=lambda name: int(properties[name]["position"]))
    assert order[:7] == ["catalog", "images", "model", "output", "text", "queries", "clean"]
    assert order.index("report") < order.index("fetch") < order.index("refresh")
    assert order[-1] == "refresh"
    assert sorted(one["position"] for one in properties.values()) == list(range(len(order)))
    assert schema["$defs"]["TrainConfig"]["title"] == "Training"
    assert not [one for one in schema["$defs"].values() if one["title"].endswith("Config")]


@pytest.mark.parametrize(
    "config", [PipelineConfig, DataPreprocessingConfig, TrainModelConfig, CleanConfig]
)
def test_what_a_form_shows_last_are_fields(config: type[Parameters]) -> None:
    """A name that is no field any more is found."""
    assert set(config.FORM_LAST) <= set(config.model_fields)
