"""Writes the golden files of the post steps: what scikit-learn and faiss give for PCA, and what the
definition of alpha query expansion gives in NumPy.

usage: python make.py            (NumPy, scikit-learn and faiss-cpu; versions are written into the file)

golden.json holds for each case its input and output as lists of float32 numbers, row-major. Inputs are drawn
with a few strong directions, so that no two eigenvalues are close and a direction is not a matter of luck.
"""
import json
import pathlib

import faiss
import numpy as np
import sklearn
from sklearn.decomposition import PCA


def drawn(n, d, seed, decay):
    rng = np.random.default_rng(seed)
    basis, _ = np.linalg.qr(rng.standard_normal((d, d)))
    x = rng.standard_normal((n, d)) * decay ** np.arange(d) @ basis.T + 0.5 * rng.standard_normal(d)
    return x.astype(np.float32)


def numbers(x):
    return [float(f"{v:.9g}") for v in np.asarray(x, np.float32).ravel()]


def pca_case(queries, gallery, dim, whiten, fit):
    both = np.concatenate([gallery, queries]) if fit == "both" else gallery
    pca = PCA(dim, whiten=whiten, svd_solver="full").fit(both.astype(np.float64))
    result = {
        "dim": dim, "whiten": whiten, "fit": fit,
        "queries": numbers(pca.transform(queries.astype(np.float64))),
        "gallery": numbers(pca.transform(gallery.astype(np.float64))),
        "variance": [float(v) for v in pca.explained_variance_],
    }
    # faiss agrees up to the sign of each direction, which it leaves open; when it whitens, it divides by the root
    # of the sum of squares and not of the variance.
    matrix = faiss.PCAMatrix(gallery.shape[1], dim, -0.5 if whiten else 0)
    matrix.train(both)
    other = matrix.apply(gallery) * (np.sqrt(len(both) - 1) if whiten else 1)
    worst = np.abs(np.abs(other) - np.abs(np.reshape(result["gallery"], other.shape))).max()
    assert worst < 2e-3, worst
    return result


def alpha_qe_case(queries, gallery, k, alpha):
    unit = lambda x: x / np.linalg.norm(x, axis=1, keepdims=True)
    q, g = unit(queries.astype(np.float64)), unit(gallery.astype(np.float64))
    similarity = q @ g.T
    nearest = np.argsort(-similarity, axis=1, kind="stable")[:, :k]
    s = np.take_along_axis(similarity, nearest, 1)
    weights = np.where(s > 0, np.maximum(s, 0) ** alpha, 0)
    moved = unit(q + np.einsum("qk,qkd->qd", weights, g[nearest]))
    return {"k": k, "alpha": alpha, "queries": numbers(moved)}


queries, gallery = drawn(9, 24, 1, 0.85), drawn(60, 24, 2, 0.85)
golden = {
    "made_with": {"numpy": np.__version__, "sklearn": sklearn.__version__, "faiss": faiss.__version__},
    "d": 24,
    "queries": numbers(queries),
    "gallery": numbers(gallery),
    "pca": [
        pca_case(queries, gallery, 8, False, "gallery"),
        pca_case(queries, gallery, 12, True, "gallery"),
        pca_case(queries, gallery, 24, False, "both"),
        pca_case(queries, gallery, 6, True, "both"),
    ],
    "alpha_qe": [
        alpha_qe_case(queries, gallery, 3, 3.0),
        alpha_qe_case(queries, gallery, 10, 1.0),
        alpha_qe_case(queries, gallery, 60, 0.0),
    ],
}
path = pathlib.Path(__file__).with_name("golden.json")
path.write_text(json.dumps(golden) + "\n")
print(path.stat().st_size, "bytes")
