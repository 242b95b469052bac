"""What was found, in words: how many duplicates, from which cosine on, and how sure that is."""

from vitrina.duplicates.threshold import MIN_PRODUCTS
from vitrina.results import DuplicatesResult, Threshold

SHARING, SIMILAR = "same title or same image", "another title and another image"


def duplicate_rows(result: DuplicatesResult) -> list[tuple[str, str]]:
    """Labels and values, as a report shows them."""
    kinds = result.pairs_by_kind
    rows = [
        ("groups", f"{result.groups_found:,} with {result.listings:,} listings"),
        ("copies: same title and same image", f"{kinds['copy']:,}"),
        ("pairs with the same title", f"{kinds['title']:,}"),
        ("pairs with the same image", f"{kinds['image']:,}"),
        (f"pairs with {SIMILAR}", f"{kinds['similar']:,}"),
        (f"least cosine, {SIMILAR}", _cosine(result.similar)),
        ("precision", _precision(result.similar, result.group_column)),
    ]
    if result.group_column:
        rows[-1] = (f"precision, {SIMILAR}", rows[-1][1])
        rows += [
            (f"least cosine, {SHARING}", _cosine(result.sharing)),
            (f"precision, {SHARING}", _precision(result.sharing, result.group_column)),
            ("recall", "cannot tell" if result.recall is None else f"{result.recall:.2f}"),
        ]
    return rows


def _cosine(threshold: Threshold) -> str:
    if threshold.cosine is None:
        return "none is high enough"
    how = {
        "precision": "chosen for the precision",
        "default": "the default",
        "given": "as given",
        "floor": "every near pair",
    }
    return f"{threshold.cosine:.3f}, {how[threshold.chosen]}"


def _precision(threshold: Threshold, column: str) -> str:
    told = []
    if threshold.known_products < MIN_PRODUCTS:
        told.append(
            f"cannot tell: {threshold.known_products} products are known to have such duplicates, "
            f"{MIN_PRODUCTS} are needed"
        )
    elif threshold.precision is not None:
        least = "" if column else "at least "
        told.append(
            f"{least}{threshold.precision:.2f}, 95% interval {threshold.low:.2f} to "
            f"{threshold.high:.2f}, from {threshold.products:,} {_products(threshold)}"
        )
        told.append(
            f"judged by {column}" if column else "pairs of another title and image count as wrong"
        )
    return "; ".join(told) or "no pairs are reported"


def _products(threshold: Threshold) -> str:
    return "held-out products" if threshold.basis == "held-out" else "products, held out or not"
