"""Remove the versions of a table that no finished run needs any more."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from upath import UPath

from vitrina.index.lance import open_table
from vitrina.index.stored import STAGE
from vitrina.index.update import FOREVER
from vitrina.store.prune import Item
from vitrina.store.usage import Usage

MARGIN = timedelta(minutes=1)  # from here until LanceDB looks at its clock


def remove_old_versions(items: Sequence[Item], keep_days: float) -> list[str]:
    """Prune the needed tables among the items of a store; a line for each that got smaller.

    The oldest version that a needed index names stays, and all that came after it.
    """
    lines = []
    for table in (item for item in items if item.is_table and item.needed):
        used = [
            int(item.manifest.result["version"])
            for item in items
            if item.name[0] == STAGE
            and item.needed
            and item.manifest
            and str(item.manifest.result["table"]).endswith(f"/{table.name[1]}")
        ]
        if used:
            _remove_before(table.path, min(used), timedelta(days=keep_days))
            freed = table.usage.size - Usage.of(table.path).size
            if freed > 0:
                lines.append(f"{table.path}: old versions removed, {freed / 1e6:,.1f} MB")
    return lines


def _remove_before(path: UPath, version: int, keep: timedelta) -> None:
    table = open_table(path)
    if table is None:
        return
    table.optimize(cleanup_older_than=FOREVER)  # or the next call does this first, and takes long
    written = {one["version"]: one["timestamp"] for one in table.list_versions()}
    if version in written:
        age = datetime.now() - written[version] + MARGIN
        table.optimize(cleanup_older_than=max(age, keep))
