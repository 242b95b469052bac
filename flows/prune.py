"""Show what a store holds, and remove the artifacts that nothing needs.

    python flows/prune.py --output output             only list: what is kept and why, what would go
    python flows/prune.py --output output --delete    remove it
    python flows/prune.py --output output --cache     this user's cache too

Kept are the latest artifact of each stage, every model of the history, what these refer to, and
what was written within the last day. A result that was removed is computed again when it is needed.
"""

import time
from collections.abc import Sequence

from flows.command import Command
from flows.main import script
from flows.run import run
from vitrina.config.maintenance import PruneConfig
from vitrina.index.old_versions import remove_old_versions
from vitrina.reporting.render import Section, terminal, terminal_table
from vitrina.store.artifacts import Store
from vitrina.store.cache import user_cache
from vitrina.store.failures import readable_size
from vitrina.store.paths import to_path
from vitrina.store.prune import Item, check_store, inventory, remove_abandoned, remove_item
from vitrina.store.prune_cache import CachedFolder, cached_folders, remove_cached


def prune(config: PruneConfig) -> None:
    """List the store, and the cache if asked for; with ``delete`` remove what is not needed."""
    items = inventory(to_path(config.output), config.keep_days)
    cached = []
    if config.cache:
        cached = cached_folders(user_cache(), config.keep_days, models=config.cache_models)
    console = terminal()
    console.print(terminal_table(overview([*items, *cached], deleted=config.delete)))
    if config.delete:
        for line in remove(config, items):
            console.print(line, markup=False, highlight=False)
        remove_cached(cached)
    console.print(f"\n{totals([*items, *cached], deleted=config.delete)}", highlight=False)


def remove(config: PruneConfig, items: Sequence[Item]) -> list[str]:
    """Remove what is not needed from the store; returns what is worth telling."""
    store = Store(root=config.output)
    left = {item.path: remove_item(store, item) for item in items if not item.needed}
    told = [f"{path} keeps {names[0]}: no stage wrote it" for path, names in left.items() if names]
    told += remove_old_versions(items, config.keep_days)
    if count := remove_abandoned([item for item in items if item.needed]):
        told.append(f"{count} temp files of killed runs removed")
    return told


def overview(folders: Sequence[Item | CachedFolder], *, deleted: bool) -> Section:
    """One line for each folder: its size, its age and why it is kept."""
    gone = "removed" if deleted else "would be removed"
    rows = [
        (
            folder.label,
            f"{folder.usage.files:,}",
            readable_size(folder.usage.size),
            _age(folder.usage.written),
            folder.needed or gone,
        )
        for folder in folders
    ]
    header = ("artifact", "files", "size", "last written", "kept as")
    return Section("Store", header, rows)


def totals(folders: Sequence[Item | CachedFolder], *, deleted: bool) -> str:
    """A sentence with the sizes of what stays and of what goes."""
    kept = sum(folder.usage.size for folder in folders if folder.needed)
    gone = [folder.usage.size for folder in folders if not folder.needed]
    verb = "Removed" if deleted else "Would remove"
    hint = "" if deleted or not gone else " Run it with --delete to remove them."
    return (
        f"{verb} {len(gone)} of {len(folders)} folders, {readable_size(sum(gone))}; "
        f"{readable_size(kept)} kept.{hint}"
    )


def _age(written: float) -> str:
    """How long ago something was written, in the largest fitting unit."""
    seconds = max(0.0, time.time() - written)
    for unit, size in (("days", 86_400), ("h", 3_600)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit} ago"
    return f"{seconds / 60:.0f} min ago"


def check(config: PruneConfig) -> None:
    """Raise UserError unless the output holds a store."""
    check_store(to_path(config.output))


def main(config: PruneConfig) -> None:
    """Check that there is a store, then list or remove."""
    run(prune, config, check)


COMMAND = Command(PruneConfig, __doc__, main)

if __name__ == "__main__":
    script("flows.prune")
