"""Writes keys.tsv: what timm's networks consist of, for tests/learn/keys.rs.

One line a network: name, tensors, parameters, digest of the state dict's names and shapes (classifier with 1000 classes),
default pooling, and the default weights' tag, mean, std, interpolation, side of the square, crop and classifier.

usage: python keys.py PATTERN...   (adds or renews the lines of timm's networks that fit, such as 'resnet*';
                                    nothing is allocated or downloaded; made with torch 2.15 and timm 1.0)
"""
import fnmatch
import pathlib
import sys

import timm
import torch

FILE = pathlib.Path(__file__).parent / "keys.tsv"


def digest(state):
    """64-bit FNV-1a of the sorted lines `name 64 3 7 7`, each with a line feed."""
    hashed = 0xCBF29CE484222325
    for key in sorted(state):
        for byte in " ".join([key, *map(str, state[key].shape)]).encode() + b"\n":
            hashed = ((hashed ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return f"{hashed:016x}"


def line(name):
    try:
        with torch.device("meta"):
            model = timm.create_model(name, num_classes=1000)
    except (NotImplementedError, RuntimeError):
        # Its constructor reads numbers.
        model = timm.create_model(name, num_classes=1000)
    state = {key: t for key, t in model.state_dict().items() if not key.endswith("num_batches_tracked")}
    config = model.pretrained_cfg
    spaced = lambda values: " ".join(map(str, values))
    pool = getattr(model, "global_pool", "avg")
    return [
        name,
        len(state),
        sum(p.numel() for p in model.parameters()),
        digest(state),
        pool if isinstance(pool, str) and pool else "avg",
        config.get("tag") or "-",
        spaced(config["mean"]),
        spaced(config["std"]),
        config["interpolation"],
        config["input_size"][1],
        config["crop_pct"],
        config["classifier"],
    ]


lines = {text.split("\t")[0]: text for text in FILE.read_text().splitlines()} if FILE.exists() else {}
for name in timm.list_models():
    if any(fnmatch.fnmatchcase(name, pattern) for pattern in sys.argv[1:]):
        lines[name] = "\t".join(map(str, line(name)))
FILE.write_text("".join(lines[name] + "\n" for name in sorted(lines)))
