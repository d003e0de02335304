"""The three models: LightGBM's settings, the weight of a block, and trees flattened for the kernel.

LightGBM (Ke et al., NIPS 2017; MIT). Settings are the study's, but for fewer features a tree, which
takes less time.
"""

from __future__ import annotations

from typing import Any

import lightgbm as lgb
import numpy as np
import numpy.typing as npt
from corpus import MANUAL, OLDER
from prepare import Prepared

from ingest.extraction.trees import Trees, check_trees

SEED = 1
_COMMON: dict[str, Any] = {
    "objective": "binary", "num_leaves": 31, "max_depth": 8, "learning_rate": 0.08, "min_data_in_leaf": 80,
    "feature_fraction": 0.3, "bagging_fraction": 0.8, "bagging_freq": 1, "lambda_l2": 5, "max_bin": 127,
    "num_threads": 1, "deterministic": True, "force_col_wise": True, "seed": SEED, "verbose": -1,
}  # fmt: skip
FIRST = ({"learning_rate": 0.06}, 300)
SECOND = ({"learning_rate": 0.05, "min_data_in_leaf": 100, "feature_fraction": 0.5}, 180)
FAST = ({"learning_rate": 0.075, "max_depth": 7, "feature_fraction": 0.5}, 200)
#: How many of the first model's features the second takes beside its context, and the fast one, by their gain.
SECOND_FEATURES, FAST_FEATURES = 90, 80
#: A block weighs as the root of its words, up to so many; a page by its weight to the power of 1 - _PAGE.
_LONGEST, _PAGE = 100, 0.7
#: What a page of another kind weighs, where one of WCXB weighs 1.
_KINDS = {OLDER: 0.6, MANUAL: 0.3}


def weights(p: Prepared) -> npt.NDArray[np.float64]:
    """The weight of each block of a page in training; of one whose label is not known 0."""
    weight = np.minimum(p.words, _LONGEST).astype(np.float64) ** 0.5 * p.labels.known
    return weight / (weight.sum() + 1e-9) ** _PAGE * _KINDS.get(p.page.type, 1.0)


def fit(
    rows: npt.NDArray[np.float32], pages: list[Prepared], settings: tuple[dict[str, Any], int],
    columns: npt.NDArray[np.int64] | None = None,
) -> lgb.Booster:  # fmt: skip
    """A model of the blocks of `pages`, whose features are `rows`; with `columns`, of these features alone."""
    parameters, rounds = settings
    y = np.concatenate([p.labels.y for p in pages]).astype(np.float64)
    weight = np.concatenate([weights(p) for p in pages])
    known = weight > 0
    chosen = rows[known] if columns is None else rows[np.ix_(known, columns)]
    data = lgb.Dataset(chosen, y[known], weight=weight[known] / weight[known].mean())
    return lgb.train(_COMMON | parameters, data, rounds)


def best_features(model: lgb.Booster, count: int) -> npt.NDArray[np.int64]:
    """The numbers of the features with the most gain, sorted."""
    gain = model.feature_importance("gain")
    return np.sort(np.argsort(-gain, kind="stable")[:count])


def flatten(model: lgb.Booster, columns: npt.NDArray[np.int64] | None, n_features: int) -> Trees:
    """The trees as arrays; `columns` are the numbers of the features that the model was fitted on.

    Thresholds are rounded down to float32, which parts float32 values as the original does.
    """
    feature: list[int] = []
    threshold: list[float] = []
    child: list[int] = []
    value: list[float] = []
    root: list[int] = []
    depths: list[int] = []

    def add(node: dict[str, Any]) -> None:
        leaf = "leaf_value" in node
        split = 0 if leaf else int(node["split_feature"])
        feature.append(split if columns is None else int(columns[split]))
        threshold.append(np.inf if leaf else _down(float(node["threshold"])))
        value.append(float(node["leaf_value"]) if leaf else 0.0)
        child.append(len(child))

    for tree in model.dump_model()["tree_info"]:
        root.append(len(feature))
        add(tree["tree_structure"])
        queue = [(tree["tree_structure"], root[-1], 0)]
        deepest = 0
        for node, place, depth in queue:  # grows while it is read: breadth first
            deepest = max(deepest, depth)
            if "leaf_value" in node:
                continue
            if node["decision_type"] != "<=":
                raise ValueError(f"a split by {node['decision_type']}")
            child[place] = len(feature)
            for side in ("left_child", "right_child"):
                queue.append((node[side], len(feature), depth + 1))
                add(node[side])
        depths.append(deepest)
    numbers = (np.array(x, np.int32) for x in (feature, child, root, depths))
    f, c, r, d = numbers
    return check_trees(Trees(f, np.array(threshold, np.float32), c, np.array(value, np.float32), r, d), n_features)


def _down(threshold: float) -> float:
    single = np.float32(threshold)
    return float(single if float(single) <= threshold else np.nextafter(single, np.float32(-np.inf)))
