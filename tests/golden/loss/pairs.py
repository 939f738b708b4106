"""Golden pair and triplet losses, miners and memory from pytorch-metric-learning, in float64.

usage: python pairs.py > pairs.json    (pytorch-metric-learning 2.9, torch 2.15)

Batches are small enough that torch.cdist takes differences rather than products.
"""
import json, sys
import torch
from pytorch_metric_learning import losses, miners
from pytorch_metric_learning.utils import loss_and_miner_utils as lmu

torch.set_default_dtype(torch.float64)
torch.manual_seed(20240719)

LOSSES = [
    ("ContrastiveLoss", {"pos_margin": 0., "neg_margin": 1.}),
    ("ContrastiveLoss", {"pos_margin": .3, "neg_margin": 1.3}),
    ("TripletMarginLoss", {"margin": .05, "swap": False, "smooth_loss": False}),
    ("TripletMarginLoss", {"margin": .3, "swap": True, "smooth_loss": False}),
    ("TripletMarginLoss", {"margin": .1, "swap": False, "smooth_loss": True}),
    ("MultiSimilarityLoss", {"alpha": 2., "beta": 50., "base": .5}),
    ("MultiSimilarityLoss", {"alpha": 5., "beta": 20., "base": .8}),
    ("CircleLoss", {"m": .4, "gamma": 80.}),
    ("CircleLoss", {"m": .25, "gamma": 4.}),
    ("NTXentLoss", {"temperature": .07}),
    ("NTXentLoss", {"temperature": .5}),
    ("SupConLoss", {"temperature": .1}),
    ("SupConLoss", {"temperature": .6}),
]
DEFAULTS = [LOSSES[i] for i in (0, 2, 5, 7, 9, 11)]
MINERS = [
    ("none", {}),
    ("BatchHardMiner", {}),
    ("BatchEasyHardMiner", {"pos_strategy": "easy", "neg_strategy": "semihard"}),
    ("BatchEasyHardMiner", {"pos_strategy": "semihard", "neg_strategy": "hard"}),
    ("BatchEasyHardMiner", {"pos_strategy": "all", "neg_strategy": "hard"}),
    ("BatchEasyHardMiner", {"pos_strategy": "hard", "neg_strategy": "all"}),
    ("TripletMarginMiner", {"margin": .2, "type_of_triplets": "all"}),
    ("TripletMarginMiner", {"margin": .2, "type_of_triplets": "hard"}),
    ("TripletMarginMiner", {"margin": .2, "type_of_triplets": "semihard"}),
    ("TripletMarginMiner", {"margin": .2, "type_of_triplets": "easy"}),
    ("MultiSimilarityMiner", {"epsilon": .1}),
]
FEW = [MINERS[i] for i in (0, 1, 2, 8, 10)]


def short(values):
    """Numbers with 13 digits, nested lists of them too; embeddings keep all theirs."""
    if isinstance(values, list):
        return [short(v) for v in values]
    return None if values != values else float(f"{values:.13g}")


def near(labels, d, spread):
    """Embeddings around one centre for each label, of different lengths."""
    centres = torch.randn(max(labels) + 1, d)
    x = centres[torch.tensor(labels)] + spread * torch.randn(len(labels), d)
    return x * (.5 + 2 * torch.rand(len(labels), 1))


def make(loss):
    name, settings = loss
    return getattr(losses, name)(**settings)


def miner(chosen):
    name, settings = chosen
    return None if name == "none" else getattr(miners, name)(**settings)


def settings(loss, chosen, memory):
    extra = {"triplets_per_anchor": "all"} if loss[0] == "TripletMarginLoss" else {}
    return {"name": loss[0], **loss[1], **extra, "miner": {"name": chosen[0], **chosen[1]}, "memory": memory}


