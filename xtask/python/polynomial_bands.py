"""The spread behind the bands of `cargo xtask reproduce polynomial`.

The course publishes one run of this experiment, and its losses depend strongly on the draw of the 100 examples (the
features have heavy tails). So this script runs the course's procedure for many draws, in plain Python without
Tinderbox, and prints the 5th, 50th and 95th percentiles.

Dive into Deep Learning, section "Underfitting and Overfitting": squared error without a half, batch size
10, learning rate 0.01, 400 epochs (1500 for degree 19), weights from U(-1/sqrt(inputs), 1/sqrt(inputs)).
"""

import math
import random
import sys

TRUTH = [5.0, 1.2, -3.4, 5.6]


def example(draw, terms):
    x = draw.gauss(0, 1)
    row = [x**power / math.factorial(power) for power in range(terms)]
    return row, sum(c * v for c, v in zip(TRUTH, row)) + draw.gauss(0, 0.1)


def loss(weights, rows):
    errors = [sum(w * v for w, v in zip(weights, row)) - y for row, y in rows]
    return sum(error * error for error in errors) / len(errors)


def train(draw, rows, width, epochs):
    rows = [(row[:width], y) for row, y in rows]
    bound = 1 / math.sqrt(width)
    weights = [draw.uniform(-bound, bound) for _ in range(width)]
    learn, test = rows[:100], rows[100:]
    for _ in range(epochs):
        draw.shuffle(learn)
        for start in range(0, 100, 10):
            gradient = [0.0] * width
            for row, y in learn[start : start + 10]:
                error = 0.2 * (sum(map(float.__mul__, weights, row)) - y)
                gradient = [g + error * v for g, v in zip(gradient, row)]
            weights = [w - 0.01 * g for w, g in zip(weights, gradient)]
    return weights, loss(weights, learn), loss(weights, test)


def main(runs):
    metrics = {}
    for run in range(runs):
        draw = random.Random(run)
        rows = [example(draw, 20) for _ in range(200)]
        for degree, epochs in [(3, 400), (1, 400), (19, 1500)]:
            weights, on_train, on_test = train(draw, rows, degree + 1, epochs)
            for index, weight in enumerate(weights[: degree + 1 if degree < 4 else 0]):
                metrics.setdefault(f"degree {degree}: w{index}", []).append(weight)
            metrics.setdefault(f"degree {degree}: train loss", []).append(on_train)
            metrics.setdefault(f"degree {degree}: test loss", []).append(on_test)
    for name, values in metrics.items():
        values.sort()
        at = lambda part: values[round(part * (len(values) - 1))]
        print(f"{name}: {at(0.05):.4f} {at(0.5):.4f} {at(0.95):.4f} ({runs} runs)")


main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
