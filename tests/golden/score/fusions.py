"""What ranx makes of drawn lists: reciprocal rank fusion, and weighted sums under each of its norms.

usage: python tests/golden/score/fusions.py   (needs ranx)
writes fusions.json: {"lists": [for each member, for each query [[doc, score], ... best first]], "weights": of the members,
"fused": {name: [for each query [[doc, score] of every doc, by doc]]}}. Names: "rrf K", or "wsum NORM".

Lists have 4 to 9 of 14 docs; the second member's scores are negative, the third's lists are short.
"""
import json
import pathlib

import numpy as np
import ranx

DOCS, QUERIES, WEIGHTS = 14, 6, [0.5, 0.2, 0.3]
rng = np.random.default_rng(11)


def drawn(scale, shift, most):
    run = {}
    for q in range(QUERIES):
        docs = rng.choice(DOCS, int(rng.integers(4, most)), replace=False)
        scores = np.sort(rng.random(len(docs)) * scale + shift)[::-1]
        run[f"q{q}"] = {f"d{d:02}": float(s) for d, s in zip(docs, scores)}
    return run


members = [drawn(1.0, 0.0, 10), drawn(30.0, -50.0, 10), drawn(0.2, 0.7, 6)]
runs = lambda: [ranx.Run(run) for run in members]
fused = {}
for k in (60, 5):
    fused[f"rrf {k}"] = ranx.fuse(runs(), norm=None, method="rrf", params={"k": k})
for norm in ("min-max", "max", "sum", "zmuv", "rank", "borda"):
    fused[f"wsum {norm}"] = ranx.fuse(runs(), norm=norm, method="wsum", params={"weights": WEIGHTS})
number = lambda doc: int(doc[1:])
table = lambda run: [sorted([number(d), float(s)] for d, s in run[f"q{q}"].items()) for q in range(QUERIES)]
out = {
    "lists": [[[[number(d), s] for d, s in run[f"q{q}"].items()] for q in range(QUERIES)] for run in members],
    "weights": WEIGHTS,
    "fused": {name: table(run.to_dict()) for name, run in fused.items()},
}
path = pathlib.Path(__file__).with_name("fusions.json")
path.write_text(json.dumps(out, separators=(",", ":")) + "\n")
