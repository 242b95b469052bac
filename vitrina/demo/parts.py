"""The parts that drawings of goods consist of: painted outlines."""

from dataclasses import dataclass
from typing import Literal

from vitrina.demo.assortment import RGB
from vitrina.demo.geometry import Outline

# fabric has the pattern; plain, dark and light are shades of the product's colour without it; print
# is the pattern's own colour.
Paint = Literal["fabric", "plain", "dark", "light", "print"] | RGB

WOOD: RGB = (188, 142, 96)
METAL: RGB = (172, 176, 182)
RUBBER: RGB = (236, 235, 230)
INK: RGB = (58, 56, 60)
GLOW: RGB = (255, 241, 200)
LEAF: RGB = (98, 146, 92)


@dataclass(frozen=True)
class Part:
    """One painted outline."""

    outline: Outline
    paint: Paint
