"""Golden trainings by PyTorch in float32: optimisers and timm's average of weights alone, and a whole small training.

usage: python make.py [FOLDER] [NAME ...]    writes adamw.json, sgd.json, lion.json, sam.json, schedule.json, ema.json,
fit.json, or those named
(torch 2.15, timm 1.0.31; pytorch-metric-learning 2.9 for fit)
"""
import json, math, sys
from pathlib import Path
import torch

folder = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent)


def moved(settings, optimizer, p, gradients):
    """Steps under a cosine, and the weights after some of them."""
    start, steps, after = p.detach().clone(), len(gradients), {}
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = settings["lr"] * .5 * (1 + math.cos(math.pi * step / steps))
        p.grad = gradients[step].clone()
        optimizer.step()
        if step + 1 in (1, 10, steps):
            after[step + 1] = p.detach().tolist()
    return {**settings, "start": start.tolist(), "gradients": gradients.tolist(), "after": after}


def sgd():
    """20 steps each, plain, with momentum, with Nesterov's."""
    torch.manual_seed(8)
    cases = []
    for momentum, nesterov, decay in ((0., False, 0.), (0., False, .1), (.9, False, 1e-2), (.8, True, .1)):
        p = torch.nn.Parameter(torch.randn(5))
        settings = {"lr": 3e-2, "momentum": momentum, "weight_decay": decay, "nesterov": nesterov}
        optimizer = torch.optim.SGD([p], foreach=False, **settings)
        cases.append(moved({"name": "SGD", **settings}, optimizer, p, torch.randn(20, 5)))
    return cases


def lion():
    """50 steps of timm's, two of them with decay."""
    from timm.optim import Lion
    torch.manual_seed(10)
    cases = []
    for lr, betas, decay in ((1e-4, (.9, .99), 0.), (3e-3, (.9, .99), .1), (1e-2, (.95, .98), 1.)):
        p = torch.nn.Parameter(torch.randn(7))
        gradients = torch.randn(50, 7) * torch.logspace(-6, 1, 7)
        settings = {"lr": lr, "betas": betas, "weight_decay": decay}
        cases.append(moved({"name": "Lion", **settings}, Lion([p], foreach=False, **settings), p, gradients))
    return cases


def uphill(params, rho, adaptive):
    """SAM's way: weights are moved along their gradients, rho long in all; gives them as they were."""
    with torch.no_grad():
        scaled = [(p.abs() if adaptive else 1.) * p.grad for p in params]
        length = torch.stack([g.norm() for g in scaled]).norm() + 1e-12
        before = [p.clone() for p in params]
        for p in params:
            p += (p ** 2 if adaptive else 1.) * p.grad * (rho / length)
    return before


def back(params, before):
    with torch.no_grad():
        for p, old in zip(params, before):
            p.copy_(old)


def sam():
    """50 steps on two tensors with the loss sum(steep * log(cosh(w - lowest))), over three optimisers."""
    torch.manual_seed(12)
    cases = []
    for base, make, settings, rho, adaptive in (
            ("AdamW", torch.optim.AdamW, {"lr": 3e-2, "betas": (.9, .999), "eps": 1e-8, "weight_decay": 1e-2}, .05, False),
            ("SGD", torch.optim.SGD, {"lr": 1e-1, "momentum": .9, "weight_decay": 1e-3, "nesterov": False}, .5, False),
            ("SGD", torch.optim.SGD, {"lr": 5e-2, "momentum": .9, "weight_decay": 0., "nesterov": True}, 2., True)):
        start, steep, lowest = torch.randn(8), torch.rand(8) + .1, torch.randn(8)
        params, after = [torch.nn.Parameter(part.clone()) for part in start.chunk(2)], {}
        optimizer = make(params, foreach=False, **settings)

        def slope():
            optimizer.zero_grad()
            (steep * torch.log(torch.cosh(torch.cat(params) - lowest))).sum().backward()

        for step in range(50):
            for group in optimizer.param_groups:
                group["lr"] = settings["lr"] * .5 * (1 + math.cos(math.pi * step / 50))
            slope()
            before = uphill(params, rho, adaptive)
            slope()
            back(params, before)
            optimizer.step()
            if step + 1 in (1, 10, 50):
                after[step + 1] = torch.cat(params).tolist()
        cases.append({"name": "SAM", "rho": rho, "adaptive": adaptive, "base": {"name": base, **settings},
                      "start": start.tolist(), "steep": steep.tolist(), "lowest": lowest.tolist(), "after": after})
    return cases


