"""Writes looks.tsv: imagehash.phash of the sample's first photos, one `file<TAB>hexadecimal` a line.

usage: python looks.py            (Pillow and imagehash)
"""
import pathlib

import imagehash
from PIL import Image

root = pathlib.Path(__file__).parents[3]
photos = sorted((root / "data/sample/images").iterdir())[:40]
lines = [f"{p.relative_to(root)}\t{imagehash.phash(Image.open(p).convert('RGB'))}" for p in photos]
pathlib.Path(__file__).with_name("looks.tsv").write_text("\n".join(lines) + "\n")
