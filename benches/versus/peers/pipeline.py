"""Pictures per second of OpenCV and albumentations, one thread: decode, crop, flip, jitter, normalise.

usage: pipeline.py make DIR    writes twenty JPEGs of 750 x 1000 pixels, smooth and noisy as photos are
       pipeline.py DIR         measures on the files of DIR; prints {"value", "by_processor", "peak_mib", "step_mib", "parts"}
"""
import json
import sys
import time
from pathlib import Path

import albumentations as A
import cv2
import numpy as np

SECONDS = 3.0
cv2.setNumThreads(1)
# glibc keeps blocks of up to 32 MiB for the next use once one as large was freed; without this every picture would come on
# fresh pages, which costs the peer 40 % of its speed.
np.ones(30 << 17)[:1].copy()


def status_mib(field):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith(field))


def make(folder):
    rng = np.random.default_rng(0)
    for i in range(20):
        small = rng.integers(0, 256, (25, 19, 3), np.uint8)
        picture = cv2.resize(small, (750, 1000), interpolation=cv2.INTER_CUBIC) + rng.normal(0, 6, (1000, 750, 3))
        file = cv2.imencode(".jpg", np.clip(picture, 0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 90])[1]
        (folder / f"{i:02}.jpg").write_bytes(file.tobytes())


def measure(files):
    steps = [
        ("crop", A.RandomResizedCrop(size=(224, 224), scale=(0.6, 1))),
        ("flip", A.HorizontalFlip(p=0.5)),
        ("jitter", A.ColorJitter(brightness=(0.8, 1.2), contrast=(0.8, 1.2), saturation=(0.8, 1.2), hue=(-0.05, 0.05), p=0.8)),
        ("normalise", A.Normalize()),
    ]
    chain = A.Compose([step for _, step in steps])
    decode = lambda file: cv2.cvtColor(cv2.imdecode(np.fromfile(file, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    held, peak = status_mib("VmRSS:"), status_mib("VmHWM:")
    for file in files:
        chain(image=decode(file))
    count, start, processor = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - start < SECONDS:
        for file in files:
            chain(image=decode(file))
        count += len(files)
    seconds, processor = time.perf_counter() - start, time.process_time() - processor
    highest = status_mib("VmHWM:")
    parts = {}

    def timed(name, work, given):
        start = time.perf_counter()
        made = [work(one) for one in given]
        parts[name] = 1e3 * (time.perf_counter() - start) / len(given)
        return made

    given = timed("decode", decode, files)
    for name, step in steps:
        given = timed(name, lambda picture: step(image=picture)["image"], given)
    print(json.dumps({
        "value": count / seconds, "by_processor": count / processor, "peak_mib": max(peak, highest),
        "step_mib": highest - held, "parts": parts,
    }))


if sys.argv[1] == "make":
    make(Path(sys.argv[2]))
else:
    measure(sorted(Path(sys.argv[1]).glob("*.jpg")))
