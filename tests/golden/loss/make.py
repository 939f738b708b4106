"""Golden losses and gradients, in float64: from PyTorch and pytorch-metric-learning where they have the loss, from the
papers' formulas (written out below) where they do not.

usage: python make.py > losses.json    (pytorch-metric-learning 2.9, torch 2.15)
"""
import json, math, sys
import numpy as np
import torch
import torch.nn.functional as F
from pytorch_metric_learning import losses

torch.set_default_dtype(torch.float64)
torch.manual_seed(20240607)
b, d, n = 6, 5, 4
x = torch.randn(b, d) * 2
W = torch.randn(n, d) * .7
bias = torch.randn(n) * .3
y = torch.tensor([0, 1, 2, 3, 1, 0])
# Row 4 lies almost opposite to its class (angle + margin > 180 degrees), row 5 almost on it.
x[4] = -1.3 * W[1] + .05 * torch.randn(d)
x[5] = 2.1 * W[0] + .05 * torch.randn(d)
centers = torch.randn(3 * n, d) * .7                  # three directions per class, those of one class in a row
counts = [40, 3, 1, 7]                                # photos of each class
TENSORS = {"weight": W, "bias": bias, "centers": centers}


def case(name, settings, module, head, buffers=(), free=True):
    """`module(e, *weights)` gives the loss, or the loss and the buffers' next values. `free`: whether the gradient is the
    slope of the value (it is not where a loss reads its inputs without gradient)."""
    e = x.clone().requires_grad_()
    weights = [TENSORS[h].clone().requires_grad_() for h in head]
    out = module(e, *weights)
    value, after = out if isinstance(out, tuple) else (out, [])
    value.backward()
    return {"settings": {"name": name, **settings}, "head": [*head, *([v] for v in buffers)], "value": value.item(),
            "d_embeddings": e.grad.tolist(), "d_head": [w.grad.tolist() for w in weights],
            "buffers": [float(v) for v in after], "free": free}


def metric(name, arguments, settings, head="weight", extra=None):
    """A loss of the library; with `extra` its logits under another cross-entropy."""
    loss = getattr(losses, name)(num_classes=n, embedding_size=d, **arguments)
    slot = {"ProxyAnchorLoss": "proxies", "ProxyNCALoss": "proxies", "SoftTripleLoss": "fc"}.get(name, "W")

    def module(e, w):
        # The library stores most heads as [d, n].
        del loss._parameters[slot]
        setattr(loss, slot, w if slot == "proxies" else w.t())
        loss.cast_types = lambda *_: None
        if extra is None:
            return loss(e, y)
        cosine = loss.get_cosine(e)
        mask = loss.get_target_mask(e, y)
        change = (loss.modify_cosine_of_target_classes(cosine[mask == 1]) - cosine[mask == 1]).unsqueeze(1)
        return extra(loss.scale_logits(cosine + mask * change, e), y)
    return case(name, {"init_std": .01, **settings}, module, [head])


def weights_of(rule):
    c = torch.tensor(counts, dtype=torch.float64)
    return {"inverse": 1 / c, "log": 1 / torch.log1p(c)}[rule] if isinstance(rule, str) else c ** rule


def entropy(smoothing=0., rule=None):
    return torch.nn.CrossEntropyLoss(label_smoothing=smoothing, weight=None if rule is None else weights_of(rule))


def aimed(smoothing, rule):
    return {"label_smoothing": smoothing, "class_weights": rule}


def cosines(e, w):
    return F.normalize(e) @ F.normalize(w).t()


def put(logits, own):
    return logits.scatter(1, y[:, None], own[:, None])


def own(cosine):
    return cosine.gather(1, y[:, None])[:, 0]


def turned(c, m):
    """cos(t + m), going on straight behind 180 degrees."""
    m = torch.as_tensor(m)
    t = torch.acos(c)
    return torch.where(t <= math.pi - m, torch.cos(t + m), c - m * torch.sin(m))


# Margins by class.
def minmax(power, least, span):
    p = np.array(counts) ** power
    return torch.tensor((p - p.min()) / (p.max() - p.min()) * span + least)


def powers(coefficient, power, offset):
    return torch.tensor(coefficient * np.array(counts) ** power + offset)


# The program's seeds (SplitMix64), so that its draws are known here.
M, G = (1 << 64) - 1, 0x9E3779B97F4A7C15


def mix(z):
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & M
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & M
    return z ^ (z >> 31)


def at(seed, place):
    return mix(seed ^ mix(place + G & M)) + G & M


def named(seed, name):
    seed = at(seed, len(name))
    for byte in name.encode():
        seed = at(seed, byte)
    return seed


