"""Writes the golden numbers of timm's networks, for tests/learn/parity.rs.

Weights, inputs and gradients are not stored: both sides fill them by the same integer hash of (name, index), and PyTorch
computes in 64 bits.
`cases.tsv` names the cases: network, pooling, height, width. Stored for each are embeddings, samples and norm of every
tensor's gradient, and of batch norms' running statistics after three steps of plain SGD.

usage: python make.py [NAME...]   (all cases, or those of these networks; PyTorch and timm; made with torch 2.15 and timm 1.0)
"""
import math
import pathlib
import re
import sys

import numpy
import timm
import torch
from safetensors.numpy import save_file
from timm.layers import resize_rel_pos_bias_table
from torch.nn.utils import parametrize

EMBEDDING, BATCH, RATE, STEPS = 16, 3, 0.0005, 3
# Floats of a file, and the most samples of one tensor.
BUDGET, SAMPLES = 14000, 32
HERE = pathlib.Path(__file__).parent
# Further arguments of timm.create_model, where a network needs them for a small picture.
OPTIONS = {
    # Positions follow the picture's size; a pooling of the patches comes after the norm, as for the published weights.
    "vit_tiny_patch16_224": {"dynamic_img_size": True},
    "vit_small_patch14_reg4_dinov2": {"dynamic_img_size": True, "fc_norm": False},
    "vit_wee_patch16_reg1_gap_256": {"dynamic_img_size": True},
    "vit_xsmall_patch16_clip_224": {"dynamic_img_size": True},
}
# Families that timm makes for one size of picture; the cases give that size as `img_size`.
SIZED = ("swin_", "swinv2_")


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
    """A tensor's values by the last word of its name and its shape; tests/learn/golden.rs has the same rule."""
    u = uniform(name, math.prod(shape))
    last = name.split(".")[-1]
    if last == "weight" and len(shape) == 2:
        u = u / math.sqrt(shape[1])
    elif last == "weight" and len(shape) > 2:
        u = u * math.sqrt(6.0 / math.prod(shape[1:]))
    elif name.endswith("bn3.weight"):
        # The end of a residual branch: at full strength the rounding of 32 bits grows from block to block, in PyTorch too.
        u = 0.25 + 0.0625 * u
    elif last in ("weight", "running_var", "gamma", "scale", "gain", "skipinit_gain"):
        u = 1.0 + 0.25 * u
    elif last == "logit_scale":
        u = 2.0 + 0.25 * u
    elif last == "p":
        u = 3.0 + 0.25 * u
    else:
        u = 0.1 * u
    return torch.from_numpy(u.astype(numpy.float32).reshape(shape))


class Resized(torch.nn.Module):
    """A window's table of biases in the size of the published weights, as timm reads it for smaller pictures."""

    def __init__(self, attention):
        super().__init__()
        self.window, self.shape = attention.window_size, attention.relative_position_bias_table.shape

    def forward(self, table):
        return resize_rel_pos_bias_table(table, new_window_size=self.window, new_bias_shape=self.shape)


def keep_tables(model, name):
    """Lets the tables that timm would interpolate when loading be parameters of their published size."""
    with torch.device("meta"):
        published = dict(timm.create_model(name).named_parameters())
    for path, module in list(model.named_modules()):
        table = getattr(module, "relative_position_bias_table", None)
        if table is not None and table.shape != published[f"{path}.relative_position_bias_table"].shape:
            resized = Resized(module)
            module.relative_position_bias_table = torch.nn.Parameter(
                torch.zeros(published[f"{path}.relative_position_bias_table"].shape)
            )
            parametrize.register_parametrization(module, "relative_position_bias_table", resized, unsafe=True)


def named(tensors):
    """Of parametrised tensors the name that they had."""
    return {re.sub(r"parametrizations\.(\w+)\.original", r"\1", key): tensor for key, tensor in tensors}


class Gem(torch.nn.Module):
    def forward(self, x):
        return x.clamp(min=1e-6).pow(3.0).mean((2, 3)).pow(1.0 / 3.0)


