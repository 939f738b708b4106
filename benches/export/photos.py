"""The sample's tables and its photos as PNG of one size: photos.py FROM TO SIDE."""

import pathlib
import sys

from PIL import Image

source, target, side = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), int(sys.argv[3])
for table in source.glob("*.csv"):
    (target / table.name).write_text(table.read_text().replace(".jpg", ".png"))
(target / "images").mkdir(exist_ok=True)
for photo in sorted((source / "images").glob("*.jpg")):
    with Image.open(photo) as picture:
        small = picture.convert("RGB").resize((side, side), Image.Resampling.BICUBIC)
    small.save(target / "images" / f"{photo.stem}.png")
