"""Writes lab.json: what NumPy, scikit-learn's kind of formulas, SciPy and faiss give for the steps of a post chain.

usage: python lab.py            (NumPy, SciPy and faiss-cpu; versions are written into the file)

Each method is written down here from its paper or as its authors' code does it, over dense matrices where the program is sparse:
expansion by neighbours (faiss finds them), supervised whitening (cirtorch's formulas), negative subtraction (ISC21's first place),
k-reciprocal re-ranking (Zhong et al.), diffusion (fyang93's offline form, SciPy's conjugate gradients), CSLS, inverted softmax,
sort-and-insert (Landmark 2019's first place), coarse agreement (Landmark 2021's second), the threshold of HappyWhale 2022's
first by its bisection. Labels are clusters, so that lists have something to find.
"""
import json
import pathlib

import faiss
import numpy as np
import scipy
from scipy import sparse
from scipy.sparse.linalg import cg

LABELS, D = 9, 8


def unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def photos(rng, centres, labels):
    return (centres[labels] + 0.6 * rng.standard_normal((len(labels), D))).astype(np.float32)


def numbers(x, digits=8):
    return [float(f"{v:.{digits}g}") for v in np.asarray(x, np.float64).ravel()]


def scores(x):
    return [round(float(v), 6) for v in np.asarray(x).ravel()]


def near(rows, others, k, skip_self=False):
    """faiss's exact neighbours; without each row itself where rows and others are one set."""
    index = faiss.IndexFlatIP(D)
    index.add(np.ascontiguousarray(unit(others.astype(np.float64)), np.float32))
    s, i = index.search(np.ascontiguousarray(unit(rows.astype(np.float64)), np.float32), k + skip_self)
    if skip_self:
        keep = i != np.arange(len(rows))[:, None]
        assert (keep.sum(1) == k).all()
        s, i = s[keep].reshape(-1, k), i[keep].reshape(-1, k)
    # faiss sums in float32; the pairs are its own, the numbers are not.
    return (unit(rows.astype(np.float64))[:, None] * unit(others.astype(np.float64))[i]).sum(-1), i


def moved(rows, others, k, alpha, skip_self=False):
    s, i = near(rows, others, k, skip_self)
    w = np.where(s > 0, np.maximum(s, 0) ** alpha, 0)
    return unit(unit(rows.astype(np.float64)) + np.einsum("qk,qkd->qd", w, unit(others.astype(np.float64))[i]))


def inb(q, g, k, thresholds, min2):
    x = unit(np.concatenate([g, q]).astype(np.float64))
    for threshold in thresholds:
        s = x @ x.T
        np.fill_diagonal(s, -np.inf)
        order = np.argsort(-s, axis=1)[:, :k]
        out = x.copy()
        for i in range(len(x)):
            for rank, j in enumerate(order[i]):
                if s[i, j] > 0 and (s[i, j] > threshold or (min2 and rank == 0)):
                    out[i] += s[i, j] * x[j]
        x = unit(out)
    return {"queries": numbers(x[len(g):]), "gallery": numbers(x[: len(g)])}


def negatives(q, g, t, k, beta, iterations, dba_k, dba_alpha):
    t = unit(t.astype(np.float64))
    s, i = near(t, t, dba_k)
    # The published code has no maximum: a negative cosine's power is as small as it is without a meaning.
    t = unit((t[i] * (np.maximum(s, 0)[:, :, None] ** dba_alpha)).sum(1))
    out = []
    for x in (q, g):
        x = unit(x.astype(np.float64))
        for _ in range(iterations):
            _, i = near(x, t, k)
            x = unit(x - t[i].mean(1) * beta)
        out.append(numbers(x))
    return {"queries": out[0], "gallery": out[1]}