def build(name, pool, size):
    options = dict(OPTIONS.get(name, {}))
    if name.startswith(SIZED):
        options["img_size"] = size
    if pool == "gem":
        model = timm.create_model(name, num_classes=EMBEDDING, **options)
        (model.head if hasattr(model, "head") else model).global_pool = Gem()
    else:
        model = timm.create_model(name, num_classes=EMBEDDING, global_pool=pool, **options)
    if name.startswith(SIZED):
        keep_tables(model, name)
    for module in model.modules():
        # Nothing drawn: every form of dropout is off.
        for rate in ("p", "drop_prob", "drop_rate"):
            if isinstance(getattr(module, rate, None), float):
                setattr(module, rate, 0.0)
    return model


def sampled(tensors, samples):
    """One row a tensor, by name: values at even distances, then the norm of all."""
    rows = []
    for _, tensor in sorted(tensors.items()):
        flat = tensor.detach().flatten().double()
        at = torch.arange(samples) * len(flat) // samples
        rows.append(torch.cat([flat[at], flat.norm()[None]]).float().numpy())
    return numpy.stack(rows)


def run(name, pool, height, width, dtype):
    """The golden numbers of a case, computed in `dtype`."""
    torch.manual_seed(0)
    model = build(name, pool, (height, width))
    with torch.no_grad():
        for key, tensor in named(model.state_dict().items()).items():
            if not key.endswith("num_batches_tracked"):
                tensor.copy_(fill(key, tuple(tensor.shape)))
    model = model.to(dtype)
    drawn = lambda name, scale, shape: torch.from_numpy(
        (uniform(name, math.prod(shape)) * scale).astype(numpy.float32).reshape(shape)
    ).to(dtype)
    x, dy = drawn("input", 1.7, (BATCH, 3, height, width)), drawn("gradient", 1.0, (BATCH, EMBEDDING))
    running = lambda: {key: tensor for key, tensor in model.state_dict().items() if "running_" in key}
    tensors = len(list(model.parameters())) + len(running())
    samples = max(1, min(SAMPLES, BUDGET // tensors - 1))
    golden = {}
    model.eval()
    with torch.no_grad():
        golden["eval"] = model(x).float().numpy()
    model.train()
    for step in range(STEPS):
        y = model(x)
        model.zero_grad()
        y.backward(dy)
        golden[f"train.{step}"] = y.detach().float().numpy().copy()
        with torch.no_grad():
            if step == 0:
                golden["gradients"] = sampled({key: p.grad for key, p in named(model.named_parameters()).items()}, samples)
            for parameter in model.parameters():
                parameter -= RATE * parameter.grad
    if running():
        golden["running"] = sampled(running(), samples)
    golden["count"] = numpy.array([sum(p.numel() for p in model.parameters())], dtype=numpy.int64)
    return golden


def make(name, pool, height, width):
    golden, rounded = (run(name, pool, height, width, dtype) for dtype in (torch.float64, torch.float32))
    length = lambda rows: numpy.linalg.norm(numpy.atleast_2d(rows), axis=1)
    floor = lambda key: 1e-4 * length(golden[key]).max()
    apart = lambda key: (length(golden[key] - rounded[key]) / numpy.maximum(length(golden[key]), floor(key))).max()
    worst = max((apart(key), key) for key in golden)
    # Where a sign is decided by rounding (a ReLU's), numbers of 32 bits mean nothing; another size has no such place.
    # Half of what the test allows; deep networks come near it by rounding alone.
    advice = "  choose another size" if worst[0] > 5e-4 else ""
    print(f"{name} {pool} {height} {width}: 32 bits of precision leave {worst[0]:.1e} in {worst[1]}{advice}")
    save_file(golden, HERE / f"{name}-{pool}.safetensors")


if __name__ == "__main__":
    for line in (HERE / "cases.tsv").read_text().splitlines():
        name, pool, height, width = line.split("\t")
        if len(sys.argv) == 1 or name in sys.argv[1:]:
            make(name, pool, int(height), int(width))
