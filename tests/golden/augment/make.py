"""Makes the numbers that tests/golden/augment holds: albumentations 2.0.8 (OpenCV) on a small picture.

usage: python make.py   (needs albumentations==2.0.8; writes golden.json beside itself)

The picture is a formula, so that the test can make it too: smooth colours with a little texture.
Only operations whose numbers are fixed are compared; the random ones are checked by their ranges and means.
"""
import json
from pathlib import Path

import albumentations as A
import cv2
import numpy as np

assert A.__version__ == "2.0.8", A.__version__
H, W = 40, 30
y, x = np.mgrid[0:H, 0:W]
picture = np.stack([(x * 8 + y) % 256, (y * 6 + (x * y) % 23) % 256, (255 - x * 5 - y * 2 + (x * 7 + y * 3) % 11) % 256], -1).astype(np.uint8)

FIXED = [
    [{"op": "Resize", "size": [20, 15]}],
    [{"op": "Resize", "size": [17, 11]}],
    [{"op": "Resize", "size": [64, 48]}],
    [{"op": "Resize", "size": [17, 11], "area_for_downscale": "none"}],
    [{"op": "Resize", "size": [17, 11], "area_for_downscale": "none", "interpolation": "nearest"}],
    [{"op": "HorizontalFlip", "p": 1.0}],
    [{"op": "Affine", "rotate": 20.0, "p": 1.0}],
    [{"op": "Affine", "rotate": -35.0, "scale": 0.8, "border_mode": "reflect_101", "p": 1.0}],
    [{"op": "Affine", "shear": {"x": 10.0, "y": -5.0}, "scale": {"x": 1.2, "y": 0.9}, "fill": 77.0, "p": 1.0}],
    [{"op": "Affine", "translate_percent": {"x": 0.1, "y": -0.2}, "border_mode": "replicate", "p": 1.0}],
    [{"op": "ColorJitter", "brightness": [1.3, 1.3], "contrast": 0.0, "saturation": 0.0, "hue": 0.0, "p": 1.0}],
    [{"op": "ColorJitter", "brightness": 0.0, "contrast": [0.6, 0.6], "saturation": 0.0, "hue": 0.0, "p": 1.0}],
    [{"op": "ColorJitter", "brightness": 0.0, "contrast": 0.0, "saturation": [1.4, 1.4], "hue": 0.0, "p": 1.0}],
    [{"op": "ColorJitter", "brightness": 0.0, "contrast": 0.0, "saturation": 0.0, "hue": [0.1, 0.1], "p": 1.0}],
]
BORDER = {"constant": cv2.BORDER_CONSTANT, "replicate": cv2.BORDER_REPLICATE, "reflect_101": cv2.BORDER_REFLECT_101}
FLAG = {"nearest": cv2.INTER_NEAREST, "linear": cv2.INTER_LINEAR}


def build(op):
    op = dict(op)
    name = op.pop("op")
    if name == "Resize":
        op["height"], op["width"] = op.pop("size")
        area = op.pop("area_for_downscale", "image")
        op["area_for_downscale"] = None if area == "none" else area
        op["interpolation"] = FLAG[op.get("interpolation", "linear")]
    if "border_mode" in op:
        op["border_mode"] = BORDER[op["border_mode"]]
    if name == "ColorJitter":
        op = {k: tuple(v) if isinstance(v, list) else v for k, v in op.items()}
    return getattr(A, name)(**op)


cases = [{"ops": ops, "rgb": A.Compose([build(op) for op in ops])(image=picture)["image"].ravel().tolist()} for ops in FIXED]
Path(__file__).with_name("golden.json").write_text(
    "[\n" + ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases) + "\n]\n"
)
