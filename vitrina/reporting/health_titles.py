"""The problems that health looks for, in words."""

from vitrina.health.problems import Problem

TITLES = {
    Problem.MISMATCH: "title and image do not fit",
    Problem.PLACEHOLDER: "one image under many different titles",
    Problem.CATEGORY: "looks like another category",
    Problem.SMALL_IMAGE: "small image",
    Problem.BLURRED_IMAGE: "blurred or blank image",
    Problem.DUPLICATE: "the same product listed again",
}
COMPARED = {
    Problem.MISMATCH: "a similar image",
    Problem.PLACEHOLDER: "the same image",
    Problem.DUPLICATE: "the same product",
}
