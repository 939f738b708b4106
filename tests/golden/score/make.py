"""What ranx, trec_eval, scikit-learn and pytorch-metric-learning say of drawn lists.

usage: python tests/golden/score/make.py   (needs ranx, pytrec_eval, scikit-learn, pytorch-metric-learning)
writes metrics.json: {"k": places, "queries": [{"ranks": of relevant ids in the list, "relevant": in the gallery}, ...],
"per_query": {name: [value of each query]}, "mean": {name: value}}. Names are ours.

Lists have 20 places of a gallery of 60. Where a query has more relevant ids than k, MAP is left out of the comparison: ranx and trec_eval
divide by all of them, we by at most k.
"""
import json
import pathlib

import numpy as np
import pytrec_eval
import ranx
import torch
from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator
from sklearn.metrics import ndcg_score

GALLERY, PLACES, K, QUERIES = 60, 20, 10, 40
rng = np.random.default_rng(7)
qrels, run, queries, complete = {}, {}, [], []
for q in range(QUERIES):
    relevant = 0 if q % 9 == 8 else int(rng.integers(1, 15))
    scores = rng.permutation(GALLERY) + 1.0  # no ties
    chosen = set(map(int, rng.choice(GALLERY, relevant, replace=False)))
    # Better than chance, so that first places occur.
    for doc in chosen:
        scores[doc] += rng.choice([0.0, 40.5])
    order = np.argsort(-scores, kind="stable")
    name = f"q{q:02}"
    # trec_eval and ranx want a judgement for every query: one that is not relevant says there is none.
    qrels[name] = {f"d{d:02}": int(d in chosen) for d in range(GALLERY)}
    run[name] = {f"d{d:02}": float(scores[d]) for d in order[:PLACES]}
    queries.append({"ranks": [i + 1 for i, d in enumerate(order[:PLACES]) if int(d) in chosen], "relevant": relevant})
    complete.append((np.array([float(d in chosen) for d in range(GALLERY)]), scores))

per_query, mean = {}, {}
names = {"mrr": "MRR", "map": "MAP", "recall": "Recall", "hit_rate": "HitRate", "precision": "Precision", "ndcg": "nDCG"}
answerable = {name: row for name, row in qrels.items() if any(row.values())}
found = ranx.evaluate(ranx.Qrels(answerable), ranx.Run({name: run[name] for name in answerable}),
                      [f"{name}@{K}" for name in names], return_mean=False)
for name, ours in names.items():
    values = dict(zip(sorted(answerable), found[f"{name}@{K}"].tolist()))
    per_query[f"ranx {ours}"] = [values.get(f"q{q:02}", 0.0) for q in range(QUERIES)]
measures = {f"map_cut_{K}": "MAP", f"recall_{K}": "Recall", f"P_{K}": "Precision", f"ndcg_cut_{K}": "nDCG", f"success_{K}": "HitRate"}
trec = pytrec_eval.RelevanceEvaluator(qrels, {"map_cut", "recall", "P", "ndcg_cut", "success", "recip_rank"}).evaluate(run)
for theirs, ours in measures.items():
    if theirs in trec["q00"]:
        per_query[f"trec_eval {ours}"] = [trec[f"q{q:02}"][theirs] for q in range(QUERIES)]
per_query["trec_eval MRR over all places"] = [trec[f"q{q:02}"]["recip_rank"] for q in range(QUERIES)]
per_query["scikit-learn nDCG"] = [
    float(ndcg_score(relevance[None], scores[None], k=K)) if relevance.any() else 0.0 for relevance, scores in complete]

# MAP@R of pytorch-metric-learning over queries with an answer, with embeddings whose cosines are in the wanted order.
embeddings, labels = torch.eye(12).repeat(6, 1) + 0.6 * torch.tensor(rng.standard_normal((72, 12)), dtype=torch.float32), torch.arange(72) % 12
embeddings = torch.nn.functional.normalize(embeddings)
calculator = AccuracyCalculator(include=("mean_average_precision_at_r", "precision_at_1"), k="max_bin_count", device=torch.device("cpu"))
scores = calculator.get_accuracy(embeddings, labels)
similar = (embeddings @ embeddings.T).numpy()
np.fill_diagonal(similar, -2)
order = np.argsort(-similar, 1, kind="stable")
rows = [{"ranks": [i + 1 for i, d in enumerate(order[q][:-1]) if labels[d] == labels[q]], "relevant": 5} for q in range(72)]
mean["pytorch-metric-learning MAP@R"] = float(scores["mean_average_precision_at_r"])
mean["pytorch-metric-learning precision_at_1"] = float(scores["precision_at_1"])

rounded = {name: [round(float(v), 9) for v in values] for name, values in per_query.items()}
out = {"k": K, "queries": queries, "per_query": rounded, "alike": rows, "mean": mean}
pathlib.Path(__file__).with_name("metrics.json").write_text(json.dumps(out))
