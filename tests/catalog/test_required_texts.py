"""What is said of rows without a description."""

import pytest

from vitrina.catalog.required_texts import required_texts_advice


@pytest.mark.parametrize(("lost", "said"), [(0, False), (10, False), (11, True), (100, True)])
def test_the_loss_of_many_rows_is_told(lost: int, said: bool) -> None:
    """In a line with the numbers and the option; a tenth is what catalogues lack."""
    advice = required_texts_advice(100, {"missing_description": lost, "missing_title": 20})
    assert (advice is not None) == said
    if advice:
        assert advice.startswith(f"{lost} of 100 rows are rejected because they have no descript")
        assert "clean.required title would keep them" in advice
        assert "\n" not in advice
