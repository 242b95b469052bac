"""The text of a listing: what a template makes of values that are there or not."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from upath import UPath

from vitrina.catalog.processed_table import read_table
from vitrina.catalog.processed_writer import CSV, TABLE, open_processed_writer
from vitrina.catalog.text_template import TextTemplate, check_text
from vitrina.errors import UserError

NAMES = ("title", "brend", "category", "colour")


def filled(template: str, **values: str) -> str:
    """The text of one listing; a column that is not given is empty."""
    parsed = TextTemplate.parse(template)
    return parsed.fill(dict.fromkeys(parsed.columns, "") | values)


@pytest.mark.parametrize(
    ("template", "values", "text"),
    [
        ("{title}", {}, "Кружка"),
        ("{title}. {brend}. {category}", {"brend": "Nike", "category": "Дом"}, "Кружка. Nike. Дом"),
        ("{title}. {brend}. {category}", {"category": "Дом"}, "Кружка. Дом"),
        ("{title}. {brend}. {category}", {"brend": "Nike"}, "Кружка. Nike"),
        ("{title}. {brend}. {category}", {}, "Кружка"),
        ("{brend}: {title}", {}, "Кружка"),
        ("{title}, бренд {brend}", {"brend": "Nike"}, "Кружка, бренд Nike"),
        ("{title}, бренд {brend}", {}, "Кружка"),
        ("{title} ({brend}), {category}", {"category": "Дом"}, "Кружка, Дом"),
        ("{title} ({brend}), {category}", {"brend": "Nike"}, "Кружка (Nike)"),
        ("{title} «{brend}»", {"brend": "Nike"}, "Кружка «Nike»"),
        ("{title} «{brend}»", {}, "Кружка"),
        ("{title}, {brend} руб.", {}, "Кружка"),
        ("{title}, {brend} руб.", {"brend": "5"}, "Кружка, 5 руб."),
        ("{title}[, {brend} кг], {category}", {"category": "Дом"}, "Кружка, Дом"),
        ("{title}[, {brend} кг], {category}", {"brend": "5"}, "Кружка, 5 кг"),
        ("{title}[, {brend} × {colour} см]", {"brend": "5"}, "Кружка"),
        ("{title}[, {brend} × {colour} см]", {"brend": "5", "colour": "7"}, "Кружка, 5 × 7 см"),
        ("[{brend}: ]{title}", {}, "Кружка"),
        ("[{brend}: ]{title}", {"brend": "Nike"}, "Nike: Кружка"),
        ("{title}, [{brend}, ]{category}", {"category": "Дом"}, "Кружка, Дом"),
        ("{title}: [{brend} кг, ]{category}", {"brend": "5"}, "Кружка: 5 кг"),
        ("{{{title}}} [[{brend}]]", {"brend": "N"}, "{Кружка} [N]"),
        ("{{{title}}} [[{brend}]]", {}, "{Кружка}"),
        ("{brend}. {category}", {}, "Кружка"),
    ],
)
def test_an_empty_value_leaves_no_trace(template: str, values: dict[str, str], text: str) -> None:
    """Its separator, prefix, brackets, quotes and unit go with it; without any, it is the title."""
    assert filled(template, title="Кружка", **values) == text


def test_no_separator_begins_a_text_and_no_full_stop_is_doubled() -> None:
    """Whatever value ends a sentence by itself, and whichever is missing."""
    assert filled("{title}. {brend}", brend="Nike") == "Nike"
    assert filled("{title}, бренд {brend}", brend="Nike") == "бренд Nike"
    assert filled("{title}. {brend}", title="Вот это кружка!", brend="Nike") == (
        "Вот это кружка! Nike"
    )
    assert filled("{title}. {brend}", title="Кружка 5 шт.", brend="Nike") == "Кружка 5 шт. Nike"
    assert filled("{title}{brend}", title="-5", brend=".NET") == "-5.NET"  # values stay as they are
    assert filled("{title}. {brend}", brend="- Nike") == "- Nike"


@given(
    order=st.permutations(NAMES),
    separator=st.sampled_from([". ", ", ", "; ", " / ", " — ", "\n", " "]),
    values=st.lists(st.sampled_from(["", "Кружка", "Nike", "10 кг", "a, b"]), min_size=4),
)
def test_a_joined_text_is_that_of_the_columns_with_values(
    order: list[str], separator: str, values: list[str]
) -> None:
    """Whichever of them are empty, nothing shows that they could have been there."""
    template = separator.join(f"{{{name}}}" for name in order)
    row = dict(zip(order, values, strict=False))
    expected = separator.join(row[name] for name in order if row[name])
    assert TextTemplate.parse(template).fill(row) == expected


@given(st.text(alphabet="{}[]ab .,", max_size=12))
def test_any_text_is_a_template_or_refused(text: str) -> None:
    """What is taken has at least one column, and gives a text for every row."""
    try:
        template = TextTemplate.parse(text)
    except UserError:
        return
    named = [column for phrase in template.phrases for column, _ in phrase.fields]
    assert named
    assert not any(set(column) & set("{}[]") for column in named)
    every = template.fill(dict.fromkeys(template.columns, "x"))
    assert every.count("x") == len(named)


@pytest.mark.parametrize(
    "template",
    ["", "Кружка", "{}", "{title", "title}", "{title}[", "[x]{title}", "{a[0]}", "{{a}}"],
)
def test_what_is_no_template_is_refused(template: str) -> None:
    """Without a column, with an open brace, with brackets around no column."""
    with pytest.raises(UserError, match="is no template of a text"):
        TextTemplate.parse(template)


@pytest.mark.parametrize("field", ["titel", "title.upper", "title!r", "title:>10", "Title"])
def test_a_field_is_a_columns_name_alone(field: str, tmp_path: Path) -> None:
    """An attribute, a conversion, a format: none is evaluated, for no column has such a name."""
    table = UPath(tmp_path / "table.csv")
    pd.DataFrame({"title": ["Кружка"], "image_path": ["a"]}).to_csv(table.path, index=False)
    with pytest.raises(UserError, match=r"has no column .* Did you mean 'title'\?"):
        check_text(f"{{{field}}}", table)


def test_columns_of_no_readable_text_are_refused(tmp_path: Path) -> None:
    """Structs and images as bytes; lists of texts and numbers are fine."""
    table = UPath(tmp_path / "table.parquet")
    columns = {
        "title": ["Кружка"],
        "image_path": ["a"],
        "photo": [b"\xff"],
        "size": [{"width": 1}],
        "tags": [["a"]],
        "price": [1.5],
    }
    pq.write_table(pa.table(columns), table.path)
    check_text("{title}. {tags}. {price}", table)
    for column, kind in (("photo", "binary"), ("size", "struct")):
        with pytest.raises(UserError, match=f"column '{column}' is {kind}.*cannot be read as text"):
            check_text(f"{{{column}}}", table)


def test_a_frame_without_a_column_is_refused() -> None:
    """From Python too: the error names the column and the nearest one."""
    with pytest.raises(UserError, match=r"no column 'brend'.*Did you mean 'brand'\?"):
        TextTemplate.parse("{title}. {brend}").render(
            pd.DataFrame({"title": ["a"], "brand": ["b"]})
        )


def test_the_default_text_is_the_title_as_it_stands() -> None:
    """Not normalized again: a table of another tool is embedded as ruclip.Predictor does."""
    titles = ["Кружка  <b>", "nan", None, "5.0", "[1]"]
    frame = pd.DataFrame({"title": titles})
    assert TextTemplate.parse("{title}").render(frame) == ["Кружка  <b>", "nan", "", "5.0", "[1]"]


def test_the_csv_and_the_parquet_table_give_the_same_texts(tmp_path: Path) -> None:
    """Integers with nulls, floats, lists, dates and categories read the same."""
    cleaned = pa.RecordBatch.from_pydict(
        {
            "nm": [1, 2],
            "title": ["Кружка", "Ваза"],
            "count": pa.array([10**17 + 1, None]),
            "weight": pa.array([0.1, 2.0], pa.float32()),
            "tags": [["лён", " хлопок "], None],
            "since": pa.array(["2026-01-02", None]).cast(pa.date32()),
            "kind": pa.array(["Посуда", "Дом"]).dictionary_encode(),
        }
    )
    with open_processed_writer(UPath(tmp_path), cleaned.schema) as writer:
        writer.keep(cleaned, [["a.jpg"], ["b.jpg"]], [["a"], ["b"]])
    template = TextTemplate.parse("{title}. {count}. {weight}. {tags}. {since}. {kind}")
    for name in (TABLE, CSV):
        rows = read_table(UPath(tmp_path / name), template.columns)
        assert template.render(rows) == [
            "Кружка. 100000000000000001. 0.1. лён, хлопок. 2026-01-02. Посуда",
            "Ваза. 2. Дом",
        ]
