"""Golden trainings by PyTorch in float32: AdamW alone, and a whole small training.

usage: python make.py [FOLDER]    writes adamw.json and fit.json (torch 2.15, pytorch-metric-learning 2.9)
"""
import json, math, sys
from pathlib import Path
import torch
from pytorch_metric_learning import losses

folder = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent)


def adamw():
    """50 steps under a moving learning rate, with gradients from tiny to large."""
    torch.manual_seed(7)
    cases = []
    for lr, betas, eps, decay in ((1e-3, (.9, .999), 1e-8, 5e-4), (3e-2, (.8, .95), 1e-6, .1), (1e-2, (.9, .999), 1e-8, 0.)):
        p = torch.nn.Parameter(torch.randn(7))
        start = p.detach().clone()
        gradients = torch.randn(50, 7) * torch.logspace(-6, 1, 7)
        optimizer = torch.optim.AdamW([p], lr, betas, eps, decay, foreach=False)
        after = {}
        for step in range(50):
            optimizer.param_groups[0]["lr"] = lr * .5 * (1 + math.cos(math.pi * step / 50))
            p.grad = gradients[step].clone()
            optimizer.step()
            if step + 1 in (1, 10, 50):
                after[step + 1] = p.detach().tolist()
        cases.append({"lr": lr, "betas": betas, "eps": eps, "weight_decay": decay, "start": start.tolist(),
                      "gradients": gradients.tolist(), "after": after})
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
    """Four epochs of three batches: ArcFace, AdamW with the head at twice the rate, clipping, warm-up times cosine."""
    torch.manual_seed(11)
    net, arcface = Tiny(), losses.ArcFaceLoss(num_classes=3, embedding_size=5, margin=17.2, scale=30)
    torch.nn.init.normal_(arcface.W, 0, .1)
    images, classes = torch.randn(24, 3, 4, 4), torch.arange(24) % 3
    tensors = lambda: {**{k: v.flatten().tolist() for k, v in net.state_dict().items() if "num_batches" not in k},
                       "loss.weight": arcface.W.detach().t().flatten().tolist()}
    start, steps, warmup, lr = tensors(), 12, 2, 2e-3
    groups = [{"params": net.parameters(), "factor": 1}, {"params": arcface.parameters(), "factor": 2}]
    optimizer = torch.optim.AdamW(groups, lr, weight_decay=.05)
    weights = [p for g in optimizer.param_groups for p in g["params"]]
    values, norms = [], []
    for step in range(steps):
        rate = lr * min(1, (step + 1) / warmup) * .5 * (1 + math.cos(math.pi * step / steps))
        for g in optimizer.param_groups:
            g["lr"] = rate * g["factor"]
        rows = slice(step % 3 * 8, step % 3 * 8 + 8)
        loss = arcface(net(images[rows]), classes[rows])
        optimizer.zero_grad()
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(weights, 90.).item())
        optimizer.step()
        values.append(loss.item())
    return {"start": start, "images": images.flatten().tolist(), "losses": values, "norms": norms, "end": tensors()}


for name, make in (("adamw", adamw), ("fit", fit)):
    (folder / f"{name}.json").write_text(json.dumps(make()) + "\n")
