"""Agreement measures beside krippendorff and scikit-learn on drawn labels; the greatest difference of each.

    python bench/agreement.py [--out bench/agreement.json]

Needs `krippendorff` and `scikit-learn` in the environment; they are no part of Taihang.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import krippendorff
import numpy as np
from sklearn.metrics import cohen_kappa_score

from taihang.data.quality.metrics import agreement


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--sets", type=int, default=200)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    worst = {"cohen_kappa": 0.0, "krippendorff_alpha": 0.0}
    for seed in range(given.sets):
        chance = np.random.default_rng(seed)
        classes, raters, items = int(chance.integers(2, 7)), int(chance.integers(2, 6)), int(chance.integers(10, 200))
        right = chance.integers(0, classes, items)
        said = np.where(chance.random((raters, items)) < 0.7, right, chance.integers(0, classes, (raters, items)))
        ours = agreement.cohen_kappa((said[0].tolist(), said[1].tolist()))
        if ours is not None:
            difference = abs(ours - float(cohen_kappa_score(said[0], said[1])))
            worst["cohen_kappa"] = max(worst["cohen_kappa"], difference)
        holes = np.where(chance.random(said.shape) < 0.2, np.nan, said)
        alpha = agreement.krippendorff_alpha([[None if np.isnan(v) else int(v) for v in row] for row in holes])
        if alpha is not None:
            peer = float(krippendorff.alpha(reliability_data=holes, level_of_measurement="nominal"))
            worst["krippendorff_alpha"] = max(worst["krippendorff_alpha"], abs(alpha - peer))
    told = {"sets": given.sets, "greatest_difference": worst}
    print(json.dumps(told))
    if given.out:
        given.out.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
