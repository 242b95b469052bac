"""Samples of listings that look wrong, as cards."""

from vitrina.health.reasons import Reason, Sentence
from vitrina.health.samples import Sample, SampleListing
from vitrina.reporting.cards import Card
from vitrina.reporting.health_samples import health_cards
from vitrina.reporting.language import Words

IMAGE = "data:image/jpeg;base64,AAAA"


def test_each_problem_has_its_listings_beside_what_they_are_compared_with() -> None:
    """With the reason, and what the other one is; an image that cannot be read is said to be."""
    one = SampleListing(nm="1", title="Ваза", image=IMAGE)
    other = SampleListing(nm="2", title="Кружка", image=None)
    groups = health_cards(
        [
            Sample(problem="mismatch", reason="fit < usual", listing=one, other=other),
            Sample(problem="small_image", reason="30 × 40 pixels", listing=other),
        ]
    )
    assert [group.title for group in groups] == ["title and image do not fit", "small image"]
    beside = Card("Кружка", "2", "a similar image", missing="no image")
    assert groups[0].cards == [Card("Ваза", "1", "fit < usual", IMAGE, other=beside)]
    assert groups[1].cards == [Card("Кружка", "2", "30 × 40 pixels", missing="no image")]


def test_problems_and_reasons_are_translated() -> None:
    """With the values that health has stored."""
    listing = SampleListing(nm="1", title="Ваза", image=IMAGE)
    reason, values = Reason.of(Sentence.BLURRED, z="4.5")
    sample = Sample(problem="blurred_image", reason=reason, values=values, listing=listing)
    (group,) = health_cards([sample], Words("ru"))
    assert group.title == "размытое или пустое фото"
    assert group.cards[0].note == "менее резкое, чем обычно, на 4,5 стандартных отклонений"


def test_no_samples_are_nothing() -> None:
    """Of a healthy catalogue."""
    assert health_cards([]) == []
