"""Golden losses and gradients from PyTorch and pytorch-metric-learning, in float64.

usage: python make.py > losses.json    (pytorch-metric-learning 2.9, torch 2.15)
"""
import json, math, sys
import torch
from pytorch_metric_learning import losses

torch.set_default_dtype(torch.float64)
torch.manual_seed(20240607)
b, d, n = 6, 5, 4
x = torch.randn(b, d) * 2
W = torch.randn(n, d) * .7
bias = torch.randn(n) * .3
y = torch.tensor([0, 1, 2, 3, 1, 0])
# Row 4 lies almost opposite to its class (angle + margin > 180 degrees), row 5 almost on it.
x[4] = -1.3 * W[1] + .05 * torch.randn(d)
x[5] = 2.1 * W[0] + .05 * torch.randn(d)


def run(name, settings, module, weights):
    e = x.clone().requires_grad_()
    loss = module(e)
    loss.backward()
    return {"settings": {"name": name, **settings}, "value": loss.item(), "d_embeddings": e.grad.tolist(),
            "d_head": [g().tolist() for g in weights]}


def metric(name, arguments, settings):
    loss = getattr(losses, name)(num_classes=n, embedding_size=d, **arguments)
    loss.W.data = W.t().clone()                       # the library stores [d, n]
    return run(name, settings, lambda e: loss(e, y), [lambda: loss.W.grad.t()])


def linear(smoothing):
    layer = torch.nn.Linear(d, n)
    layer.weight.data, layer.bias.data = W.clone(), bias.clone()
    return run("CrossEntropyLoss", {"label_smoothing": smoothing},
               lambda e: torch.nn.CrossEntropyLoss(label_smoothing=smoothing)(layer(e), y),
               [lambda: layer.weight.grad, lambda: layer.bias.grad])


cases = [linear(0.), linear(.1)]
for t in (.05, .5):
    cases.append(metric("NormalizedSoftmaxLoss", {"temperature": t}, {"temperature": t, "init_std": .01}))
for m, s in ((28.6, 64), (17.2, 30), (0, 10), (120, 2)):
    cases.append(metric("ArcFaceLoss", {"margin": m, "scale": s}, {"margin": float(m), "scale": float(s), "init_std": .01}))
json.dump({"embeddings": x.tolist(), "weight": W.tolist(), "bias": bias.tolist(), "classes": y.tolist(), "cases": cases},
          sys.stdout, indent=1)
print()
