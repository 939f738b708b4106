"""Images per second of PyTorch and timm, two threads: the median of the steps after 2.

usage: step.py train|eval MODEL SIZE BATCH [contiguous|channels_last]
prints {"value": images per second, "by_processor": images per processor second,
        "peak_mib": memory, "step_mib": memory above what the process held before the first step}
"""
import json
import statistics
import sys
import time

import timm
import torch

WARM, FEWEST, MOST, SECONDS = 2, 3, 9, 3.0


def status_mib(field):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith(field))


mode, name, size, batch = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
layout = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}[(sys.argv[5:] or ["contiguous"])[0]]
torch.set_num_threads(2)
torch.manual_seed(1)
model = timm.create_model(name, num_classes=100, **({"img_size": size} if "swin" in name or "vit" in name else {}))
model = model.to(memory_format=layout).train(mode == "train")
x = torch.randn(batch, 3, size, size).contiguous(memory_format=layout)
y = torch.arange(batch) % 100

held, peak = status_mib("VmRSS:"), status_mib("VmHWM:")
try:
    with open("/proc/self/clear_refs", "w") as refs:
        refs.write("5")
except OSError:
    pass  # the record then holds the making of the network too

optimizer = torch.optim.AdamW(model.parameters(), 1e-3)


def train():
    loss = torch.nn.functional.cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


@torch.inference_mode()
def evaluate():
    model(x)


step = train if mode == "train" else evaluate
seconds, processor = [], 0.0
for at in range(WARM + MOST):
    if at == WARM:
        processor = time.process_time()
    start = time.perf_counter()
    step()
    seconds.append(time.perf_counter() - start)
    if at + 1 - WARM >= FEWEST and sum(seconds[WARM:]) > SECONDS:
        break
processor = time.process_time() - processor
measured = seconds[WARM:]
highest = status_mib("VmHWM:")
print(json.dumps({
    "value": batch / statistics.median(measured),
    "by_processor": batch * len(measured) / processor,
    "peak_mib": max(peak, highest),
    "step_mib": highest - held,
}))
