"""Golden trainings by PyTorch in float32: optimisers and timm's average of weights alone, and a whole small training.

usage: python make.py [FOLDER] [NAME ...]    writes adamw.json, sgd.json, ema.json, fit.json, or those named
(torch 2.15, timm 1.0.31; pytorch-metric-learning 2.9 for fit)
"""
import json, math, sys
from pathlib import Path
import torch

folder = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent)


def moved(settings, optimizer, p, gradients):
    """Steps under a cosine, and the weights after some of them."""
    start, steps, after = p.detach().clone(), len(gradients), {}
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = settings["lr"] * .5 * (1 + math.cos(math.pi * step / steps))
        p.grad = gradients[step].clone()
        optimizer.step()
        if step + 1 in (1, 10, steps):
            after[step + 1] = p.detach().tolist()
    return {**settings, "start": start.tolist(), "gradients": gradients.tolist(), "after": after}


def sgd():
    """20 steps each, plain, with momentum, with Nesterov's."""
    torch.manual_seed(8)
    cases = []
    for momentum, nesterov, decay in ((0., False, 0.), (0., False, .1), (.9, False, 1e-2), (.8, True, .1)):
        p = torch.nn.Parameter(torch.randn(5))
        settings = {"lr": 3e-2, "momentum": momentum, "weight_decay": decay, "nesterov": nesterov}
        optimizer = torch.optim.SGD([p], foreach=False, **settings)
        cases.append(moved({"name": "SGD", **settings}, optimizer, p, torch.randn(20, 5)))
    return cases


def ema():
    """The weights after each of 30 steps, and timm's average of them."""
    from timm.utils import ModelEmaV3
    torch.manual_seed(9)
    cases = []
    for decay, warmup in ((.9, False), (.85, True)):
        net = torch.nn.Linear(5, 1, bias=False)
        average, weights, averages = ModelEmaV3(net, decay=decay, use_warmup=warmup), [], []
        for step in range(30):
            net.weight.data += .1 * torch.randn(1, 5)
            average.update(net, step + 1)
            weights.append(net.weight[0].tolist())
            averages.append(average.module.weight[0].tolist())
        cases.append({"decay": decay, "warmup": warmup, "weights": weights, "averages": averages})
    return cases


def adamw():
    """50 steps under a moving learning rate, with gradients from tiny to large."""
    torch.manual_seed(7)
    cases = []
    for lr, betas, eps, decay in ((1e-3, (.9, .999), 1e-8, 5e-4), (3e-2, (.8, .95), 1e-6, .1), (1e-2, (.9, .999), 1e-8, 0.)):
        p = torch.nn.Parameter(torch.randn(7))
        gradients = torch.randn(50, 7) * torch.logspace(-6, 1, 7)
        optimizer = torch.optim.AdamW([p], lr, betas, eps, decay, foreach=False)
        settings = {"name": "AdamW", "lr": lr, "betas": betas, "eps": eps, "weight_decay": decay}
        cases.append(moved(settings, optimizer, p, gradients))
    return cases


class Tiny(torch.nn.Module):
    """Two convolutions with batch norm that halve 4×4 pictures to one pixel, then a linear layer."""

    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = torch.nn.Conv2d(3, 4, 3, 2, 1, bias=False), torch.nn.BatchNorm2d(4)
        self.conv2, self.bn2 = torch.nn.Conv2d(4, 6, 3, 2, 1, bias=False), torch.nn.BatchNorm2d(6)
        self.fc = torch.nn.Linear(6, 5)

    def forward(self, x):
        x = torch.relu(self.bn1(self.conv1(x)))
        x = torch.relu(self.bn2(self.conv2(x)))
        return self.fc(x.mean((2, 3)))


def fit():
    """Four epochs of three steps, ArcFace, warm-up times cosine, neck and head at twice the rate.

    First AdamW with clipping and batches of 8. Then SGD with two batches of 4 a step, rates that fall from layer to
    layer, no decay of vectors, and timm's average of the weights, which is what counts in the end.
    """
    from pytorch_metric_learning import losses
    from timm.utils import ModelEmaV3
    torch.manual_seed(11)
    images, classes = torch.randn(24, 3, 4, 4), torch.arange(24) % 3
    cases = []
    for second in (False, True):
        net, arcface = Tiny(), losses.ArcFaceLoss(num_classes=3, embedding_size=5, margin=17.2, scale=30)
        torch.nn.init.normal_(arcface.W, 0, .1)
        net.loss = arcface
        tensors = lambda net: {k: (v.t() if k == "loss.W" else v).flatten().tolist()
                               for k, v in net.state_dict().items() if "num_batches" not in k}
        start, steps, warmup = tensors(net), 12, 2
        scale = {"conv1": .25, "bn1": .25, "conv2": .5, "bn2": .5} if second else {}
        groups = [{"params": [p], "factor": scale.get(name.split(".")[0], 2 if name.split(".")[0] in ("fc", "loss") else 1),
                   "weight_decay": 0. if second and p.ndim == 1 else .05} for name, p in net.named_parameters()]
        lr = 1e-3 if second else 2e-3
        optimizer = torch.optim.SGD(groups, lr, momentum=.9, nesterov=True) if second else torch.optim.AdamW(groups, lr)
        average = ModelEmaV3(net, decay=.8, use_warmup=True)
        values, norms = [], []
        for step in range(steps):
            rate = lr * min(1, (step + 1) / warmup) * .5 * (1 + math.cos(math.pi * step / steps))
            for g in optimizer.param_groups:
                g["lr"] = rate * g["factor"]
            optimizer.zero_grad()
            value, first = 0, step % 3 * 8
            rows = [slice(first, first + 4), slice(first + 4, first + 8)] if second else [slice(first, first + 8)]
            for part in rows:
                loss = arcface(net(images[part]), classes[part]) / len(rows)
                loss.backward()
                value += loss.item()
            norms.append(torch.nn.utils.clip_grad_norm_(net.parameters(), 1e9 if second else 65.).item())
            optimizer.step()
            average.update(net, step + 1)
            values.append(value)
        cases.append({"start": start, "losses": values, "norms": norms, "end": tensors(average.module if second else net)})
    return {"images": images.flatten().tolist(), "cases": cases}


for make in (adamw, sgd, ema, fit):
    if not sys.argv[2:] or make.__name__ in sys.argv[2:]:
        (folder / f"{make.__name__}.json").write_text(json.dumps(make()) + "\n")
