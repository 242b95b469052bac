"""What was found, in words: how many duplicates, from which cosine on, and how sure that is."""

from vitrina.duplicates.threshold import MIN_PRODUCTS
from vitrina.results import DuplicatesResult, Threshold
from vitrina.translate import Translate

SHARING, SIMILAR = "same title or same image", "another title and another image"


def duplicate_rows(
    result: DuplicatesResult, words: Translate = str.format
) -> list[tuple[str, str]]:
    """Labels and values, as a report shows them."""
    kinds, similar, sharing = result.pairs_by_kind, words(SIMILAR), words(SHARING)
    groups = words(
        "{groups} with {listings} listings",
        groups=f"{result.groups_found:,}",
        listings=f"{result.listings:,}",
    )
    rows = [
        (words("groups"), groups),
        (words("copies: same title and same image"), f"{kinds['copy']:,}"),
        (words("pairs with the same title"), f"{kinds['title']:,}"),
        (words("pairs with the same image"), f"{kinds['image']:,}"),
        (words("pairs with {kind}", kind=similar), f"{kinds['similar']:,}"),
        (words("least cosine, {kind}", kind=similar), _cosine(result.similar, words)),
        (words("precision"), _precision(result.similar, result.group_column, words)),
    ]
    if result.group_column:
        recall = words("cannot tell") if result.recall is None else f"{result.recall:.2f}"
        precision = _precision(result.sharing, result.group_column, words)
        rows[-1] = (words("precision, {kind}", kind=similar), rows[-1][1])
        rows += [
            (words("least cosine, {kind}", kind=sharing), _cosine(result.sharing, words)),
            (words("precision, {kind}", kind=sharing), precision),
            (words("recall"), recall),
        ]
    return rows


CHOSEN = {
    "precision": "chosen for the precision",
    "default": "the default",
    "given": "as given",
    "floor": "every near pair",
}


def _cosine(threshold: Threshold, words: Translate) -> str:
    if threshold.cosine is None:
        return words("none is high enough")
    return f"{threshold.cosine:.3f}, {words(CHOSEN[threshold.chosen])}"


def _precision(threshold: Threshold, column: str, words: Translate) -> str:
    told = []
    if threshold.known_products < MIN_PRODUCTS:
        told.append(
            words(
                "cannot tell: {known} products are known to have such duplicates, {needed} are "
                "needed",
                known=threshold.known_products,
                needed=MIN_PRODUCTS,
            )
        )
    elif threshold.precision is not None:
        text = "{share}, 95% interval {low} to {high}, from {products} {basis}"
        told.append(
            words(
                text if column else f"at least {text}",
                share=f"{threshold.precision:.2f}",
                low=f"{threshold.low:.2f}",
                high=f"{threshold.high:.2f}",
                products=f"{threshold.products:,}",
                basis=words(_BASIS[threshold.basis == "held-out"]),
            )
        )
        judged = "judged by {column}"
        wrong = "pairs of another title and image count as wrong"
        told.append(words(judged, column=column) if column else words(wrong))
    return "; ".join(told) or words("no pairs are reported")


_BASIS = {True: "held-out products", False: "products, held out or not"}
