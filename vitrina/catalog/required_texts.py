"""What a catalogue without descriptions, or with few, is told."""

from vitrina.catalog.rejection import RejectionReason
from vitrina.results import CleanResult

MANY = 0.1  # of the catalogue's rows, from which on their loss is probably not meant
KEEP_BY_TITLE = "clean.required title"


def required_texts_advice(cleaned: CleanResult) -> str | None:
    """A line that says how to keep rows without a description, if many were rejected for that."""
    lost = cleaned.reasons.get(RejectionReason.MISSING_DESCRIPTION.value, 0)
    if lost <= MANY * cleaned.rows_in:
        return None
    return (
        f"{lost} of {cleaned.rows_in} rows were rejected because they have no description; "
        f"{KEEP_BY_TITLE} would keep them, for they have a title (of equal ids one row)."
    )
