"""Golden AdamW: 50 steps of torch.optim.AdamW in float32 under a moving learning rate.

usage: python make.py > adamw.json    (torch 2.15)
"""
import json, math, sys
import torch

torch.manual_seed(7)
cases = []
for lr, betas, eps, decay in ((1e-3, (.9, .999), 1e-8, 5e-4), (3e-2, (.8, .95), 1e-6, .1), (1e-2, (.9, .999), 1e-8, 0.)):
    p = torch.nn.Parameter(torch.randn(7))
    start = p.detach().clone()
    gradients = torch.randn(50, 7) * torch.logspace(-6, 1, 7)      # from tiny to large
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
json.dump(cases, sys.stdout)
print()