def one(batch, loss, chosen):
    e = torch.tensor(BATCHES[batch]["embeddings"]).requires_grad_()
    y = torch.tensor(BATCHES[batch]["classes"])
    m = miner(chosen)
    value = make(loss)(e, y, m(e, y) if m else None)
    value.backward()
    return {"batch": batch, "settings": settings(loss, chosen, 0), "value": value.item(), "d_embeddings": short(e.grad.tolist())}


def remember(loss, chosen, size):
    """A memory over several steps, past its end."""
    memory = losses.CrossBatchMemory(make(loss), 4, memory_size=size, miner=miner(chosen))
    steps = []
    for batch in STEPS:
        e = torch.tensor(BATCHES[batch]["embeddings"]).requires_grad_()
        value = memory(e, torch.tensor(BATCHES[batch]["classes"]))
        value.backward()
        steps.append({"batch": batch, "value": value.item(), "d_embeddings": short(e.grad.tolist())})
    left = {"embedding_memory": memory.embedding_memory.tolist(), "label_memory": memory.label_memory.tolist(),
            "queue_idx": memory.queue_idx, "has_been_filled": memory.has_been_filled}
    return {"settings": settings(loss, chosen, size), "steps": steps, "left": left}


def weights(batch):
    """The weights that DistanceWeightedMiner hands to its draw."""
    seen, real = [], lmu.get_random_triplet_indices
    lmu.get_random_triplet_indices = lambda *a, weights, **k: seen.append(weights.tolist()) or real(*a, weights=weights, **k)
    e, y = torch.tensor(BATCHES[batch]["embeddings"]), torch.tensor(BATCHES[batch]["classes"])
    miners.DistanceWeightedMiner()(e, y)
    lmu.get_random_triplet_indices = real
    return {"batch": batch, "weights": short(seen[0])}


BATCHES = {}


def batch(name, embeddings, classes):
    BATCHES[name] = {"embeddings": embeddings.tolist(), "classes": classes}


labels = [0, 0, 1, 1, 2, 2, 2, 3, 0]
batch("plain", near(labels, 5, .7), labels)
batch("no positives", torch.randn(4, 3), [0, 1, 2, 3])
batch("one label", torch.randn(4, 3), [2, 2, 2, 2])
batch("equal", torch.tensor([[.6, -.8, 1.]]).repeat(5, 1), [0, 0, 1, 1, 2])
batch("zero row", torch.cat([near([0, 0, 1, 1], 3, .5), torch.zeros(1, 3)]), [0, 0, 1, 1, 1])
batch("one positive pair", near([0, 0], 3, .5), [0, 0])
batch("wide", near([0, 0, 1, 1, 2, 2, 2, 0], 16, 1.), [0, 0, 1, 1, 2, 2, 2, 0])
STEPS = [f"step {i}" for i in range(6)]
LABELS = [[0, 0, 1, 2], [1, 1, 2, 0], [3, 3, 0, 0], [1, 2, 2, 1], [0, 4, 4, 3], [5, 6, 1, 0]]
walk = torch.randn(7, 4)
for name, y in zip(STEPS, LABELS):
    walk = walk + .1 * torch.randn(7, 4)
    batch(name, walk[y] + .6 * torch.randn(4, 4), y)

cases = [one("plain", l, m) for l in LOSSES for m in (MINERS if l in DEFAULTS else FEW)]
for name in ("no positives", "one label", "equal", "zero row", "one positive pair"):
    # Everything is as far from a zero row, so what is farthest would hang on the last digit.
    chosen = [MINERS[0], MINERS[10]] + ([] if name == "zero row" else [MINERS[1]])
    cases += [one(name, l, m) for l in DEFAULTS for m in chosen]
# Memory 10 goes round in the third step, 4 is filled by each batch; swap reads distances that a memory lacks.
memories = [remember(l, m, 10) for l in DEFAULTS for m in FEW] + [remember(l, MINERS[0], 4) for l in DEFAULTS]
json.dump({"batches": BATCHES, "cases": cases, "memories": memories, "weights": [weights("plain"), weights("wide")]},
          sys.stdout, separators=(",", ":"))
print()
