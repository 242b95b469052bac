"""The timers that tell the work of the pipeline's stages from overhead."""

from importlib import import_module
from pkgutil import iter_modules

import tasks
from benchmarks.stopwatch import UI, PipelineTiming, stages_of
from flows import pipeline

ELSEWHERE = {"prepare_checkpoint", "classify"}  # stages of other flows alone


def test_every_stage_of_the_pipeline_is_timed() -> None:
    """A stage without a timer would count as overhead."""
    timed = {stage.fn.__name__ for stage in stages_of(pipeline)}
    modules = [import_module(f"tasks.{one.name}") for one in iter_modules(tasks.__path__)]
    defined = {stage.fn.__name__ for module in modules for stage in stages_of(module)}
    assert timed == defined - ELSEWHERE


def test_overhead_is_what_the_stages_do_not_take() -> None:
    """UI artifacts are made in stages but count as overhead."""
    timing = PipelineTiming(10.0, 1.0, 0.5, {"clean": 2.0, "train": 3.0, UI: 1.0})
    assert timing.work == 4.0
    assert timing.overhead == 6.0
