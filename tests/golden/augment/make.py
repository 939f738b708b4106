"""Makes the numbers that tests/golden/augment holds: albumentations 2.0.8 (OpenCV) and torchvision on a small picture.

usage: python make.py   (needs albumentations==2.0.8 and torchvision; writes golden.json, calls.json and draws.json beside itself)

The picture is a formula, so that the test can make it too: smooth colours with a little texture.
golden.json: operations whose numbers are fixed. calls.json: functions of the libraries with numbers that would be drawn.
draws.json: of what is drawn, mean, standard deviation, first and last hundredth. Pictures are PNG in hexadecimal digits.
"""
import json
import warnings
from pathlib import Path

import albumentations as A
import cv2
import numpy as np
import torch
from albumentations.augmentations.blur import functional as fblur
from albumentations.augmentations.geometric import functional as fgeometric
from PIL import Image
from torchvision.transforms import InterpolationMode, RandomErasing, autoaugment, v2

assert A.__version__ == "2.0.8", A.__version__
warnings.simplefilter("ignore")
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
    [{"op": "LongestMaxSize", "max_size": 33}],
    [{"op": "LongestMaxSize", "max_size": 60, "interpolation": "nearest"}],
    [{"op": "SmallestMaxSize", "max_size": 13}],
    [{"op": "SmallestMaxSize", "max_size_hw": [22, 20], "area_for_downscale": "none"}],
    [{"op": "LongestMaxSize", "max_size": 20}, {"op": "PadIfNeeded", "min_height": 24, "min_width": 21, "fill": [255.0, 0.0, 9.0]}],
    [{"op": "PadIfNeeded", "min_height": 47, "min_width": 35, "border_mode": "reflect_101", "position": "bottom_left"}],
    [{"op": "PadIfNeeded", "pad_height_divisor": 16, "pad_width_divisor": 16, "border_mode": "wrap"}],
    [{"op": "CenterCrop", "height": 13, "width": 22}],
    [{"op": "CenterCrop", "height": 45, "width": 12, "pad_if_needed": True, "fill": 200.0, "pad_position": "top_right"}],
    [{"op": "VerticalFlip", "p": 1.0}],
    [{"op": "SafeRotate", "limit": [33.0, 33.0], "fill": 50.0, "p": 1.0}],
    [{"op": "SafeRotate", "limit": [-90.0, -90.0], "border_mode": "reflect", "p": 1.0}],
    [{"op": "ShiftScaleRotate", "shift_limit": [0.1, 0.1], "scale_limit": [-0.2, -0.2], "rotate_limit": [25.0, 25.0], "p": 1.0}],
    [{"op": "RandomBrightnessContrast", "brightness_limit": [0.1, 0.1], "contrast_limit": [-0.3, -0.3], "p": 1.0}],
    [{"op": "RandomBrightnessContrast", "brightness_limit": [-0.4, -0.4], "contrast_limit": [0.4, 0.4], "brightness_by_max": False, "p": 1.0}],
    [{"op": "HueSaturationValue", "hue_shift_limit": [17.3, 17.3], "sat_shift_limit": [-21.7, -21.7], "val_shift_limit": [12.6, 12.6], "p": 1.0}],
    [{"op": "HueSaturationValue", "hue_shift_limit": [-9.0, -9.0], "sat_shift_limit": [30.4, 30.4], "val_shift_limit": [-15.2, -15.2], "p": 1.0}],
    [{"op": "RGBShift", "r_shift_limit": [12.7, 12.7], "g_shift_limit": [-20.2, -20.2], "b_shift_limit": [0.1, 0.1], "p": 1.0}],
    [{"op": "Posterize", "num_bits": 3, "p": 1.0}],
    [{"op": "Posterize", "num_bits": [[2, 2], [4, 4], [6, 6]], "p": 1.0}],
    *[[{"op": "ToGray", "method": method, "p": 1.0}] for method in ("weighted_average", "from_lab", "desaturation", "average", "max")],
    [{"op": "CLAHE", "clip_limit": [4.0, 4.0], "p": 1.0}],
    [{"op": "CLAHE", "clip_limit": [1.5, 1.5], "tile_grid_size": [3, 2], "p": 1.0}],
    [{"op": "GaussianBlur", "sigma_limit": [1.5, 1.5], "p": 1.0}],
    [{"op": "GaussianBlur", "sigma_limit": [0.8, 0.8], "blur_limit": [5, 5], "p": 1.0}],
    [{"op": "GaussianBlur", "sigma_limit": [12.0, 12.0], "p": 1.0}],
    [{"op": "GaussNoise", "std_range": [0.0, 0.0], "mean_range": [0.11, 0.11], "p": 1.0}],
    [{"op": "ImageCompression", "quality_range": [30, 30], "p": 1.0}],
    [{"op": "ImageCompression", "quality_range": [75, 75], "p": 1.0}],
    [{"op": "ImageCompression", "quality_range": [99, 99], "p": 1.0}],
    [{"op": "Downscale", "p": 1.0}],
    [{"op": "Downscale", "scale_range": [0.5, 0.5], "interpolation_pair": {"downscale": "area", "upscale": "linear"}, "p": 1.0}],
    [{"op": "OneOf", "p": 1.0, "transforms": [{"op": "RGBShift", "r_shift_limit": [9.0, 9.0], "g_shift_limit": [0.0, 0.0], "b_shift_limit": [0.0, 0.0], "p": 0.1}]}],
    [{"op": "SomeOf", "n": 2, "transforms": [{"op": "VerticalFlip", "p": 1.0}, {"op": "HorizontalFlip", "p": 1.0}]}],
]
BORDER = {name: getattr(cv2, "BORDER_" + name.upper()) for name in ("constant", "replicate", "reflect", "reflect_101", "wrap")}
FLAG = {name: getattr(cv2, "INTER_" + name.upper()) for name in ("nearest", "linear", "area")}


