"""The learning-rate schedule, a pure function of the step."""

import math


def learning_rate(step: int, steps: int, warmup: float, peak: float) -> float:
    """Linear warm-up to ``peak``, then a half cosine to zero (Loshchilov and Hutter 2017).

    Args:
        step: optimiser steps taken so far, from 0.
        steps: steps of the whole training.
        warmup: fraction of the steps, in [0, 1), in which the rate rises.
        peak: the highest rate; reached at the last step of the warm-up.

    No step has a rate of zero: the first one has ``peak / warm-up steps``.
    """
    rising = round(warmup * steps)
    if step < rising:
        return peak * (step + 1) / rising
    done = (step - rising) / max(1, steps - rising)
    return peak * 0.5 * (1 + math.cos(math.pi * done))
