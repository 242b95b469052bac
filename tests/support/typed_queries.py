"""Queries for the listings of ``small_training.catalogue``: its colours and things."""

import numpy as np
import pandas as pd

from vitrina.catalog.queries.query_pairs import QueryPairs
from vitrina.config.queries import QueryUseConfig
from vitrina.training.data.queries import TrainingQueries, training_queries

USE = QueryUseConfig(query_test_fraction=0.1)


def query_pairs(table: pd.DataFrame) -> QueryPairs:
    """A query for each colour and each thing, clicked for all listings of it but every fifth."""
    words = [title.split()[:2] for title in table["title"]]
    texts = sorted({word for pair in words for word in pair})
    pairs = [
        (texts.index(word), row, 1.0 + row % 3)
        for row, pair in enumerate(words)
        for word in pair
        if row % 5
    ]
    query, row, grade = (np.array(column) for column in zip(*sorted(pairs), strict=True))
    return QueryPairs(texts, query, row, grade)


def cleaned_queries(table: pd.DataFrame) -> pd.DataFrame:
    """The pairs as the stage "queries" writes them."""
    pairs = query_pairs(table)
    return pd.DataFrame(
        {
            "query": [pairs.texts[query] for query in pairs.query],
            "nm": [str(table["nm"].iloc[row]) for row in pairs.row],
            "weight": 2**pairs.grade - 1,
        }
    )


def small_queries(table: pd.DataFrame, rows: int, use: QueryUseConfig = USE) -> TrainingQueries:
    """The queries of a training on the first rows, validated on the others."""
    pairs = query_pairs(table)
    return training_queries(pairs, np.arange(rows), np.arange(rows, len(table)), use, 0)
