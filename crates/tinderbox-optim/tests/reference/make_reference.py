"""Writes what PyTorch computes, for the tests of tinderbox-optim.

    python3 -m venv /tmp/torch && /tmp/torch/bin/pip install torch numpy
    /tmp/torch/bin/python make_reference.py

The gradients do not come from a model: `g[t][i] = sin(1 + 1.7 t + 0.9 i) * (1 + i / 3)`, so that the
Rust tests can repeat them exactly. Numbers are float64 unless a name says otherwise.
"""

import json
import math
from pathlib import Path

import torch

torch.set_default_dtype(torch.float64)
HERE = Path(__file__).parent
STEPS = 6
SHAPES = {"matrix": (3, 2), "vector": (4,)}


def gradient(step, shape):
    count = math.prod(shape)
    numbers = [math.sin(1 + 1.7 * step + 0.9 * i) * (1 + i / 3) for i in range(count)]
    return torch.tensor(numbers).reshape(shape)


def start(shape):
    count = math.prod(shape)
    return torch.tensor([math.cos(0.5 * i) for i in range(count)]).reshape(shape)


def trace(make, shapes=SHAPES, rate=None):
    """The parameters after every step of an optimizer."""
    parameters = {name: start(shape).requires_grad_() for name, shape in shapes.items()}
    optimizer = make(list(parameters.values()))
    steps = []
    for step in range(STEPS):
        for name, parameter in parameters.items():
            parameter.grad = gradient(step, shapes[name])
        optimizer.step()
        steps.append({name: p.detach().flatten().tolist() for name, p in parameters.items()})
    return steps


def optimizers():
    o = torch.optim
    cases = [
        ("sgd", {}, lambda p: o.SGD(p, lr=0.1)),
        ("sgd", {"weight_decay": 0.1}, lambda p: o.SGD(p, lr=0.1, weight_decay=0.1)),
        ("sgd", {"momentum": 0.9, "weight_decay": 0.1}, lambda p: o.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.1)),
        ("sgd", {"momentum": 0.8, "dampening": 0.3}, lambda p: o.SGD(p, lr=0.1, momentum=0.8, dampening=0.3)),
        ("sgd", {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1},
         lambda p: o.SGD(p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.1)),
        ("adagrad", {"weight_decay": 0.1, "rate_decay": 0.2}, lambda p: o.Adagrad(p, lr=0.1, weight_decay=0.1, lr_decay=0.2)),
        ("rmsprop", {"weight_decay": 0.1, "alpha": 0.9}, lambda p: o.RMSprop(p, lr=0.1, alpha=0.9, weight_decay=0.1)),
        ("rmsprop", {"momentum": 0.8}, lambda p: o.RMSprop(p, lr=0.1, momentum=0.8)),
        ("rmsprop", {"centered": True, "alpha": 0.9}, lambda p: o.RMSprop(p, lr=0.1, alpha=0.9, centered=True)),
        ("rmsprop", {"centered": True, "momentum": 0.8, "weight_decay": 0.1},
         lambda p: o.RMSprop(p, lr=0.1, momentum=0.8, centered=True, weight_decay=0.1)),
        ("adadelta", {"weight_decay": 0.1}, lambda p: o.Adadelta(p, lr=0.1, weight_decay=0.1)),
        ("adam", {"weight_decay": 0.1}, lambda p: o.Adam(p, lr=0.1, weight_decay=0.1)),
        ("adam", {"amsgrad": True, "beta_2": 0.5}, lambda p: o.Adam(p, lr=0.1, betas=(0.9, 0.5), amsgrad=True)),
        ("adamw", {"weight_decay": 0.1}, lambda p: o.AdamW(p, lr=0.1, weight_decay=0.1)),
        ("adamw", {"amsgrad": True, "beta_2": 0.5, "weight_decay": 0.1},
         lambda p: o.AdamW(p, lr=0.1, betas=(0.9, 0.5), amsgrad=True, weight_decay=0.1)),
    ]
    return [{"config": {"name": n, **c}, "rate": 0.1, "steps": trace(make)} for n, c, make in cases]


