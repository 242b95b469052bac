"""The demo stage as a task."""

from upath import UPath

from tasks.draw_demo import draw_demo
from vitrina.config.run_options import RefreshOption
from vitrina.results import DemoResult
from vitrina.store.artifacts import Store
from vitrina.store.files import listing, remove
from vitrina.store.paths import to_path


def test_the_demo_is_drawn_once_into_a_folder_or_a_bucket(place: UPath) -> None:
    """The files are the same wherever they are; another run finds them; a lost one is redrawn."""
    store, options = Store(root=str(place)), RefreshOption()
    drawn = draw_demo.fn(store, options, products=20)
    result = drawn.result
    assert not drawn.found_in
    assert isinstance(result, DemoResult)
    again = draw_demo.fn(store, options, products=20)
    assert again.found_in
    assert again.result == result
    assert to_path(result.catalog).name == "catalog.parquet"
    images = dict(listing(to_path(result.images)))
    assert result.rows == 20
    assert 17 <= sum("_2" not in name for name in images) <= 20
    remove([to_path(result.images) / next(iter(images))])
    redrawn = draw_demo.fn(store, options, products=20)
    assert not redrawn.found_in
    assert redrawn.result == result
    assert dict(listing(to_path(result.images))).keys() == images.keys()
