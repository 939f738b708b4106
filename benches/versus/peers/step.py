"""Images per second of PyTorch and timm, two threads: the median of the steps after 2.

usage: step.py train|eval MODEL SIZE BATCH [contiguous|channels_last]
TOJI_DEVICE names the device as it does for Toji: cpu (as without it), cuda (bf16 autocast), cuda+f32
prints {"value": images per second, "by_processor": images per processor second,
        "peak_mib": memory, "step_mib": memory above what the process held before the first step}
"""
import json
import os
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
device, _, full = os.environ.get("TOJI_DEVICE", "cpu").partition("+")
autocast = torch.autocast("cuda", torch.bfloat16, enabled=device != "cpu" and full != "f32")
torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))
torch.manual_seed(1)
model = timm.create_model(name, num_classes=100, **({"img_size": size} if "swin" in name or "vit" in name else {}))
model = model.to(device, memory_format=layout).train(mode == "train")
# Pictures come from the CPU, as from a data loader.
x = torch.randn(batch, 3, size, size).contiguous(memory_format=layout)
y = torch.arange(batch) % 100
if device != "cpu":
    x, y = x.pin_memory(), y.pin_memory()

held, peak = status_mib("VmRSS:"), status_mib("VmHWM:")
try:
    with open("/proc/self/clear_refs", "w") as refs:
        refs.write("5")
except OSError:
    pass  # the record then holds the making of the network too

optimizer = torch.optim.AdamW(model.parameters(), 1e-3)


def train():
    with autocast:
        loss = torch.nn.functional.cross_entropy(model(x.to(device)), y.to(device))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    loss.item()


@torch.inference_mode()
def evaluate():
    with autocast:
        model(x.to(device)).float().cpu()


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