def muon():
    """PyTorch's Muon, with its bfloat16 products replaced by the same ones in float64.

    Rounding to bfloat16 is a matter of speed on a GPU; the formula is what is compared.
    PyTorch keeps a linear layer as [outputs, inputs], Burn as [inputs, outputs]: the Rust test
    transposes.
    """
    module = torch.optim._muon
    inner = module._zeropower_via_newtonschulz

    def exact(grad, coefficients, iterations, eps):
        a, b, c = coefficients
        x = grad.T if grad.size(0) > grad.size(1) else grad
        x = x / x.norm().clamp(min=eps)
        for _ in range(iterations):
            gram = x @ x.T
            x = a * x + (b * gram + c * gram @ gram) @ x
        return x.T if grad.size(0) > grad.size(1) else x

    # How far bfloat16 is from it, as a check that this is the same algorithm.
    sample = gradient(0, (3, 2))
    coarse = inner(sample.float(), (3.4445, -4.775, 2.0315), 5, 1e-7).double()
    assert (coarse - exact(sample, (3.4445, -4.775, 2.0315), 5, 1e-7)).abs().max() < 0.03
    module._zeropower_via_newtonschulz = exact
    cases = []
    for scale, name in [("original", "original"), ("match_rms_adamw", "match_adamw")]:
        for nesterov in [True, False]:
            for shape in [(3, 2), (2, 3)]:
                make = lambda p: torch.optim.Muon(
                    p, lr=0.1, weight_decay=0.1, momentum=0.9, nesterov=nesterov, adjust_lr_fn=scale)
                cases.append({
                    "scale": name, "nesterov": nesterov, "shape": shape,
                    "steps": [s["weight"] for s in trace(make, {"weight": shape})],
                })
    module._zeropower_via_newtonschulz = inner
    return cases


def lbfgs():
    """Rosenbrock's function in four numbers, from a far start, in float32 as Burn computes."""
    cases = []
    for line_search in [None, "strong_wolfe"]:
        x = torch.tensor([-1.2, 1.0, -0.5, 0.8], dtype=torch.float32, requires_grad=True)
        rate = 1.0 if line_search else 0.005
        optimizer = torch.optim.LBFGS([x], lr=rate, max_iter=4, history_size=5, line_search_fn=line_search)

        def closure():
            optimizer.zero_grad()
            head, tail = x[:-1], x[1:]
            loss = (100 * (tail - head**2) ** 2 + (1 - head) ** 2).sum()
            loss.backward()
            return loss

        steps = []
        for _ in range(6):
            optimizer.step(closure)
            steps.append({"x": x.detach().tolist(), "loss": float(closure())})
        cases.append({"line_search": line_search is not None, "rate": rate, "steps": steps})
    return cases


