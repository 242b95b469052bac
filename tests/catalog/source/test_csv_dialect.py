"""How CSV files are written: delimiters, quotes, and what lies above the header."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitrina.catalog.source.csv_dialect import CsvDialect, fitted, recognized_dialect
from vitrina.errors import UserError

ROWS = [
    ["nm", "title", "price, rub", "size"],
    ["1", 'Кружка "Лето", белая', "12,50", "5"],
    ["2", "Ваза; стекло", "7,00", '6"'],
    ["3", "две\nстроки", "1,00", ""],
]


def written(delimiter: str, **how: object) -> str:
    """The rows as CSV."""
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, **how).writerows(ROWS)
    return text.getvalue()


def rows(text: str, dialect: CsvDialect) -> list[list[str]]:
    """The fields of all rows."""
    return [row.fields for row in dialect.rows(io.StringIO(text, newline=""))]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize(
    "how",
    [
        {},
        {"quoting": csv.QUOTE_ALL},
        {"doublequote": False, "escapechar": "\\", "quoting": csv.QUOTE_ALL},
        {"lineterminator": "\n"},
    ],
    ids=["plain", "all quoted", "backslashes", "unix"],
)
def test_delimiter_and_quotes_are_recognized(delimiter: str, how: dict[str, object]) -> None:
    """Also with commas in a column's name and in every price."""
    text = written(delimiter, **how)
    dialect = recognized_dialect("c.csv", text, is_cut=False)
    assert dialect.delimiter == delimiter
    assert rows(text, dialect) == ROWS


def test_quotes_that_mean_nothing_stay() -> None:
    """Many tab-separated files quote nothing, and inches are inches."""
    text = 'nm\ttitle\n1\tЭкран 5"\n2\t"Лето" белое\n3\t"Зима" и лыжи\n'
    dialect = recognized_dialect("c.tsv", text, is_cut=False)
    assert rows(text, dialect)[1:] == [
        ["1", 'Экран 5"'],
        ["2", '"Лето" белое'],
        ["3", '"Зима" и лыжи'],
    ]
    assert dialect.describe() == "tab, without quotes"


def test_the_first_line_of_excel_is_no_header() -> None:
    """It names the delimiter."""
    text = "sep=;\r\nnm;title\r\n1;a,b,c\r\n"
    dialect = recognized_dialect("c.csv", text, is_cut=False)
    assert rows(text, dialect) == [["nm", "title"], ["1", "a,b,c"]]


def test_a_row_that_is_cut_off_by_the_sample_does_not_count() -> None:
    """The file goes on; only its beginning is looked at."""
    text = 'nm;title\n1;a\n2;"a, b, '
    assert recognized_dialect("c.csv", text, is_cut=True).delimiter == ";"


def test_lines_are_numbered_as_an_editor_does() -> None:
    """Line breaks in quotes and blank lines count."""
    text = 'nm,title\n\n1,"a\nb"\n   \n2,c"\n3,"d"e\n4,f\n'
    found = list(CsvDialect(",").rows(io.StringIO(text, newline="")))
    assert [(row.line, row.fields) for row in found] == [
        (1, ["nm", "title"]),
        (3, ["1", "a\nb"]),
        (6, ["2", 'c"']),
        (7, []),
        (8, ["4", "f"]),
    ]
    assert found[3].problem


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (["1", "a"], ["1", "a"]),
        (["1", "a", "", ""], ["1", "a"]),
        (["1", "a", "b"], None),
        (["1"], None),
        (["1", "a", "", "b"], None),
    ],
)
def test_a_row_has_as_many_fields_as_the_header(
    fields: list[str], expected: list[str] | None
) -> None:
    """Only empty ones may be too many; one that lacks some may be half of a row."""
    assert fitted(fields, 2) == expected


def test_a_file_of_which_half_does_not_fit_is_refused() -> None:
    """Unquoted commas in titles: nobody knows where one ends."""
    text = "nm,title\n" + "1,a,b\n" * 6 + "2,a\n" * 4
    with pytest.raises(UserError, match=r"10 rows only 4 have as many fields as .*\(2.*line 2"):
        recognized_dialect("c.csv", text, is_cut=False)


def test_a_given_delimiter_is_taken() -> None:
    """Whatever the rows look like."""
    text = "a;b,c;d\n1;2,3;4\n"
    assert recognized_dialect("c.csv", text, is_cut=False).delimiter == ";"
    assert recognized_dialect("c.csv", text, is_cut=False, delimiter=",").delimiter == ","


CELLS = st.text(st.sampled_from("аб \",;\t|\\\n\r'"), max_size=6)


@given(
    table=st.integers(2, 4).flatmap(
        lambda width: st.lists(st.lists(CELLS, min_size=width, max_size=width), max_size=6)
    ),
    delimiter=st.sampled_from(",;\t|"),
)
def test_any_table_that_python_writes_is_read_back(table: list[list[str]], delimiter: str) -> None:
    """With the delimiter given; quotes, line breaks and other delimiters in texts are text."""
    header = [f"c{n}" for n in range(len(table[0]) if table else 2)]
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows([header, *table])
    dialect = recognized_dialect("c", text.getvalue(), is_cut=False, delimiter=delimiter)
    assert rows(text.getvalue(), dialect) == [header, *table]
