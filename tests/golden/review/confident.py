"""Writes confident.json: cleanlab's confident joint, label issues and scores on drawn probabilities.

usage: python confident.py            (cleanlab 2.9.0, numpy)
"""
import json
import pathlib

import numpy as np
from cleanlab.count import compute_confident_joint
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores

UNIT = 1 << 24
cases = []


def case(name, seed, n, classes, wrong=0.1, sure=3.0, labels=None):
    draw = np.random.default_rng(seed)
    truth = draw.integers(0, classes, n)
    logits = draw.normal(size=(n, classes))
    logits[np.arange(n), truth] += sure
    given = truth.copy() if labels is None else np.asarray(labels(truth, draw))
    if labels is None:
        swap = draw.random(n) < wrong
        given[swap] = draw.integers(0, classes, int(swap.sum()))
    p = np.exp(logits)
    p /= p.sum(1, keepdims=True)
    # Whole 2^-24ths are the same number in single and double precision.
    whole = np.floor(p * UNIT)
    p = whole / UNIT
    joint = compute_confident_joint(given, p)
    chosen = find_label_issues(given, p, filter_by="prune_by_noise_rate", n_jobs=1)
    cases.append({
        "name": name,
        "classes": classes,
        "labels": given.tolist(),
        "probabilities": whole.astype(int).ravel().tolist(),
        "joint": joint.ravel().tolist(),
        "chosen": chosen.astype(int).tolist(),
        "self_confidence": get_label_quality_scores(given, p, method="self_confidence").round(9).tolist(),
        "normalized_margin": get_label_quality_scores(given, p, method="normalized_margin").round(9).tolist(),
    })


case("usual", 1, 240, 6)
case("many classes of few photos", 2, 120, 24, wrong=0.15, sure=4.0)
case("unsure", 3, 150, 5, wrong=0.3, sure=1.0)
case("a class without a photo", 4, 100, 6, labels=lambda t, d: np.where(t == 3, 2, t))
case("classes with one photo", 5, 90, 8, labels=lambda t, d: np.concatenate([[6, 7], np.where(t[2:] >= 6, d.integers(0, 6, len(t) - 2), t[2:])]))
case("a class that is always taken for another", 6, 100, 4, labels=lambda t, d: np.where((t == 1) & (d.random(len(t)) < 0.4), 2, np.where(t == 2, 3, t)))
pathlib.Path(__file__).with_name("confident.json").write_text(json.dumps(cases, separators=(",", ":")) + "\n")
print([(c["name"], sum(c["chosen"])) for c in cases])