def whiten(q, g, t, labels, dim):
    pairs = []
    for label in np.unique(labels):
        rows = np.where(labels == label)[0]
        pairs += [(a, b) for a, b in zip(rows, np.roll(rows, -1)) if a != b]
    first, second = np.array(pairs).T
    x = t.astype(np.float64).T
    m = x[:, first].mean(1, keepdims=True)
    df = x[:, first] - x[:, second]
    p = np.linalg.inv(np.linalg.cholesky(df @ df.T / df.shape[1]))
    df = p @ (x - m)
    value, vector = np.linalg.eigh(df @ df.T)
    p = (vector[:, np.argsort(-value)].T @ p)[:dim]
    p *= np.sign(p[np.arange(dim), np.abs(p).argmax(1)])[:, None]
    return [numbers(unit((p @ (y.astype(np.float64).T - m)).T)) for y in (q, g)]


def k_reciprocal(q, g, k1, k2, weight):
    x = unit(np.concatenate([q, g]).astype(np.float64))
    n = len(x)
    dist = 2 - 2 * (x @ x.T)
    np.fill_diagonal(dist, 0)
    dist = (dist / dist.max(0)).T
    order = np.argsort(dist, axis=1)

    def mutual(i, k):
        ahead = order[i, : k + 1]
        return ahead[(order[ahead, : k + 1] == i).any(1)]

    v = np.zeros((n, n))
    for i in range(n):
        core = mutual(i, k1)
        grown = core
        for c in core:
            other = mutual(c, int(np.around(k1 / 2)))
            if len(np.intersect1d(other, core)) > 2 / 3 * len(other):
                grown = np.append(grown, other)
        grown = np.unique(grown)
        w = np.exp(-dist[i, grown])
        v[i, grown] = w / w.sum()
    if k2 != 1:
        v = np.stack([v[order[i, :k2]].mean(0) for i in range(n)])
    final = np.zeros((len(q), n))
    for i in range(len(q)):
        least = np.minimum(v[i], v).sum(1)
        final[i] = (1 - least / (2 - least)) * (1 - weight) + dist[i] * weight
    return 1 - final[:, len(q):]


def diffusion(q, g, kd, gamma, alpha, truncation):
    x = unit(np.concatenate([q, g]).astype(np.float64))
    n = len(x)
    s, ids = near(x, x, truncation)
    ids[:, 0], s[:, 0] = np.arange(n), 1
    sims = np.maximum(s[:, :kd], 0) ** gamma
    affinity = np.zeros((n, n))
    for i in range(n):
        mutual = (ids[ids[i, :kd], :kd] == i).any(1)
        affinity[i, ids[i, :kd][mutual]] = sims[i][mutual]
    np.fill_diagonal(affinity, 0)
    root = 1 / np.sqrt(affinity.sum(1) + 1e-12)
    lap = np.eye(n) - alpha * root[:, None] * affinity * root[None]
    start = np.zeros(truncation)
    start[0] = 1
    f = np.zeros((n, n))
    for i in range(n):
        part = sparse.csr_matrix(lap[np.ix_(ids[i], ids[i])])
        f[i, ids[i]], _ = cg(part, start, rtol=1e-6, maxiter=20)
    f = unit(f)
    return f[: len(q)] @ f[len(q):].T


def vote(x, t, labels, k):
    s, i = near(x, t, k)
    label, score = [], []
    for row, cosines in zip(labels[i], s):
        sums = {}
        for l, c in zip(row, cosines):
            sums[l] = sums.get(l, 0) + c
        best = max(sums, key=sums.get)
        label.append(best)
        score.append(sums[best] / k)
    return np.array(label), np.array(score)


def sort_insert(q, g, t, labels, votes, threshold, depth):
    _, lists = near(q, g, depth)
    ql, qs = vote(q, t, labels, votes)
    gl, gs = vote(g, t, labels, votes)
    out = []
    for i, ids in enumerate(lists):
        lifted, rest = [j for j in ids if gl[j] == ql[i]], [j for j in ids if gl[j] != ql[i]]
        more = [j for j in np.argsort(-gs, kind="stable") if gl[j] == ql[i] and qs[i] + gs[j] > threshold and j not in ids]
        out.append([int(j) for j in (lifted + more + rest)[:depth]])
    return out


