"""The peers' side of `search` and `rerank`: faiss, and k-reciprocal re-ranking in NumPy as it is published.

usage: retrieval.py search QUERIES GALLERY DIM | rerank PHOTOS PHOTOS DIM

`search` is exact top 100 by IndexFlatIP of unit rows, building the index included. `rerank` follows Zhong et al., CVPR 2017 (k1 20,
k2 6, lambda 0.3) over dense matrices: distances and weights of all photos with all,
each of one set being a query. Prints one line of JSON: queries per second by
wall and processor time, peak memory of the process, and what of it the work needed, in MiB.
"""
import json
import os
import resource
import sys
import time

import numpy as np

mode, queries, gallery, dim = sys.argv[1], *map(int, sys.argv[2:5])


def data(n, seed):
    x = np.random.default_rng(seed).standard_normal((n, dim), np.float32)
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def search(q, g):
    index = faiss.IndexFlatIP(dim)
    index.add(g)
    index.search(q, 100)


def rerank(x, _, k1=20, k2=6, weight=0.3):
    n = len(x)
    original = 2 - 2 * (x @ x.T)
    original = (original / original.max(0)).T
    near = np.argpartition(original, range(1, k1 + 1))[:, : k1 + 1]

    def mutual(i, k):
        ahead = near[i, : k + 1]
        return ahead[(near[ahead, : k + 1] == i).any(1)]

    v = np.zeros_like(original)
    for i in range(n):
        core = mutual(i, k1)
        grown = core
        for c in core:
            other = mutual(c, round(k1 / 2))
            if len(np.intersect1d(other, core)) > 2 / 3 * len(other):
                grown = np.append(grown, other)
        grown = np.unique(grown)
        w = np.exp(-original[i, grown])
        v[i, grown] = w / w.sum()
    v = np.stack([v[near[i, :k2]].mean(0) for i in range(n)])
    who = [np.where(v[:, i] != 0)[0] for i in range(n)]
    final = np.zeros((n, n), np.float32)
    for i in range(n):
        least = np.zeros(n, np.float32)
        for j in np.where(v[i] != 0)[0]:
            least[who[j]] += np.minimum(v[i, j], v[who[j], j])
        final[i] = (1 - least / (2 - least)) * (1 - weight) + original[i] * weight
    return np.argpartition(final, range(100))[:, :100]


work = {"search": search, "rerank": rerank}[mode]
threads = int(os.environ.get("OMP_NUM_THREADS", "2"))
if mode == "search":
    import faiss

    faiss.omp_set_num_threads(threads)
q = data(queries, 1)
g = data(gallery, 0) if mode == "search" else q
work(q[:400], g[:400])
held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
wall, processor = time.perf_counter(), time.process_time()
work(q, g)
wall, processor = time.perf_counter() - wall, time.process_time() - processor
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"value": queries / wall, "by_processor": queries / processor, "peak_mib": peak, "step_mib": peak - held}))
