"""The Russian texts of a report, by the English ones."""

RUSSIAN: dict[str, str] = {}
