"""Writes the golden file of folds by groups: what scikit-learn's StratifiedGroupKFold and GroupKFold give.

usage: python make.py            (NumPy and scikit-learn; their versions are written into the file)

golden.json holds cases. A stratified case has for each group how many photos of each class it holds, and the fold of each
group; groups come in the order of their numbers (shuffle=False). Classes are few, so that NumPy sums them one after another
and the results are equal to the bit. A plain case has the groups' sizes, all different, largest first, and their folds.
"""
import json
import pathlib

import numpy as np
import sklearn
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold


def folds_of(splitter, y, groups, count):
    part = [-1] * count
    for fold, (_, held) in enumerate(splitter.split(np.zeros(len(y)), y, groups)):
        for group in np.unique(groups[held]):
            part[group] = fold
    return part


def stratified(seed, groups, classes, k, largest):
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, largest + 1, (groups, classes)) * (rng.random((groups, classes)) < 0.5)
    counts[np.arange(groups), rng.integers(0, classes, groups)] += 1  # no group is empty
    counts[np.arange(classes), np.arange(classes)] += k  # and no class is smaller than k
    y, of = [], []
    for group, row in enumerate(counts):
        for label, n in enumerate(row):
            y += [label] * int(n)
            of += [group] * int(n)
    part = folds_of(StratifiedGroupKFold(k), np.array(y), np.array(of), groups)
    return {"k": k, "counts": counts.tolist(), "folds": part}


def plain(seed, groups, k):
    rng = np.random.default_rng(seed)
    sizes = np.sort(rng.choice(np.arange(1, 40 * groups), groups, replace=False))[::-1]
    of = np.repeat(np.arange(groups), sizes)
    part = folds_of(GroupKFold(k), np.zeros(len(of)), of, groups)
    return {"k": k, "sizes": sizes.tolist(), "folds": part}


golden = {
    "made_with": {"numpy": np.__version__, "scikit-learn": sklearn.__version__},
    "stratified": [
        stratified(seed, groups, classes, k, largest)
        for seed, (groups, classes, k, largest) in enumerate(
            [(6, 2, 2, 3), (12, 3, 3, 5), (30, 4, 5, 4), (60, 5, 4, 9), (80, 7, 5, 2), (40, 6, 7, 30), (25, 7, 3, 1)]
        )
    ],
    "plain": [plain(seed, groups, k) for seed, (groups, k) in enumerate([(5, 2), (12, 3), (40, 5), (70, 6)])],
}
out = pathlib.Path(__file__).with_name("golden.json")
out.write_text(json.dumps(golden) + "\n")