def tuples(value):
    return tuple(map(tuples, value)) if isinstance(value, list) else value


def build(op):
    op = dict(op)
    name = op.pop("op")
    if "transforms" in op:
        return getattr(A, name)([build(inner) for inner in op.pop("transforms")], **op)
    if name == "Resize":
        op["height"], op["width"] = op.pop("size")
    if name in ("Resize", "LongestMaxSize", "SmallestMaxSize"):
        area = op.pop("area_for_downscale", "image")
        op["area_for_downscale"] = None if area == "none" else area
    if name == "PadIfNeeded":
        for side in ("height", "width"):
            if f"pad_{side}_divisor" in op:
                op[f"min_{side}"] = None
    if "interpolation" in op:
        op["interpolation"] = FLAG[op["interpolation"]]
    if "interpolation_pair" in op:
        op["interpolation_pair"] = {way: FLAG[flag] for way, flag in op["interpolation_pair"].items()}
    if "border_mode" in op:
        op["border_mode"] = BORDER[op["border_mode"]]
    op = {key: tuples(value) for key, value in op.items()}
    if name == "Posterize" and isinstance(op["num_bits"], tuple) and len(op["num_bits"]) == 3:
        op["num_bits"] = list(op["num_bits"])
    return getattr(A, name)(**op)


def png(rgb):
    return cv2.imencode(".png", np.ascontiguousarray(rgb[..., ::-1]), [cv2.IMWRITE_PNG_COMPRESSION, 9])[1].tobytes().hex()


def write(name, rows):
    text = "[\n" + ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows) + "\n]\n"
    Path(__file__).with_name(name).write_text(text)


