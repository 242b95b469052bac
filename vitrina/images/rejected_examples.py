"""A few of the rows that were rejected for their images, to look at."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from vitrina.catalog.processed_table import NM, TITLE
from vitrina.images.places.cell import is_address
from vitrina.images.resize_plan import Plan, ResizePlanner
from vitrina.results import RejectedExample

MAX_EXAMPLES = 20  # for each reason


@dataclass
class RejectedExamples:
    """The first rows that were rejected for each reason, with the places of their images."""

    planner: ResizePlanner
    examples: list[RejectedExample] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, batch: pa.RecordBatch, plan: Plan, reasons: Mapping[int, str]) -> None:
        """Take in the rejected rows of a batch of the cleaned table; ``reasons`` are by row."""
        sources: dict[int, str] = {}
        for row, source in zip(plan.rows, plan.sources, strict=True):
            sources.setdefault(row, source)
        for row, reason in reasons.items():
            if self.counts[reason] < MAX_EXAMPLES:
                self.counts[reason] += 1
                example = RejectedExample(
                    nm=str(batch.column(NM)[row]),
                    title=str(batch.column(TITLE)[row].as_py() or ""),
                    source=self._place(sources[row]),
                    reason=reason,
                )
                self.examples.append(example)

    def _place(self, source: str) -> str:
        # As text: a path that is refused may be none.
        is_whole = not source or is_address(source) or source.startswith("/") or "://" in source
        return source if is_whole else f"{self.planner.originals}/{source}"