def coarse(q, g, t, labels, wide, votes, alpha, beta):
    out = unit(q.astype(np.float64)) @ unit(g.astype(np.float64)).T
    s, i = near(q, t, votes)
    s = np.maximum(s, 0)
    _, nearest = near(g, t, 1)
    for of, weight in ((labels, alpha), (wide, beta)):
        for row in range(len(q)):
            share = np.array([(s[row] * (of[i[row]] == l)).sum() for l in of[nearest[:, 0]]]) / s[row].sum()
            out[row] += weight * share
    return out


def threshold(best, ratio):
    ok, bad = -1.0, 1.0
    for _ in range(60):
        mid = (ok + bad) / 2
        ok, bad = (mid, bad) if (best < mid).mean() <= ratio else (ok, mid)
    return ok


rng = np.random.default_rng(11)
centres = rng.standard_normal((LABELS, D))
wide = np.arange(LABELS) % 3
tl, ql, gl = np.repeat(np.arange(LABELS), 5), rng.integers(0, LABELS, 9), rng.integers(0, LABELS, 120)
t, q, g = photos(rng, centres, tl), photos(rng, centres, ql), photos(rng, centres, gl)
u, v = unit(q.astype(np.float64)), unit(g.astype(np.float64))
cosine = u @ v.T
top = lambda x, k, axis: np.sort(x, axis=axis)[-k:].mean(axis) if axis == 0 else np.sort(x, axis=axis)[:, -k:].mean(axis)
beta = 30.0
logits_q, logits_g = u @ unit(centres).T, v @ unit(centres).T
golden = {
    "made_with": {"numpy": np.__version__, "scipy": scipy.__version__, "faiss": faiss.__version__},
    "d": D, "queries": numbers(q, 9), "gallery": numbers(g, 9), "labelled": numbers(t, 9),
    "labels": tl.tolist(), "coarse": wide[tl].tolist(),
    "aqe": numbers(moved(q, g, 4, 0.0)),
    "dba": numbers(moved(g, g, 6, 3.0, True)),
    "inb": inb(q, g, 20, [0.5, 0.6, 0.7], True),
    "negative": negatives(q, g, t, 10, 0.35, 2, 10, 3.0),
    "whiten": whiten(q, g, t, tl, 6),
    "k_reciprocal": [
        {"k1": k1, "k2": k2, "lambda": l, "scores": scores(k_reciprocal(q, g, k1, k2, l))}
        for k1, k2, l in ((20, 6, 0.3), (7, 1, 0.0), (10, 3, 0.5))
    ],
    "diffusion": {"kd": 12, "truncation": 40, "scores": scores(diffusion(q, g, 12, 3.0, 0.99, 40))},
    "csls": scores(2 * cosine - top(cosine, 5, 1)[:, None] - top(cosine, 5, 0)[None]),
    "inverted_softmax": scores(beta * cosine - np.log(np.exp(beta * cosine).sum(0))[None]),
    "sort_insert": sort_insert(q, g, t, tl, 3, 1.2, 100),
    "coarse_agreement": scores(coarse(q, g, t, tl, wide[tl], 3, 1.0, 0.1)),
    "logits": [numbers(logits_q, 9), numbers(logits_g, 9)],
    "class_logits": scores(0.5 * cosine + 0.5 * logits_q[:, logits_g.argmax(1)]),
    "non_target": scores(
        cosine - (top(u @ unit(t.astype(np.float64)).T, 5, 1)[:, None] + top(v @ unit(t.astype(np.float64)).T, 5, 1)[None])
    ),
    "threshold": threshold(cosine.max(1), 0.165),
}
path = pathlib.Path(__file__).with_name("lab.json")
path.write_text(json.dumps(golden) + "\n")
print(path.stat().st_size, "bytes", [len(x) for x in golden["sort_insert"]][:3])
