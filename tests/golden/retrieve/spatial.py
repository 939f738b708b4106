"""Writes spatial.json: pairs of places that OpenCV finds, and the transformations that its RANSAC finds among outliers.

usage: python spatial.py            (NumPy and opencv-python; versions are written into the file)

`mutual`: cv2.BFMatcher with crossCheck over two sets of unit vectors made of whole numbers, so that both sides see the same. `cases`: a planted
similarity (cv2.estimateAffinePartial2D) or affine map (cv2.estimateAffine2D), inliers within a third of the threshold, outliers beyond three
thresholds, positions of whole or broken cells; what is written are OpenCV's own inliers and the map fitted to these by least squares (OpenCV
refines its map by Levenberg and Marquardt, which minimises the same squares).
"""
import json
import pathlib

import cv2
import numpy as np

THRESHOLD = 1.5


def numbers(x, digits=9):
    return [float(f"{v:.{digits}g}") for v in np.asarray(x, np.float64).ravel()]


def mutual(rng, n, m, dim):
    codes = rng.integers(-127, 128, (n + m, dim))
    # Some of the second are near to some of the first.
    codes[n : n + min(n, m) // 2] = np.clip(codes[: min(n, m) // 2] + rng.integers(-20, 21, (min(n, m) // 2, dim)), -127, 127)
    unit = (codes / np.linalg.norm(codes, axis=1, keepdims=True)).astype(np.float32)
    matcher = cv2.BFMatcher(cv2.NORM_L2, crossCheck=True)
    found = matcher.match(unit[:n], unit[n:])
    # On unit vectors the squared distance is 2 - 2 cosine.
    pairs = sorted((f.queryIdx, f.trainIdx, 1 - f.distance**2 / 2) for f in found)
    return {
        "dim": dim,
        "a": codes[:n].ravel().tolist(),
        "b": codes[n:].ravel().tolist(),
        "pairs": [[i, j] for i, j, _ in pairs],
        "cosines": numbers([c for *_, c in pairs], 6),
    }


def planted(rng, model, side, good, bad):
    angle, scale = rng.uniform(-np.pi, np.pi), rng.uniform(0.7, 1.4)
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    if model == "affine":
        linear = linear @ np.array([[1, rng.uniform(-0.3, 0.3)], [0, rng.uniform(0.8, 1.2)]])
    moved = rng.uniform(-side, side, 2)
    a = rng.uniform(0, side, (good + bad, 2))
    b = a @ linear.T + moved
    kind = np.zeros(good + bad, bool)
    kind[rng.permutation(good + bad)[:good]] = True
    for i in range(good + bad):
        if kind[i]:
            b[i] += rng.uniform(-0.25, 0.25, 2) * THRESHOLD
        else:
            right = b[i].copy()
            while np.linalg.norm(b[i] - right) < 3 * THRESHOLD:
                b[i] = rng.uniform(-2 * side, 3 * side, 2)
    return a.round(3), b.round(3), np.flatnonzero(kind)


def fitted(model, a, b):
    x, y = a.T
    one, none = np.ones_like(x), np.zeros_like(x)
    if model == "affine":
        m = np.linalg.lstsq(np.c_[x, y, one], b, rcond=None)[0]
        return m.T.ravel()
    rows = np.r_[np.c_[x, -y, one, none], np.c_[y, x, none, one]]
    c, s, u, v = np.linalg.lstsq(rows, np.r_[b[:, 0], b[:, 1]], rcond=None)[0]
    return np.array([c, -s, u, s, c, v])


def case(rng, model, side, good, bad):
    a, b, kind = planted(rng, model, side, good, bad)
    estimate = cv2.estimateAffine2D if model == "affine" else cv2.estimateAffinePartial2D
    found, mask = estimate(
        a, b, method=cv2.RANSAC, ransacReprojThreshold=THRESHOLD, maxIters=20000, confidence=0.99999, refineIters=50
    )
    inliers = np.flatnonzero(mask.ravel())
    ours = fitted(model, a[inliers], b[inliers])
    assert inliers.tolist() == kind.tolist(), (model, side, good, bad)
    # The same minimum by two ways.
    assert np.abs(ours - found.ravel()).max() < 1e-2, (ours, found)
    pairs = [[numbers(p), numbers(q)] for p, q in zip(a, b)]
    return {"model": model, "pairs": pairs, "inliers": inliers.tolist(), "transform": numbers(ours)}


def main():
    rng = np.random.default_rng(7)
    out = {
        "versions": {"numpy": np.__version__, "opencv": cv2.__version__},
        "threshold": THRESHOLD,
        "mutual": [mutual(rng, *shape) for shape in [(49, 49, 16), (30, 12, 8), (12, 40, 24)]],
        "cases": [
            case(rng, model, side, good, bad)
            for model in ("similarity", "affine")
            for side, good, bad in [(7, 10, 6), (14, 20, 20), (14, 30, 50), (24, 60, 40), (24, 25, 0)]
        ],
    }
    file = pathlib.Path(__file__).with_name("spatial.json")
    file.write_text(json.dumps(out, separators=(",", ":")) + "\n")
    print(file.stat().st_size)


main()
