"""The timers that tell the work of the pipeline's stages from overhead."""

from benchmarks.stopwatch import UI, PipelineTiming, stages_of
from flows import pipeline


def test_every_stage_of_the_pipeline_is_timed() -> None:
    """A stage without a timer would count as overhead."""
    names = {stage.fn.__name__ for stage in stages_of(pipeline)}
    assert names == {
        *("draw_demo", "prepare_model", "clean", "resize", "train"),
        *("evaluate", "promote", "embed", "report"),
    }


def test_overhead_is_what_the_stages_do_not_take() -> None:
    """UI artifacts are made in stages but count as overhead."""
    timing = PipelineTiming(10.0, 1.0, 0.5, {"clean": 2.0, "train": 3.0, UI: 1.0})
    assert timing.work == 4.0
    assert timing.overhead == 6.0
