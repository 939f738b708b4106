"""Writes vision.json: cleanvision's raw numbers of drawn pictures and of the sample's first photos, and its scores and verdicts on them.

usage: python vision.py            (cleanvision 0.3.7, Pillow 13)
"""
import json
import pathlib

import numpy as np
import pandas as pd
from cleanvision.issue_managers.image_property_issue_manager import ImagePropertyIssueManager
from PIL import Image

root = pathlib.Path(__file__).parents[3]


def drawn(width, height):
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    planes = [(x * x // 7 + 3 * y) % 256, (x * y // 5 + 31 * (x // 9)) % 256, (200 + 5 * x + y * y // 3) % 256]
    return Image.fromarray(np.stack(planes, -1).astype(np.uint8))


pictures = {f"drawn/{w}x{h}": drawn(w, h) for w, h in [(64, 64), (97, 131), (300, 40), (65, 2), (1, 1), (500, 333)]}
for path in sorted((root / "data/sample/images").iterdir())[:30]:
    pictures[str(path.relative_to(root))] = Image.open(path)

manager = ImagePropertyIssueManager()
raw = {}
for name, picture in pictures.items():
    numbers = {}
    for kind in ["dark", "low_information", "blurry", "odd_aspect_ratio", "odd_size"]:
        numbers |= manager.image_properties[kind].calculate(picture)
    raw[name] = {k: float(v) for k, v in numbers.items()}
    raw[name]["width"], raw[name]["height"] = picture.size

# Scores over a table of raw numbers with all kinds of trouble: the photos' own, and some by hand.
rows = list(raw.values()) + [
    dict(raw["drawn/64x64"], brightness_perc_99=0.2, brightness_perc_5=0.01),
    dict(raw["drawn/64x64"], brightness_perc_99=1.0, brightness_perc_5=0.97),
    dict(raw["drawn/64x64"], blurriness=3.0, blurriness_grayscale_std=15.0),
    dict(raw["drawn/64x64"], blurriness=3.0, blurriness_grayscale_std=30.0),
    dict(raw["drawn/64x64"], entropy=1.5),
    dict(raw["drawn/64x64"], entropy=11.0),
    dict(raw["drawn/64x64"], width=4000, height=3000, size=float(np.sqrt(4000) * np.sqrt(3000)), aspect_ratio=0.75),
    dict(raw["drawn/64x64"], width=20, height=100, size=float(np.sqrt(20) * np.sqrt(100)), aspect_ratio=0.2),
]
table = pd.DataFrame(rows)
judged = []
for kind in ["dark", "light", "odd_aspect_ratio", "low_information", "blurry", "odd_size"]:
    prop, params = manager.image_properties[kind], dict(manager.params[kind])
    threshold = params.pop("threshold", None)
    scores = prop.get_scores(raw_scores=table, issue_type=kind, **params)
    over = prop.mark_issue(scores, kind, threshold)
    judged.append({"kind": kind, "scores": scores.iloc[:, 0].tolist(), "over": over.iloc[:, 0].tolist()})
path = pathlib.Path(__file__).with_name("vision.json")
path.write_text(json.dumps({"raw": raw, "rows": rows, "judged": judged}, indent=0) + "\n")