def calls():
    """Functions of the libraries with given numbers instead of drawn ones."""
    for points, keep_size, fit_output in [
        ([[2, 3], [27, 1], [29, 36], [1, 38]], True, False),
        ([[4, 2], [25, 5], [28, 39], [0, 33]], True, True),
        ([[3, 6], [28, 2], [26, 35], [5, 38]], False, False),
    ]:
        matrix, width, height = fgeometric.compute_perspective_params(np.array(points, np.float32), (H, W))
        if fit_output:
            matrix, width, height = fgeometric.expand_transform(matrix, (H, W))
        seen = fgeometric.perspective(picture, matrix, width, height, [77.0] * 3, cv2.BORDER_CONSTANT, keep_size, cv2.INTER_LINEAR)
        yield {"function": "perspective", "points": sum(map(list, points), []), "keep_size": keep_size, "fit_output": fit_output}, seen
    for across, down, normalized in [
        ([1.2, 0.8, 1.1, 0.9, 1.3, 0.7], [0.8, 0.9, 1.3, 1.0, 1.1, 0.9], True),
        ([1.1, 0.7, 1.2, 0.9], [0.9, 1.3, 0.8, 1.0], False),
    ]:
        steps_x, steps_y, count = list(across), list(down), len(across) - 1
        if normalized:
            steps = fgeometric.normalize_grid_distortion_steps((H, W), count, steps_x, steps_y)
            steps_x, steps_y = steps["steps_x"], steps["steps_y"]
        map_x, map_y = fgeometric.generate_grid((H, W), steps_x, steps_y, count)
        seen = fgeometric.remap(picture, map_x, map_y, cv2.INTER_LINEAR, cv2.BORDER_REFLECT_101, 0)
        yield {"function": "grid", "x": across, "y": down, "normalized": normalized}, seen
    for window, points in [(5, [[0, 1], [1, 1], [2, 2], [3, 3]]), (7, [[3, c] for c in range(7)])]:
        kernel = np.zeros((window, window), np.float32)
        for row, column in points:
            kernel[row, column] = 1 / len(points)
        yield {"function": "motion", "window": window, "points": points}, cv2.filter2D(picture, -1, kernel)
    for part, magnitude in [
        ("ShearX", 0.25), ("ShearY", -0.3), ("TranslateX", 7.6), ("TranslateY", -9.3), ("Rotate", 27.0), ("Brightness", 0.4),
        ("Color", -0.6), ("Contrast", 0.7), ("Sharpness", 0.8), ("Posterize", 4.0), ("Solarize", 150.0), ("AutoContrast", 0.0), ("Equalize", 0.0),
    ]:
        seen = autoaugment._apply_op(Image.fromarray(picture), part, magnitude, InterpolationMode.NEAREST, None)
        yield {"function": "randaugment", "part": part, "magnitude": magnitude}, np.asarray(seen)


