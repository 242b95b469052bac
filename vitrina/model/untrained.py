"""Telling a model with random weights from one that has learned something."""

import math

from vitrina.model.model import ruclip

# ruclip's initial value (Radford et al. 2021, 2.5), from which every training moves it.
INITIAL_LOGIT_SCALE = math.log(1 / 0.07)


def is_untrained(clip: ruclip.CLIP) -> bool:
    """Whether a model was never trained: its factor of the cosines is the initial one."""
    return abs(float(clip.logit_scale.detach()) - INITIAL_LOGIT_SCALE) < 1e-6
