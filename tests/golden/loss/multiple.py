"""Golden sums of losses from pytorch-metric-learning's MultipleLosses, in float64; with a coarse label, the sum as
HappyWhale 2022's first place writes it (knshnb/kaggle-happywhale-1st-place, src/train.py), over the library's losses.

usage: python multiple.py > multiple.json    (pytorch-metric-learning 2.9, torch 2.15)
"""
import json, sys
import torch
from pytorch_metric_learning import losses, miners

torch.set_default_dtype(torch.float64)
torch.manual_seed(20261127)
b, d, n = 8, 6, 4
y = torch.tensor([0, 1, 2, 3, 1, 0, 3, 2])
groups = torch.tensor([1, 0, 0, 2])                   # coarse label of each class
coarse = groups[y]
counts, coarse_counts = [40, 3, 1, 7], [4, 40, 7]
directions = torch.randn(n, d)
x = (directions[y] + .6 * torch.randn(b, d)) * (.5 + 2 * torch.rand(b, 1))
NONE = {"miner": {"name": "none"}, "memory": 0}


def head(rows):
    return torch.randn(rows, d) * .7


def proxy(name, arguments, classes=n, per_class=1, slot="W", extra=()):
    """A loss of the library with a head that is drawn here; the library stores it as [d, n]."""
    loss = getattr(losses, name)(num_classes=classes, embedding_size=d, **arguments)
    loss.cast_types = lambda *_: None
    weight = head(classes * per_class).requires_grad_()
    del loss._parameters[slot]
    setattr(loss, slot, weight.t())
    settings = {"name": name, "init_std": .01} | {k: float(v) if k in ("margin", "scale") else v for k, v in arguments.items()}
    return {"settings": settings | dict(extra), "loss": loss, "head": [weight]}


def pairs(name, arguments, miner=None, extra=()):
    """A loss over pairs of the library."""
    settings = {"name": name} | arguments | NONE
    if miner:
        settings["miner"] = {"name": miner[0]} | miner[1]
    loss = getattr(losses, name)(**{k: v for k, v in arguments.items() if k != "triplets_per_anchor"})
    chosen = getattr(miners, miner[0])(**miner[1]) if miner else None
    return {"settings": settings | dict(extra), "loss": loss, "miner": chosen, "head": []}


def arcface(margin=17.2, scale=30, **more):
    return proxy("ArcFaceLoss", {"margin": margin, "scale": scale}, **more)


TRIPLET = ("TripletMarginLoss", {"margin": .3, "swap": False, "smooth_loss": False, "triplets_per_anchor": "all"})
OF_COARSE = {"label": "coarse"}


def case(inner, weights):
    """`weights` None: the library's default. Losses with a coarse label are summed by hand."""
    e = x.clone().requires_grad_()
    if any(part["settings"].get("label") == "coarse" for part in inner):
        each = [part["loss"](e, coarse if part["settings"].get("label") == "coarse" else y) for part in inner]
        value = sum(w * one for w, one in zip(weights or [1] * len(inner), each))
    else:
        chosen = [part.get("miner") for part in inner]
        sum_of = losses.MultipleLosses([part["loss"] for part in inner], weights=weights,
                                       miners=chosen if any(chosen) else None)
        value = sum_of(e, y)
    value.backward()
    settings = {"name": "MultipleLosses", "losses": [part["settings"] for part in inner]}
    if weights:
        settings["weights"] = weights
    heads = [weight for part in inner for weight in part["head"]]
    return {"settings": settings, "head": [w.tolist() for w in heads], "value": value.item(),
            "d_embeddings": e.grad.tolist(), "d_head": [w.grad.tolist() for w in heads]}


cases = [
    case([arcface(), pairs(*TRIPLET)], [1., .5]),
    case([pairs("MultiSimilarityLoss", {"alpha": 2., "beta": 50., "base": .5}, ("MultiSimilarityMiner", {"epsilon": .1})),
          proxy("CosFaceLoss", {"margin": .35, "scale": 30})], [.25, 2.]),
    case([proxy("SubCenterArcFaceLoss", {"margin": 28.6, "scale": 5, "sub_centers": 3}, per_class=3),
          proxy("NormalizedSoftmaxLoss", {"temperature": .05}),
          pairs("ContrastiveLoss", {"pos_margin": 0., "neg_margin": 1.})], None),
    case([arcface(), arcface(28.6, 64)], [.01, 10.]),
    case([pairs("NTXentLoss", {"temperature": .07})], [3.]),
    case([arcface(), arcface(11.5, 33.1, classes=3, extra=OF_COARSE)], [.437, .563]),
    case([proxy("SubCenterArcFaceLoss", {"margin": 17.2, "scale": 21, "sub_centers": 2}, per_class=2),
          proxy("SubCenterArcFaceLoss", {"margin": 17.2, "scale": 33, "sub_centers": 2}, classes=3, per_class=2, extra=OF_COARSE),
          pairs(*TRIPLET, extra=OF_COARSE)], [1., .5, .1]),
    case([pairs("SupConLoss", {"temperature": .1}, extra=OF_COARSE), proxy("CosFaceLoss", {"margin": .1, "scale": 5})], None),
]
json.dump({"embeddings": x.tolist(), "classes": y.tolist(), "coarse": coarse.tolist(), "counts": counts,
           "coarse_counts": coarse_counts, "cases": cases}, sys.stdout, separators=(",", ":"))
print()
