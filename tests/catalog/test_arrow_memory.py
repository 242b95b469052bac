"""Arrow's allocator while tables stream."""

import pyarrow as pa
import pytest

from vitrina.catalog.arrow_memory import flat_memory


def test_the_allocator_is_the_systems_within_the_block_only() -> None:
    """The rest of the process keeps the allocator that it had, also after a failure."""
    previous = pa.default_memory_pool().backend_name
    with flat_memory():
        assert pa.default_memory_pool().backend_name == "system"
    assert pa.default_memory_pool().backend_name == previous
    with pytest.raises(ZeroDivisionError), flat_memory():
        raise ZeroDivisionError
    assert pa.default_memory_pool().backend_name == previous
