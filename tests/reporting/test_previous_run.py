"""Which run is the one before."""

from pathlib import Path

from tests.support.report import pipeline_result
from tests.support.run_results import run_results
from vitrina.reporting.previous_run import STAGE, previous_key, read_previous
from vitrina.results import PipelineResult
from vitrina.store.artifacts import Store


def publish(store: Store, key: str, run: str, previous: str, result: object) -> None:
    """Store a report of a run."""
    artifact = store.artifact(STAGE, key)
    parameters = {"run": run, "previous": previous, "parameters": {"train.lr": 0.1}}
    assert isinstance(result, PipelineResult | dict)
    content = result.model_dump(mode="json") if isinstance(result, PipelineResult) else result
    artifact.publish(STAGE, key, [], parameters=parameters, result=content)
    store.point_latest(STAGE, key)


def test_the_run_before_is_the_last_other_run(tmp_path: Path) -> None:
    """None at first; when a report is written again, still the one before that run."""
    store, result = Store(root=str(tmp_path / "store")), pipeline_result(run_results(tmp_path))
    assert previous_key(store, "first") == ""
    assert read_previous(store, "") is None
    publish(store, "a", "first", "", result)
    assert previous_key(store, "first") == ""
    assert previous_key(store, "second") == "a"
    publish(store, "b", "second", "a", result)
    assert previous_key(store, "second") == "a"
    assert previous_key(store, "first") == "b"
    previous = read_previous(store, "a")
    assert previous is not None
    assert (previous.key, previous.parameters) == ("a", {"train.lr": 0.1})
    assert previous.result == result


def test_a_report_of_another_version_is_not_compared(tmp_path: Path) -> None:
    """Its results have another form."""
    store = Store(root=str(tmp_path))
    publish(store, "old", "first", "", {"resized": "?"})
    assert read_previous(store, "old") is None
    assert read_previous(store, "removed since") is None
