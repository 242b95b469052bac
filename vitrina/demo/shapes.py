"""The function that draws each kind of goods."""

from collections.abc import Callable
from random import Random

from vitrina.demo.home_goods import chair, clock, lamp, mug, pillow, teapot, vase
from vitrina.demo.parts import Part
from vitrina.demo.worn_goods import backpack, bag, ball, dress, hat, sneakers, tshirt, umbrella

SHAPES: dict[str, Callable[[Random], list[Part]]] = {
    "кружка": mug,
    "чайник": teapot,
    "ваза": vase,
    "лампа": lamp,
    "подушка": pillow,
    "стул": chair,
    "часы": clock,
    "платье": dress,
    "футболка": tshirt,
    "шапка": hat,
    "кроссовки": sneakers,
    "сумка": bag,
    "рюкзак": backpack,
    "зонт": umbrella,
    "мяч": ball,
}
