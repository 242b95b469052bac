"""What can be seen of rejected images."""

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from upath import UPath

from tests.support.image_shop import image
from tests.support.run_results import run_results
from vitrina.reporting.language import Words
from vitrina.reporting.rejected_samples import rejected_card, rejected_cards
from vitrina.results import RejectedExample
from vitrina.store.files import write_bytes


def example(path: Path | UPath | str, reason: str) -> RejectedExample:
    """A rejected row."""
    return RejectedExample(nm="7", title="Кружка", source=str(path), reason=reason)


def noise(size: tuple[int, int] = (400, 300)) -> bytes:
    """A JPEG that has something everywhere."""
    pixels = np.random.default_rng(0).integers(0, 255, (*size[::-1], 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG")
    return buffer.getvalue()


def test_the_part_of_a_truncated_image_that_is_there_is_shown(tmp_path: Path) -> None:
    """As a thumbnail; the rest of it is grey."""
    (tmp_path / "cut.jpg").write_bytes(noise()[:40_000])
    card = rejected_card(example(tmp_path / "cut.jpg", "truncated_image"))
    assert card.missing == ""
    data = base64.b64decode(card.image.removeprefix("data:image/jpeg;base64,"))
    shown = np.asarray(Image.open(io.BytesIO(data)).convert("L")).astype(float)
    assert shown.shape[1] == 240
    assert shown[:20].std() > 5 > shown[-20:].std()


@pytest.mark.parametrize(
    ("content", "reason", "said"),
    [
        (b"", "empty_image", "empty file"),
        (b"<html>404</html>", "unreadable_image", "16 bytes: <html>404</html>…"),
        (b"\x00\xff\n12", "unreadable_image", "5 bytes: ···12…"),
        (None, "missing_image", "no file"),
        (None, "truncated_image", "no file"),
    ],
)
def test_what_is_no_image_is_described(
    place: UPath, content: bytes | None, reason: str, said: str
) -> None:
    """By its size and how it begins; or that there is no file, also if it went since."""
    path = place / "7.jpg"
    if content is not None:
        write_bytes(path, content)
    card = rejected_card(example(path, reason))
    assert (card.image, card.missing, card.note) == ("", said, str(path))


def test_a_too_large_image_is_not_decoded(tmp_path: Path) -> None:
    """Its size in pixels is told, in the report's language."""
    (tmp_path / "7.jpg").write_bytes(noise((1_200, 20)))
    card = rejected_card(example(tmp_path / "7.jpg", "too_large_image"), Words("ru"))
    assert (card.image, card.missing) == ("", "1\u00a0200 × 20")


def test_an_address_is_not_fetched_again() -> None:
    """A row that failed by its address shows the address."""
    card = rejected_card(example("https://example.invalid/7.jpg", "failed_download"))
    assert (card.missing, card.note) == ("no image", "https://example.invalid/7.jpg")


def test_reasons_are_grouped_and_counted(tmp_path: Path) -> None:
    """The most frequent first, a few of each; reasons that concern no image have no group."""
    (tmp_path / "good.jpg").write_bytes(image(1))
    resized = run_results(tmp_path).resized.model_copy(
        update={
            "reasons": {"missing_title": 9, "empty_image": 2, "truncated_image": 1_007},
            "rejected_examples": (
                example(tmp_path / "a.jpg", "empty_image"),
                *[example(tmp_path / "good.jpg", "truncated_image")] * 3,
            ),
        }
    )
    groups = rejected_cards(resized, 2)
    assert [(one.title, one.count, len(one.cards)) for one in groups] == [
        ("truncated image", "1,007", 2),
        ("empty image", "2", 1),
    ]
    assert rejected_cards(resized, 0) == []