def schedule():
    """The rate of each step by PyTorch's schedulers; milestones and cycles of recipes are in epochs."""
    from torch.optim import lr_scheduler as torch_lr
    cases = []

    def case(settings, lr, epochs, per_epoch, make, step=lambda scheduler, done: scheduler.step()):
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr)
        scheduler, rates = make(optimizer, epochs * per_epoch), []
        for done in range(epochs * per_epoch):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            if done + 1 < epochs * per_epoch:
                step(scheduler, (done + 1) / per_epoch)
        cases.append({"settings": settings, "lr": lr, "epochs": epochs, "per_epoch": per_epoch, "rates": rates})

    case({"name": "cosine", "warmup_epochs": 0.}, 1e-3, 5, 7, lambda o, n: torch_lr.CosineAnnealingLR(o, n))
    case({"name": "constant", "warmup_epochs": 0.}, 1e-3, 2, 7, lambda o, n: torch_lr.ConstantLR(o, 1.))
    # Warm-up: the straight line from 1/6 up over 6 steps, times the curve.
    line = lambda o: torch_lr.LinearLR(o, 1 / 6, 1., 5)
    case({"name": "constant", "warmup_epochs": 2.}, 1e-3, 4, 3, lambda o, n: line(o))
    case({"name": "step", "milestones": [1., 2.5], "gamma": .5, "warmup_epochs": 1.5}, 2e-2, 4, 4,
         lambda o, n: torch_lr.ChainedScheduler([line(o), torch_lr.MultiStepLR(o, [4, 10], .5)]))
    for milestones, gamma in (([3., 5.], .1), ([2., 2., 4.5], .3)):
        case({"name": "step", "milestones": milestones, "gamma": gamma, "warmup_epochs": 0.}, 1e-2, 6, 6,
             lambda o, n: torch_lr.MultiStepLR(o, [round(m * 6) for m in milestones], gamma))
    for pct, div, final, anneal, epochs in ((.3, 25., 1e4, "cos", 6), (.3, 25., 1e4, "linear", 6), (.1, 10., 100., "cos", 3)):
        case({"name": "one-cycle", "pct_start": pct, "div_factor": div, "final_div_factor": final, "anneal_strategy": anneal},
             2e-3, epochs, 9, lambda o, n: torch_lr.OneCycleLR(o, 2e-3, n, pct_start=pct, anneal_strategy=anneal,
                                                             cycle_momentum=False, div_factor=div, final_div_factor=final))
    for first, times, eta_min, epochs in ((2, 1, 0., 7), (1, 2, 1e-5, 9), (3, 3, 1e-4, 5)):
        case({"name": "cosine-restarts", "T_0": first, "T_mult": times, "eta_min": eta_min, "warmup_epochs": 0.}, 1e-3, epochs, 8,
             lambda o, n: torch_lr.CosineAnnealingWarmRestarts(o, first, times, eta_min),
             lambda scheduler, done: scheduler.step(done))
    for kind, fall in (("1-sqrt", lambda part: 1 - math.sqrt(part)), ("linear", lambda part: 1 - part)):
        case({"name": "constant-cooldown", "warmup_epochs": 0., "cooldown_epochs": 2, "decay_type": kind}, 1e-3, 6, 5,
             lambda o, n: torch_lr.LambdaLR(o, lambda t: fall((t - 20) / 10) if t > 20 else 1.))
    return cases


def ema():
    """The weights after each of 30 steps, and timm's average of them."""
    from timm.utils import ModelEmaV3
    torch.manual_seed(9)
    cases = []
    for decay, warmup in ((.9, False), (.85, True)):
        net = torch.nn.Linear(5, 1, bias=False)
        average, weights, averages = ModelEmaV3(net, decay=decay, use_warmup=warmup), [], []
        for step in range(30):
            net.weight.data += .1 * torch.randn(1, 5)
            average.update(net, step + 1)
            weights.append(net.weight[0].tolist())
            averages.append(average.module.weight[0].tolist())
        cases.append({"decay": decay, "warmup": warmup, "weights": weights, "averages": averages})
    return cases