def normals(state, count):
    out = []
    for _ in range(count):
        units = []
        for _ in range(2):
            state = state + G & M
            units.append((mix(state) >> 11) / 2 ** 53)
        out.append(math.sqrt(-2 * math.log(1 - units[0])) * math.cos(2 * math.pi * units[1]))
    return torch.tensor(out)


DRAWS = normals(named(mix(G), "margin"), b)           # the seed of the tests is 0


def elastic(cosine, m, std, plus):
    margins = m + std * DRAWS
    if plus:                                          # the lowest own cosine gets the largest margin
        rank = torch.argsort(torch.argsort(own(cosine).detach(), descending=True))
        margins = margins.sort().values[rank]
    return margins


def elastic_case(name, change, settings):
    def module(e, w):
        c = cosines(e, w)
        margins = elastic(c, settings["margin"], settings["std"], settings["plus"])
        return F.cross_entropy(put(c, change(own(c), margins)) * settings["scale"], y)
    return case(name, {"init_std": .01, **settings}, module, ["weight"])


def adacos(s=None):
    def module(e, w):
        c = cosines(e, w)
        if s is None:
            return F.cross_entropy(c * math.sqrt(2) * math.log(n - 1), y)
        with torch.no_grad():
            wrong = 1 - F.one_hot(y, n)
            total = (torch.exp(s * c) * wrong).sum() / b
            median = torch.acos(own(c)).median()
            new = (torch.log(total) / torch.cos(torch.clamp(median, max=math.pi / 4))).clamp(min=1.)
        return F.cross_entropy(c * new, y), [new]
    return case("AdaCos", {"dynamic": s is not None, "init_std": .01}, module, ["weight"], [] if s is None else [s], s is None)


def curricular(t, m, s, alpha):
    def module(e, w):
        c = cosines(e, w)
        o = own(c)
        new = (alpha * o.mean() + (1 - alpha) * t).detach()
        hard = c > torch.cos(torch.acos(o) + m)[:, None]
        return F.cross_entropy(put(torch.where(hard, c * (new + c), c), turned(o, m)) * s, y), [new]
    settings = {"margin": m, "scale": s, "t_alpha": alpha, "init_std": .01}
    return case("CurricularFace", settings, module, ["weight"], [t], False)


def adaface(mean, std, m, h, s, alpha, **more):
    def module(e, w):
        eps = 1e-3
        c = cosines(e, w).clamp(-1 + eps, 1 - eps)
        length = e.norm(dim=1).clamp(1e-3, 100).detach()
        new = [alpha * length.mean() + (1 - alpha) * mean, alpha * length.std() + (1 - alpha) * std]
        q = ((length - new[0]) / (new[1] + eps) * h).clamp(-1, 1)
        o = torch.cos((torch.acos(own(c)) - m * q).clamp(eps, math.pi - eps)) - (m + m * q)
        return entropy(more.get("label_smoothing", 0.), more.get("class_weights"))(put(c, o) * s, y), new
    settings = {"margin": m, "h": h, "scale": s, "t_alpha": alpha, "init_std": .01, **more}
    return case("AdaFace", settings, module, ["weight"], [mean, std], False)


def outliers():
    loss = losses.SubCenterArcFaceLoss(num_classes=n, embedding_size=d)
    loss.W.data = centers.t().clone()
    e = torch.randn(40, d)
    labels = torch.randint(0, n - 1, (40,))           # the last class has no photo
    found = {str(t): sorted(loss.get_outliers(e, labels, threshold=t)[0].tolist()) for t in (60, 75, 100)}
    chosen = loss.get_outliers(e, labels)[1].t()      # the library returns [d, n]
    place = [int(torch.all(torch.isclose(centers[3 * k:3 * k + 3], chosen[k]), dim=1).nonzero()[0]) for k in range(n - 1)]
    angles = torch.rad2deg(torch.acos((F.normalize(e) * F.normalize(chosen[labels])).sum(1)))
    return {"embeddings": e.tolist(), "classes": labels.tolist(), "centers": place, "angles": angles.tolist(), "outliers": found}


def linear(smoothing, rule=None):
    settings = {"label_smoothing": smoothing} | ({} if rule is None else {"class_weights": rule})
    return case("CrossEntropyLoss", settings, lambda e, w, v: entropy(smoothing, rule)(F.linear(e, w, v), y), ["weight", "bias"])


cases = [linear(0.), linear(.1), linear(0., "inverse"), linear(.2, "log"), linear(.2, -.4)]
for t in (.05, .5):
    cases.append(metric("NormalizedSoftmaxLoss", {"temperature": t}, {"temperature": t}))
