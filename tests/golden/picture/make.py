"""Makes golden.json: JPEGs of every sampling, and what libjpeg-turbo (inside OpenCV) makes of them at full and reduced sizes.

usage: make.py, with opencv-python and numpy
"""
import json
from pathlib import Path

import cv2
import numpy as np

rng = np.random.default_rng(3)
SAMPLINGS = {"444": 0x111111, "422": 0x211111, "420": 0x221111, "440": 0x121111, "411": 0x411111}


def picture(height, width):
    """Soft colours, an edge, and some noise."""
    small = rng.integers(0, 256, (max(2, height // 7), max(2, width // 7), 3), np.uint8)
    soft = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC).astype(float)
    soft[:, width // 2:] = soft[:, width // 2:] * 0.5 + 60
    return np.clip(soft + rng.normal(0, 4, soft.shape), 0, 255).astype(np.uint8)


def png(bgr):
    return cv2.imencode(".png", bgr, [cv2.IMWRITE_PNG_COMPRESSION, 9])[1].tobytes().hex()


def rows():
    for name, height, width, sampling, quality, restart, progressive in [
        ("a pixel", 1, 1, "420", 90, 0, 0), ("two pixels", 2, 3, "420", 80, 0, 0), ("one MCU", 16, 16, "420", 50, 0, 0),
        ("4:4:4", 25, 33, "444", 75, 0, 0), ("4:2:2", 37, 29, "422", 85, 0, 0), ("4:2:0", 47, 35, "420", 90, 0, 0),
        ("4:4:0", 31, 26, "440", 70, 0, 0), ("4:1:1", 20, 41, "411", 80, 0, 0), ("restarts", 33, 50, "420", 88, 2, 0),
        ("coarse", 40, 40, "420", 12, 0, 0), ("fine", 27, 31, "420", 100, 0, 0), ("progressive", 24, 30, "420", 85, 0, 1),
        ("grey", 35, 21, None, 85, 0, 0),
    ]:
        seen = picture(height, width)
        settings = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_RST_INTERVAL, restart, cv2.IMWRITE_JPEG_PROGRESSIVE, progressive]
        if sampling:
            settings += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, SAMPLINGS[sampling]]
        file = cv2.imencode(".jpg", seen if sampling else seen[..., 1], settings)[1]
        flags = {1: cv2.IMREAD_COLOR, 2: cv2.IMREAD_REDUCED_COLOR_2, 4: cv2.IMREAD_REDUCED_COLOR_4, 8: cv2.IMREAD_REDUCED_COLOR_8}
        yield {"name": name, "jpeg": file.tobytes().hex(), "png": {str(by): png(cv2.imdecode(file, flag)) for by, flag in flags.items()}}


text = "[\n" + ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows()) + "\n]\n"
Path(__file__).with_name("golden.json").write_text(text)
