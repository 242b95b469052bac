"""What a catalogue without descriptions, or with few, is told."""

from collections.abc import Mapping

from vitrina.catalog.rejection import RejectionReason

MANY = 0.1  # of the catalogue's rows, from which on their loss is probably not meant
KEEP_BY_TITLE = "clean.required title"


def required_texts_advice(rows: int, reasons: Mapping[str, int]) -> str | None:
    """A line that says how to keep rows without a description, if many are rejected for that.

    ``reasons`` are the counts of the catalogue's rows that are rejected, by reason.
    """
    lost = reasons.get(RejectionReason.MISSING_DESCRIPTION.value, 0)
    if lost <= MANY * rows:
        return None
    return (
        f"{lost} of {rows} rows are rejected because they have no description; "
        f"{KEEP_BY_TITLE} would keep them, for they have a title (of equal ids one row)."
    )