def adamw():
    """50 steps under a moving learning rate, with gradients from tiny to large."""
    torch.manual_seed(7)
    cases = []
    for lr, betas, eps, decay in ((1e-3, (.9, .999), 1e-8, 5e-4), (3e-2, (.8, .95), 1e-6, .1), (1e-2, (.9, .999), 1e-8, 0.)):
        p = torch.nn.Parameter(torch.randn(7))
        gradients = torch.randn(50, 7) * torch.logspace(-6, 1, 7)
        optimizer = torch.optim.AdamW([p], lr, betas, eps, decay, foreach=False)
        settings = {"name": "AdamW", "lr": lr, "betas": betas, "eps": eps, "weight_decay": decay}
        cases.append(moved(settings, optimizer, p, gradients))
    return cases


class Tiny(torch.nn.Module):
    """Two convolutions with batch norm that halve 4×4 pictures to one pixel, then a linear layer."""

    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = torch.nn.Conv2d(3, 4, 3, 2, 1, bias=False), torch.nn.BatchNorm2d(4)
        self.conv2, self.bn2 = torch.nn.Conv2d(4, 6, 3, 2, 1, bias=False), torch.nn.BatchNorm2d(6)
        self.fc = torch.nn.Linear(6, 5)

    def forward(self, x):
        x = torch.relu(self.bn1(self.conv1(x)))
        x = torch.relu(self.bn2(self.conv2(x)))
        return self.fc(x.mean((2, 3)))


def fit():
    """Four epochs of three steps, ArcFace, warm-up times cosine, neck and head at twice the rate.

    First AdamW with clipping and batches of 8. Then SGD with two batches of 4 a step, rates that fall from layer to
    layer, no decay of vectors, and timm's average of the weights, which is what counts in the end. Then SAM over AdamW with
    clipping and two batches of 4 a step: the second pass goes over both at the disturbed weights, and its batch norms leave
    the running statistics alone.
    """
    from pytorch_metric_learning import losses
    from timm.utils import ModelEmaV3
    torch.manual_seed(11)
    images, classes = torch.randn(24, 3, 4, 4), torch.arange(24) % 3
    cases = []
    for number in range(3):
        second, twice = number == 1, number == 2
        net, arcface = Tiny(), losses.ArcFaceLoss(num_classes=3, embedding_size=5, margin=17.2, scale=30)
        torch.nn.init.normal_(arcface.W, 0, .1)
        net.loss = arcface
        tensors = lambda net: {k: (v.t() if k == "loss.W" else v).flatten().tolist()
                               for k, v in net.state_dict().items() if "num_batches" not in k}
        start, steps, warmup = tensors(net), 12, 2
        scale = {"conv1": .25, "bn1": .25, "conv2": .5, "bn2": .5} if second else {}
        groups = [{"params": [p], "factor": scale.get(name.split(".")[0], 2 if name.split(".")[0] in ("fc", "loss") else 1),
                   "weight_decay": 0. if second and p.ndim == 1 else .05} for name, p in net.named_parameters()]
        lr = 1e-3 if second else 2e-3
        optimizer = torch.optim.SGD(groups, lr, momentum=.9, nesterov=True) if second else torch.optim.AdamW(groups, lr)
        average = ModelEmaV3(net, decay=.8, use_warmup=True)
        values, norms = [], []
        for step in range(steps):
            rate = lr * min(1, (step + 1) / warmup) * .5 * (1 + math.cos(math.pi * step / steps))
            for g in optimizer.param_groups:
                g["lr"] = rate * g["factor"]
            optimizer.zero_grad()
            value, first = 0, step % 3 * 8
            rows = [slice(first, first + 8)] if number == 0 else [slice(first, first + 4), slice(first + 4, first + 8)]
            for part in rows:
                loss = arcface(net(images[part]), classes[part]) / len(rows)
                loss.backward()
                value += loss.item()
            if twice:
                before = uphill(list(net.parameters()), .05, False)
                optimizer.zero_grad()
                kept = {k: v.clone() for k, v in net.named_buffers()}
                for part in rows:
                    (arcface(net(images[part]), classes[part]) / len(rows)).backward()
                back(net.parameters(), before)
                for k, v in net.named_buffers():
                    v.copy_(kept[k])
            norms.append(torch.nn.utils.clip_grad_norm_(net.parameters(), (65., 1e9, 110.)[number]).item())
            optimizer.step()
            average.update(net, step + 1)
            values.append(value)
        cases.append({"start": start, "losses": values, "norms": norms, "end": tensors(average.module if second else net)})
    return {"images": images.flatten().tolist(), "cases": cases}


for make in (adamw, sgd, lion, sam, schedule, ema, fit):
    if not sys.argv[2:] or make.__name__ in sys.argv[2:]:
        (folder / f"{make.__name__}.json").write_text(json.dumps(make()) + "\n")
