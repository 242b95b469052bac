"""The reasons of rejection as users see them."""

import csv
import io
import json

from vitrina.catalog.rejection import RejectionReason


def test_a_reason_is_written_as_its_plain_name() -> None:
    """In a CSV, in JSON and in a message; rejected.csv of earlier runs compares equal."""
    reason = RejectionReason.MISSING_TITLE
    file = io.StringIO()
    csv.writer(file).writerow([reason])
    assert file.getvalue() == "missing_title\r\n"
    assert json.dumps({reason: 1}) == '{"missing_title": 1}'
    assert f"{reason}" == reason == "missing_title"
    assert RejectionReason("missing_title") is reason
