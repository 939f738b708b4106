"""Writes layers.tsv: how timm numbers the layers of its networks, for tests/learn/layers.rs.

One line a network: name, then `layer×count` along the sorted names of its parameters, layers as timm's
param_groups_layer_decay has them (`group_matcher`, from 0; the head is last).

usage: python layers.py NAME...   (adds or renews the lines of these; made with torch 2.15 and timm 1.0)
"""
import itertools
import pathlib
import sys

import timm
from timm.models import group_parameters

FILE = pathlib.Path(__file__).parent / "layers.tsv"


def line(name):
    model = timm.create_model(name)
    layers = group_parameters(model, model.group_matcher(coarse=False), reverse=True)
    runs = itertools.groupby(layers[key] for key in sorted(layers))
    return [name, " ".join(f"{layer}×{len(list(run))}" for layer, run in runs)]


lines = {text.split("\t")[0]: text for text in FILE.read_text().splitlines()} if FILE.exists() else {}
for name in sys.argv[1:]:
    lines[name] = "\t".join(line(name))
FILE.write_text("".join(lines[name] + "\n" for name in sorted(lines)))
