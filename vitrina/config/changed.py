"""The parameters that differ from their defaults."""

from collections.abc import Collection
from typing import Any

from vitrina.config.parameters import Parameters


def changed_parameters(
    config: Parameters, without: Collection[str] = (), *, content_only: bool = False
) -> dict[str, Any]:
    """The values, as JSON, of parameters that differ from their defaults, by dotted name.

    In the order of the fields. Left out are required fields and the top-level ones in ``without``;
    with ``content_only`` also those that change no result.
    """
    found: dict[str, Any] = {}
    values = config.model_dump(mode="json")
    for name, field in type(config).model_fields.items():
        if name in without or field.is_required():
            continue
        if content_only and name in config.OPERATIONAL:
            continue
        value = getattr(config, name)
        if isinstance(value, Parameters):
            group = changed_parameters(value, content_only=content_only)
            found |= {f"{name}.{one}": given for one, given in group.items()}
        elif value != field.get_default(call_default_factory=True):
            found[name] = values[name]
    return found
