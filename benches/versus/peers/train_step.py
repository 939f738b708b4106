"""Images per second of one training step of PyTorch and timm, two threads: the median of 7 after 2.

usage: train_step.py MODEL SIZE BATCH; prints {"value": images per second, "peak_mib": memory}
"""
import json
import resource
import statistics
import sys
import time

import timm
import torch

name, size, batch = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
torch.set_num_threads(2)
torch.manual_seed(1)
extra = {"img_size": size} if "swin" in name or "vit" in name else {}
model = timm.create_model(name, num_classes=100, **extra).train()
optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
x, y = torch.randn(batch, 3, size, size), torch.arange(batch) % 100
seconds = []
for _ in range(9):
    start = time.perf_counter()
    loss = torch.nn.functional.cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    seconds.append(time.perf_counter() - start)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"value": batch / statistics.median(seconds[2:]), "peak_mib": peak}))
