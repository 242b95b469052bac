"""Samples of listings that look wrong, in the report and in the Prefect UI."""

from tests.support.html_page import parsed
from vitrina.health.samples import Sample, SampleListing
from vitrina.reporting.health_samples import samples_html, samples_markdown

HOSTILE = "</p><script>alert(1)</script> | [x](javascript:y) `z` \" onerror='x'"
IMAGE = "data:image/jpeg;base64,AAAA"


def samples() -> list[Sample]:
    """A hostile listing beside another, and one whose image cannot be read."""
    one = SampleListing(nm="<b>1", title=HOSTILE, image=IMAGE)
    other = SampleListing(nm="2", title="Кружка", image=None)
    return [
        Sample(problem="mismatch", reason="fit < usual", listing=one, other=other),
        Sample(problem="small_image", reason="30 × 40 pixels", listing=other),
    ]


def test_titles_are_text() -> None:
    """Whatever they hold; nothing is loaded from elsewhere."""
    page = parsed(samples_html(samples()))
    assert "script" not in page.tags
    assert page.addresses == [IMAGE]
    assert HOSTILE in page.text
    assert "<b>1 · fit < usual" in page.text
    assert "2 · a similar image" in page.text
    assert "no image" in page.text
    assert page.tags["h3"] == 2


def test_markdown_holds_no_markup_of_titles() -> None:
    """Neither HTML nor links, images or table cells."""
    text = samples_markdown(samples())
    assert "<script" not in text
    assert "[x]" not in text
    assert text.count(f"![]({IMAGE})") == 1
    rows = [line for line in text.splitlines() if "30 × 40" in line]
    assert rows == ["| no image | 2 Кружка | 30 × 40 pixels |"]
    hostile = next(line for line in text.splitlines() if "alert" in line)
    assert hostile.replace("\\|", "").count("|") == 4


def test_no_samples_are_nothing() -> None:
    """Of a healthy catalogue."""
    assert samples_html([]) == ""