def draws(count=20_000):
    """Names → columns of drawn numbers."""
    def op(name, shape=(H, W), **params):
        t = getattr(A, name)(**params)
        t.set_random_seed(7)
        image = picture if shape == (H, W) else np.zeros((*shape, 3), np.uint8)
        return t, lambda: t.get_params() | t.get_params_dependent_on_data({"shape": image.shape}, {"image": image})

    def columns(names, draw, count=count):
        return dict(zip(names, np.array([draw() for _ in range(count)], float).T))

    found = {}
    _, get = op("RandomCrop", height=20, width=10)
    found["RandomCrop"] = columns(["x", "y"], lambda: get()["crop_coords"][:2])
    _, get = op("PadIfNeeded", min_height=64, min_width=40, position="random")
    found["PadIfNeeded"] = columns(["top", "left"], lambda: (lambda p: (p["pad_top"], p["pad_left"]))(get()))
    _, get = op("RandomGridShuffle", (40, 31), grid=(3, 3))
    found["RandomGridShuffle"] = columns(["first_row", "first_column", "stay"], lambda: (
        lambda p: (p["tiles"][0][2], p["tiles"][0][3], sum(i == to for i, to in enumerate(p["mapping"]))))(get()))
    t, get = op("ShiftScaleRotate", (400, 300), shift_limit=0.2, scale_limit=(-0.1, 0.3), rotate_limit=10, shift_limit_y=(0.0, 0.1))
    shifts, plain = [], t._get_translate_params
    t._get_translate_params = lambda shape: shifts.append(plain(shape)) or shifts[-1]
    found["ShiftScaleRotate"] = columns(["scale_x", "scale_y", "rotate", "shift_x", "shift_y"], lambda: (
        lambda p: (p["scale"]["x"], p["scale"]["y"], p["rotate"], shifts[-1]["x"], shifts[-1]["y"]))(get()))
    _, get = op("SafeRotate", limit=(-40, 80))
    found["SafeRotate"] = columns(["angle"], lambda: (get()["rotate"],))
    t, _ = op("Perspective")

    def points():
        p = fgeometric.order_points(fgeometric.generate_perspective_points((400, 300), t.py_random.uniform(*t.scale), t.random_generator))
        return p[0][0], p[0][1], p[1][0], p[2][1], p[3][0], p[3][1]

    found["Perspective"] = columns(["x0", "y0", "x1", "y2", "x3", "y3"], points)
    _, get = op("GridDistortion", (30, 42))
    found["GridDistortion"] = columns(["x0", "x4", "x5", "y2"], lambda: (
        lambda p: (p["map_x"][0, 8], p["map_x"][0, 32], p["map_x"][0, 40], p["map_y"][12, 0]))(get()))
    both = lambda get: lambda: (lambda p: (p["alpha"], p["beta"]))(get())
    limits = {"brightness_limit": 0.2, "contrast_limit": (-0.1, 0.3)}
    found["RandomBrightnessContrast"] = columns(["factor", "add"], both(op("RandomBrightnessContrast", **limits)[1]))
    limits["brightness_by_max"] = False
    found["RandomBrightnessContrast by mean"] = columns(["factor", "add"], both(op("RandomBrightnessContrast", **limits)[1]))
    limits["ensure_safe_range"] = True
    found["RandomBrightnessContrast safe"] = columns(["factor", "add"], both(op("RandomBrightnessContrast", **limits)[1]))
    _, get = op("HueSaturationValue")
    found["HueSaturationValue"] = columns(["hue", "saturation", "value"], lambda: (
        lambda p: (p["hue_shift"], p["sat_shift"], p["val_shift"]))(get()))
    _, get = op("RGBShift", r_shift_limit=20, g_shift_limit=0.1, b_shift_limit=(-5, 30))
    found["RGBShift"] = columns(["r", "g", "b"], lambda: get()["noise_map"])
    _, get = op("Posterize", num_bits=(2, 6))
    found["Posterize"] = columns(["bits"], lambda: (get()["num_bits"],))
    _, get = op("CLAHE")
    found["CLAHE"] = columns(["limit"], lambda: (get()["clip_limit"],))
    drawn, plain = [], fblur.create_gaussian_kernel_1d
    fblur.create_gaussian_kernel_1d = lambda sigma, size=0: drawn.append((len(plain(sigma, size)), sigma)) or plain(sigma, size)
    for name, params in [("GaussianBlur", {}), ("GaussianBlur of a window", {"blur_limit": (3, 7), "sigma_limit": (0.1, 2.0)})]:
        _, get = op("GaussianBlur", **params)
        found[name] = columns(["window", "sigma"], lambda: (get(), drawn[-1])[1])

    def line(get):
        kernel = get()["kernel"]
        rows, across = np.nonzero(kernel)
        return len(kernel), len(rows), rows.mean() - len(kernel) // 2, across.mean() - len(kernel) // 2

    for name, shifted in [("MotionBlur", True), ("MotionBlur unshifted", False)]:
        _, get = op("MotionBlur", blur_limit=(3, 11), angle_range=(20, 120), allow_shifted=shifted)
        found[name] = columns(["window", "points", "row", "column"], lambda: line(get))
    flat = np.full((16, 16, 3), 128, np.uint8)

    def noise(t):
        added = t(image=flat)["image"].astype(float) - 128
        return added.mean(), added.std(), np.abs(added[..., 0] - added[..., 1]).mean()

    for name, params in [("GaussNoise", {}), ("GaussNoise shared", {"per_channel": False}), ("GaussNoise coarse", {"noise_scale_factor": 0.5})]:
        t, _ = op("GaussNoise", std_range=(0.05, 0.15), mean_range=(-0.1, 0.1), p=1, **params)
        found[name] = columns(["mean", "std", "channels"], lambda: noise(t))
    _, get = op("ImageCompression", quality_range=(30, 90))
    found["ImageCompression"] = columns(["quality"], lambda: (get()["quality"],))
    _, get = op("Downscale", scale_range=(0.2, 0.7))
    found["Downscale"] = columns(["scale"], lambda: (get()["scale"],))

    def hole(get):
        holes = get()["holes"]
        left, top, right, bottom = holes[0]
        return len(holes), top, left, bottom - top, right - left

    for name, params in [
        ("CoarseDropout", {"hole_height_range": (0.1, 0.4), "hole_width_range": (0.2, 0.3)}),
        ("CoarseDropout in pixels", {"hole_height_range": (2, 12), "hole_width_range": (3, 30)}),
    ]:
        _, get = op("CoarseDropout", num_holes_range=(1, 5), **params)
        found[name] = columns(["count", "top", "left", "height", "width"], lambda: hole(get))
    torch.manual_seed(7)
    image = torch.zeros(3, H, W)
    found["RandomErasing"] = columns(["top", "left", "height", "width"], lambda: RandomErasing.get_params(image, (0.02, 0.33), (0.3, 3.3), [0.0])[:4])
    four = [A.HorizontalFlip(p=p) for p in (0.25, 0.25, 0.5, 0.0)]
    one = A.OneOf(four, p=1)
    one.set_random_seed(7)
    chosen = lambda: one.random_generator.choice(4, p=one.transforms_ps)
    found["OneOf"] = columns(["first", "second", "third", "fourth"], lambda: np.eye(4)[chosen()])
    for name, replace in [("SomeOf", False), ("SomeOf replace", True)]:
        some = A.SomeOf(four, n=2, replace=replace)
        some.set_random_seed(7)
        found[name] = columns(["least", "greatest"], some._get_idx)
    seen = []
    autoaugment._apply_op = lambda img, name, magnitude, interpolation, fill: seen.append((name, magnitude)) or img
    blank = Image.fromarray(np.zeros((400, 300, 3), np.uint8))
    for policy in (autoaugment.RandAugment(num_ops=1), autoaugment.TrivialAugmentWide()):
        names = list(policy._augmentation_space(31, (400, 300)) if isinstance(policy, autoaugment.RandAugment) else policy._augmentation_space(31))

        def part():
            policy(blank)
            name, magnitude = seen[-1]
            return (names.index(name), *(magnitude if name == which else 0.0 for which in ("ShearX", "TranslateY", "Posterize", "Solarize")))

        found[type(policy).__name__] = columns(["part", "shear_x", "translate_y", "posterize", "solarize"], part)
    for name, alpha in [("MixUp", 1.0), ("MixUp 0.2", 0.2), ("MixUp 4", 4.0)]:
        mix = v2.MixUp(alpha=alpha, num_classes=2)
        found[name] = columns(["lambda"], lambda: (mix.make_params([image])["lam"],))

    def cut(mix):
        p = mix.make_params([image])
        left, top, right, bottom = p["box"]
        return p["lam_adjusted"], left, top, right - left, bottom - top

    for name, alpha in [("CutMix", 1.0), ("CutMix 0.3", 0.3)]:
        mix = v2.CutMix(alpha=alpha, num_classes=2)
        found[name] = columns(["lambda", "left", "top", "width", "height"], lambda: cut(mix))
    near = A.RandomCropNearBBox(max_part_shift=(0.2, 0.4))
    near.set_random_seed(7)
    found["RandomCropNearBBox"] = columns(["x_min", "y_min", "x_max", "y_max"], lambda: near.get_params_dependent_on_data(
        {"shape": picture.shape}, {"cropping_bbox": (5, 8, 25, 30)})["crop_coords"])
    return found


write("golden.json", [{"ops": ops, "png": png(A.Compose([build(op) for op in ops])(image=picture)["image"])} for ops in FIXED])
write("calls.json", [{"call": call, "png": png(seen)} for call, seen in calls()])


def told(v):
    return [float(f"{n:.6g}") for n in (v.mean(), v.std(), *np.quantile(v, [0.0105, 0.9895], method="nearest"))]


Path(__file__).with_name("draws.json").write_text(
    "{\n" + ",\n".join(f"{json.dumps(name)}: {json.dumps({k: told(v) for k, v in columns.items()})}" for name, columns in draws().items()) + "\n}\n"
)
