"""The command that searches: its options, what it prints and what it writes."""

import json
from pathlib import Path

import pytest

from flows.cli import parse
from flows.search import check, search
from tests.support.searched_run import SearchedRun, embedded_run
from vitrina.config.search import SearchConfig
from vitrina.errors import UserError
from vitrina.store.files import read_bytes
from vitrina.store.paths import to_path


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> SearchedRun:
    """Forty listings, embedded into a store."""
    folder = tmp_path_factory.mktemp("searched")
    return embedded_run(to_path(folder / "output"), folder)


def config(shop: SearchedRun, *arguments: str) -> SearchConfig:
    """The options of a command line."""
    return parse(SearchConfig, "", [*arguments, "--output", shop.store.root, "--device", "cpu"])


def test_the_words_are_the_positional_argument(shop: SearchedRun) -> None:
    """Before the options or after them; a filter is repeated, a column's values are collected."""
    where = ("--where", "category=Дом", "--where", "category=Посуда", "--where", "a b=x=y")
    for arguments in (("жёлтая кружка", *where), (*where, "жёлтая кружка")):
        given = config(shop, *arguments)
        assert given.query == "жёлтая кружка"
        assert given.filters() == {"category": ("Дом", "Посуда"), "a b": ("x=y",)}


def test_lines_of_json_are_the_hits(shop: SearchedRun, capsys: pytest.CaptureFixture[str]) -> None:
    """With readable Russian; nothing else is on standard output."""
    hits = search(config(shop, "кружка", "--json", "--top", "3", "--by", "text"))
    printed = capsys.readouterr().out
    lines = [json.loads(line) for line in printed.splitlines()]
    assert [line["nm"] for line in lines] == [hit.nm for hit in hits]
    assert lines[0].keys() == {"nm", "title", "category", "image_path", "score"}
    assert hits[0].title in printed


def test_a_table_is_for_people(shop: SearchedRun, capsys: pytest.CaptureFixture[str]) -> None:
    """A row a listing, with whole titles and paths where it is not a terminal."""
    hits = search(config(shop, "--like", "9", "--top", "4", "--where", "category=Посуда"))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(hits) + 1
    assert hits[0].image_path in lines[1]
    assert hits[0].title in lines[1]


def test_a_gallery_is_written(shop: SearchedRun, bucket: str, tmp_path: Path) -> None:
    """For words, for a photo with itself on top, for a listing; local or on S3."""
    photo = shop.rows["image_path"][3]
    for question, images in ((["кружка"], 2), (["--image", photo], 3), (["--like", "3"], 3)):
        for path in (f"{tmp_path}/new/gallery.html", f"{bucket}/gallery.html"):
            search(config(shop, *question, "--top", "2", "--html", path))
            page = read_bytes(to_path(path)).decode()
            assert page.count("<img") == images


def test_nothing_found_is_said_with_values_alike(
    shop: SearchedRun, capsys: pytest.CaptureFixture[str]
) -> None:
    """On standard error, so that a program reads no lines."""
    assert search(config(shop, "кружка", "--json", "--where", "category=Посда")) == []
    out, error = capsys.readouterr()
    assert out == ""
    assert error == "Nothing was found. Values of category like that: Посуда.\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give either words to search for, or --image, or --like"),
        (["  "], "give either words to search for"),
        (["кружка", "--like", "3"], "give either words"),
        (["кружка", "--top", "0"], "--top: Input should be greater than or equal to 1"),
        (["кружка", "--where", "category"], "expected column=value"),
        (["кружка", "--where", "=Посуда"], "expected column=value"),
        (["кружка", "--by", "img"], "'--by'. Expected one of"),
    ],
)
def test_wrong_options_are_refused_in_a_line(
    arguments: list[str], message: str, shop: SearchedRun, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is opened."""
    with pytest.raises(SystemExit) as stop:
        config(shop, *arguments)
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_a_gallery_that_cannot_be_written_is_refused_first(
    shop: SearchedRun, tmp_path: Path
) -> None:
    """Before the run is opened and torch imported."""
    (tmp_path / "file").write_text("")
    for path, message in (
        (str(tmp_path), "is a folder: give --html the name of a file"),
        (str(tmp_path / "file" / "x.html"), "cannot be written"),
    ):
        with pytest.raises(UserError, match=message):
            check(config(shop, "кружка", "--html", path))
