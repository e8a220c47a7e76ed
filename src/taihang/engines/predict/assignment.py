"""The cheapest one-to-one assignment (the Hungarian method, by shortest augmenting paths).

Kuhn, 1955; the form with potentials of Jonker and Volgenant, 1987. O(rows² · columns).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def cheapest(cost: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """The column of each row, all different, with the least total; at least as many columns as rows.

    Raises ValueError for more rows than columns or a cost that is not finite.
    """
    rows, columns = cost.shape
    if rows > columns:
        raise ValueError("more rows than columns")
    if not np.isfinite(cost).all():
        raise ValueError("costs must be finite")
    row_price, column_price = np.zeros(rows), np.zeros(columns)
    row_of = np.full(columns, -1, np.int64)
    for start in range(rows):
        row, column = start, -1
        distance = np.full(columns, np.inf)
        before = np.full(columns, -1, np.int64)
        open_ = np.ones(columns, bool)
        reached: list[int] = []
        length = 0.0
        while True:
            candidate = length + cost[row] - row_price[row] - column_price
            nearer = open_ & (candidate < distance)
            distance[nearer], before[nearer] = candidate[nearer], column
            column = int(np.argmin(np.where(open_, distance, np.inf)))
            length = float(distance[column])
            open_[column] = False
            if row_of[column] < 0:
                break
            reached.append(column)
            row = int(row_of[column])
        row_price[start] += length
        for passed in reached:
            row_price[row_of[passed]] += length - distance[passed]
            column_price[passed] -= length - distance[passed]
        while column >= 0:
            previous = int(before[column])
            row_of[column] = start if previous < 0 else row_of[previous]
            column = previous
    result = np.full(rows, -1, np.int64)
    for place, owner in enumerate(row_of):
        if owner >= 0:
            result[owner] = place
    return result