def schedules():
    s = torch.optim.lr_scheduler
    cases = [
        ({"name": "step", "size": 7, "gamma": 0.3}, lambda o: s.StepLR(o, 7, 0.3)),
        ({"name": "multi_step", "milestones": [3, 4, 20], "gamma": 0.3}, lambda o: s.MultiStepLR(o, [3, 4, 20], 0.3)),
        ({"name": "factor", "factor": 0.9}, lambda o: s.ExponentialLR(o, 0.9)),
        ({"name": "polynomial_decay", "length": 25, "power": 2.0}, lambda o: s.PolynomialLR(o, 25, 2.0)),
        ({"name": "linear", "length": 12, "start_factor": 0.25, "end_factor": 1.0}, lambda o: s.LinearLR(o, 0.25, 1.0, 12)),
        ({"name": "cosine", "length": 39, "end": 0.01}, lambda o: s.CosineAnnealingLR(o, 39, 0.01)),
        ({"name": "warm_restarts", "period": 5, "multiplier": 2, "end": 0.01},
         lambda o: s.CosineAnnealingWarmRestarts(o, 5, 2, 0.01)),
        ({"name": "warm_restarts", "period": 6, "end": 0.0}, lambda o: s.CosineAnnealingWarmRestarts(o, 6)),
        ({"name": "one_cycle", "length": 40}, lambda o: s.OneCycleLR(o, 0.5, 40)),
        ({"name": "one_cycle", "length": 37, "rise": 0.4, "start_divisor": 10.0, "end_divisor": 100.0, "cosine": False},
         lambda o: s.OneCycleLR(o, 0.5, 37, pct_start=0.4, div_factor=10, final_div_factor=100, anneal_strategy="linear")),
        ({"name": "chain", "parts": [
            {"length": 5, "schedule": {"name": "linear", "length": 5, "start_factor": 0.1, "end_factor": 1.0}},
            {"length": 10, "schedule": {"name": "constant"}},
            {"length": 1, "schedule": {"name": "factor", "factor": 0.8}}]},
         lambda o: s.SequentialLR(o, [s.LinearLR(o, 0.1, 1.0, 5), s.ConstantLR(o, 1.0, 1), s.ExponentialLR(o, 0.8)], [5, 15])),
    ]
    result = []
    for config, make in cases:
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.5)
        scheduler = make(optimizer)
        rates = []
        for _ in range(37 if config.get("length") == 37 else 40):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            try:
                scheduler.step()
            except ValueError:  # OneCycleLR refuses to continue after its end
                break
        result.append({"config": config, "base": 0.5, "rates": rates})
    return result


def plateaus():
    cases = []
    metrics = [1.0, 0.8, 0.81, 0.8, 0.79999, 0.83, 0.7, 0.71, 0.72, 0.73, 0.6, 0.61, 0.61, 0.61, 0.61, 0.61,
               0.61, 0.61, 0.61, 0.5, 0.51, 0.51, 0.51, 0.51]
    for mode, sign in [("min", 1), ("max", -1)]:
        for patience, cooldown in [(2, 0), (1, 2), (0, 1)]:
            optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.5)
            plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(
                optimizer, mode, factor=0.3, patience=patience, threshold=1e-3, cooldown=cooldown, min_lr=0.01)
            values = [m if mode == "min" else 2 - m for m in metrics]
            rates = []
            for value in values:
                plateau.step(value)
                rates.append(optimizer.param_groups[0]["lr"])
            cases.append({
                "config": {"mode": mode, "factor": 0.3, "patience": patience,
                           "threshold": 1e-3, "cooldown": cooldown, "min_rate": 0.01},
                "base": 0.5, "metrics": values, "rates": rates})
    return cases


def clipping():
    cases = []
    for limit in [1.0, 3.0, 100.0]:
        parameters = [start(shape).requires_grad_() for shape in SHAPES.values()]
        for parameter, shape in zip(parameters, SHAPES.values()):
            parameter.grad = gradient(1, shape)
        norm = torch.nn.utils.clip_grad_norm_(parameters, limit)
        cases.append({"limit": limit, "norm": float(norm),
                      "grads": {n: p.grad.flatten().tolist() for n, p in zip(SHAPES, parameters)}})
    return cases


def losses():
    f = torch.nn.functional
    cases = [
        ({"name": "squared"}, f.mse_loss), ({"name": "absolute"}, f.l1_loss),
        ({"name": "huber", "delta": 0.7}, lambda p, t: f.huber_loss(p, t, delta=0.7)),
    ]
    prediction = gradient(2, (3, 2)).requires_grad_()
    target = gradient(4, (3, 2))
    result = []
    for config, loss in cases:
        value = loss(prediction, target)
        (grad,) = torch.autograd.grad(value, prediction)
        result.append({"config": config, "value": float(value), "grad": grad.flatten().tolist()})
    return result


def write(name, value):
    text = json.dumps({"torch": torch.__version__, "cases": value}, indent=None, separators=(",", ":"))
    (HERE / name).write_text(text.replace("{\"config\"", "\n{\"config\"") + "\n")


write("optimizers.json", optimizers())
write("muon.json", muon())
write("lbfgs.json", lbfgs())
write("schedules.json", schedules())
write("plateaus.json", plateaus())
write("clipping.json", clipping())
write("losses.json", losses())
