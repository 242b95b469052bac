"""A small shop to try Vitrina on: nothing is committed that this package can draw."""

from tasks.demo.catalog import DemoFacts, draw_catalog
from tasks.demo.stage import DemoResult, draw_demo

__all__ = ["DemoFacts", "DemoResult", "draw_catalog", "draw_demo"]
