"""Writes the golden numbers of timm's residual networks, for tests/learn/parity.rs.

Weights, inputs and gradients are not stored: both sides fill them by the same integer hash of
(name, index). Stored are embeddings, samples of gradients, and the norms' running statistics
after three steps of plain SGD.

usage: python make.py   (PyTorch and timm; made with torch 2.15 and timm 1.0)
"""
import math
import pathlib

import numpy
import timm
import torch
from safetensors.numpy import save_file

CASES = [("resnet10t", "avg"), ("resnet18", "avg"), ("resnet18", "gem"), ("resnet34", "avg")]
EMBEDDING, BATCH, HEIGHT, WIDTH, RATE, STEPS, SAMPLES = 16, 3, 52, 44, 0.0005, 3, 32


def uniform(name, count):
    """`count` numbers in [-1, 1) with 24 bits each: SplitMix64 at FNV-1a(name) + index."""
    state = 0xCBF29CE484222325
    for byte in name.encode():
        state = ((state ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    with numpy.errstate(over="ignore"):
        z = (numpy.arange(count, dtype=numpy.uint64) + numpy.uint64(1)) * numpy.uint64(0x9E3779B97F4A7C15)
        z = z + numpy.uint64(state)
        z = (z ^ (z >> numpy.uint64(30))) * numpy.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> numpy.uint64(27))) * numpy.uint64(0x94D049BB133111EB)
        z = z ^ (z >> numpy.uint64(31))
    return (z >> numpy.uint64(40)).astype(numpy.float64) / float(1 << 23) - 1.0


def fill(name, shape):
    u = uniform(name, math.prod(shape))
    if len(shape) == 4:
        u = u * math.sqrt(6.0 / (shape[1] * shape[2] * shape[3]))
    elif name == "fc.weight":
        u = u / math.sqrt(shape[1])
    elif name.endswith(("weight", "running_var")):
        u = 1.0 + 0.25 * u
    else:
        u = 0.1 * u
    return torch.from_numpy(u.astype(numpy.float32).reshape(shape))


def embed(model, pool, x):
    if pool == "avg":
        return model(x)
    features = model.forward_features(x).clamp(min=1e-6)
    return model.fc(features.pow(3.0).mean((2, 3)).pow(1.0 / 3.0))


def make(name, pool):
    torch.manual_seed(0)
    model = timm.create_model(name, num_classes=EMBEDDING)
    with torch.no_grad():
        for key, tensor in model.state_dict().items():
            if not key.endswith("num_batches_tracked"):
                tensor.copy_(fill(key, tuple(tensor.shape)))
    shape = (BATCH, 3, HEIGHT, WIDTH)
    x = torch.from_numpy((uniform("input", math.prod(shape)) * 1.7).astype(numpy.float32).reshape(shape))
    dy = torch.from_numpy((uniform("gradient", BATCH * EMBEDDING)).astype(numpy.float32).reshape(BATCH, EMBEDDING))
    golden = {}
    model.eval()
    with torch.no_grad():
        golden["eval"] = embed(model, pool, x).numpy()
    model.train()
    for step in range(STEPS):
        y = embed(model, pool, x)
        model.zero_grad()
        y.backward(dy)
        golden[f"train.{step}"] = y.detach().numpy().copy()
        with torch.no_grad():
            for key, parameter in model.named_parameters():
                if step == 0:
                    flat = parameter.grad.flatten()
                    at = torch.arange(SAMPLES) * len(flat) // SAMPLES
                    golden[f"grad.{key}"] = torch.cat([flat[at], flat.norm()[None]]).numpy()
                parameter -= RATE * parameter.grad
    for key, tensor in model.state_dict().items():
        if "running" in key:
            golden[key] = tensor.numpy().copy()
    golden["count"] = numpy.array([sum(p.numel() for p in model.parameters())], dtype=numpy.int64)
    save_file(golden, pathlib.Path(__file__).parent / f"{name}-{pool}.safetensors")


for case in CASES:
    make(*case)