cases.append(case("NormalizedSoftmaxLoss", {"temperature": .2, "init_std": .01, **aimed(.1, "log")},
                  lambda e, w: entropy(.1, "log")(cosines(e, w) / .2, y), ["weight"]))
for m, s in ((28.6, 64), (17.2, 30), (0, 10), (120, 2)):
    cases.append(metric("ArcFaceLoss", {"margin": m, "scale": s}, {"margin": float(m), "scale": float(s)}))
cases.append(metric("ArcFaceLoss", {"margin": 17.2, "scale": 30}, {"margin": 17.2, "scale": 30., **aimed(.1, "inverse")},
                    extra=entropy(.1, "inverse")))
for m, s in ((.35, 64), (.1, 5)):
    cases.append(metric("CosFaceLoss", {"margin": m, "scale": s}, {"margin": m, "scale": float(s)}))
cases.append(metric("CosFaceLoss", {"margin": .2, "scale": 30}, {"margin": .2, "scale": 30., **aimed(0., -.5)}, extra=entropy(0., -.5)))
for m, s in ((28.6, 64), (17.2, 5)):
    cases.append(metric("SubCenterArcFaceLoss", {"margin": m, "scale": s, "sub_centers": 3},
                        {"margin": m, "scale": float(s), "sub_centers": 3}, "centers"))
rules = [({"kind": "minmax", "power": -.25, "least": .05, "span": .45}, minmax(-.25, .05, .45)),
         ({"kind": "power", "coefficient": .27126, "power": -.364399, "offset": .05}, powers(.27126, -.364399, .05))]
for rule, margins in rules:
    scaled = {"margin": rule, "scale": 20., "init_std": .01}
    cases.append(case("ArcFaceLoss", scaled,
                      lambda e, w, m=margins: F.cross_entropy(put(c := cosines(e, w), turned(own(c), m[y])) * 20, y), ["weight"]))
    cases.append(case("CosFaceLoss", scaled,
                      lambda e, w, m=margins: F.cross_entropy(put(c := cosines(e, w), own(c) - m[y]) * 20, y), ["weight"]))
    cases.append(case("SubCenterArcFaceLoss", {**scaled, "sub_centers": 3},
                      lambda e, w, m=margins: F.cross_entropy(
                          put(c := cosines(e, w).view(b, n, 3).max(2).values, turned(own(c), m[y])) * 20, y), ["centers"]))
for plus in (False, True):
    for m, std, s in ((.5, .0125, 64.), (.3, .2, 10.)):
        cases.append(elastic_case("ElasticArcFaceLoss", turned, {"margin": m, "std": std, "scale": s, "plus": plus}))
    for m, std, s in ((.35, .0125, 30.), (.35, .2, 10.)):
        cases.append(elastic_case("ElasticCosFaceLoss", lambda c, m: c - m, {"margin": m, "std": std, "scale": s, "plus": plus}))
for m, s in ((4, 1), (2, .5), (1, 1), (3, 2), (5, 1)):
    cases.append(metric("SphereFaceLoss", {"margin": m, "scale": s}, {"margin": m, "scale": float(s)}))
cases += [adacos(), adacos(1.5), adacos(8.), adacos(20.)]
cases += [curricular(0., .5, 64., .01), curricular(.4, .3, 10., .2), curricular(-.2, .5, 5., 1.)]
cases += [adaface(20., 100., .4, .333, 64., .01), adaface(4., 1.2, .4, .333, 10., .3), adaface(3., .5, .5, 2., 8., .01),
          adaface(4., 1., .4, .333, 10., 1., label_smoothing=.1, class_weights="log")]
for s in (1., 8.):
    cases.append(metric("ProxyNCALoss", {"softmax_scale": s}, {"softmax_scale": s}))
for m, a in ((.1, 32), (.3, 5)):
    cases.append(metric("ProxyAnchorLoss", {"margin": m, "alpha": a}, {"margin": m, "alpha": float(a)}))
for la, gamma, m in ((20, .1, .01), (5, 1., .2)):
    cases.append(metric("SoftTripleLoss", {"centers_per_class": 3, "la": la, "gamma": gamma, "margin": m},
                        {"centers_per_class": 3, "la": float(la), "gamma": gamma, "margin": m}, "centers"))
json.dump({"embeddings": x.tolist(), **{k: v.tolist() for k, v in TENSORS.items()}, "classes": y.tolist(), "counts": counts,
           "dominant": outliers(), "cases": cases}, sys.stdout, separators=(",", ":"))
print()
