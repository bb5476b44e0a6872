"""One outer step of BiGMTL with warm restart: mtl against numpy, one thread each, in the same run.

    python benches/peers/bigmtl.py [--rounds 5]

Both keep mirror variables, decompose Gram matrices on the short side and precompute the inverses. numpy does so in two ways:
for all groups at once through stacked matrices, its strongest form, and group after group and task after task, as the
formulas are written.
"""

import argparse
import os
import statistics
import subprocess
import time
from pathlib import Path

for threads in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"):
    os.environ[threads] = "1"

import numpy as np  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
EPS, LAMBDA, STEP = 1e-3, 0.25, 1e-3
# Tasks, features, groups, rows, steps.
SIZES = {"synthetic": (30, 20, 6, 10, 1000), "Animals": (50, 468, 10, 600, 10)}


class Data:
    """Random rows; inverses and products with the targets computed beforehand."""

    def __init__(self, tasks, features, groups, rows, seed=0):
        rng = np.random.default_rng(seed)
        x, y = rng.standard_normal((tasks, rows, features)), rng.standard_normal((tasks, rows))
        self.valid_x = rng.standard_normal((tasks, rows, features))
        self.valid_y = rng.standard_normal((tasks, rows))
        self.inverse = np.linalg.inv(x.transpose(0, 2, 1) @ x + EPS * np.eye(features))
        self.linear = np.einsum("tnp,tn->pt", x, y)
        self.theta = rng.dirichlet(np.ones(groups), tasks)
        self.wide = features <= tasks


def project(theta):
    falling = -np.sort(-theta, axis=1)
    candidates = (np.cumsum(falling, axis=1) - 1) / np.arange(1, theta.shape[1] + 1)
    return np.maximum(theta - candidates.max(axis=1)[:, None], 0)


class Stacked:
    """All groups at once: arrays of groups x features x tasks."""

    def __init__(self, data):
        self.data = data

    def solve(self, right):
        return (self.data.inverse @ right.T[:, :, None])[:, :, 0].T

    def residual(self, w):
        errors = (self.data.valid_x @ w.T[:, :, None])[:, :, 0] - self.data.valid_y
        return (errors[:, None, :] @ self.data.valid_x)[:, 0, :].T

    def decompose(self, v):
        turned = v.transpose(0, 2, 1)
        values, basis = np.linalg.eigh(v @ turned if self.data.wide else turned @ v)
        roots = np.sqrt(1 + np.maximum(values, 0))
        return roots, basis, (basis / roots[:, None, :]) @ basis.transpose(0, 2, 1)

    def mirror(self, v, decomposed):
        inverse = decomposed[2]
        return LAMBDA * (inverse @ v if self.data.wide else v @ inverse)

    def derivative(self, v, decomposed, e):
        roots, basis, inverse = decomposed
        factors = -1 / (roots[:, :, None] * roots[:, None, :] * (roots[:, :, None] + roots[:, None, :]))
        mixed = e @ v.transpose(0, 2, 1) if self.data.wide else e.transpose(0, 2, 1) @ v
        mixed = mixed + mixed.transpose(0, 2, 1)
        turned = basis.transpose(0, 2, 1)
        inner = basis @ (factors * (turned @ mixed @ basis)) @ turned
        return LAMBDA * (inverse @ e + inner @ v if self.data.wide else e @ inverse + v @ inner)

    def start(self):
        tasks, groups = self.data.theta.shape
        v = np.zeros((groups, self.data.linear.shape[0], tasks))
        return v, v

    def evaluate(self, theta, v, u):
        shares, step = theta.T[:, None, :], EPS / (2 * LAMBDA)
        w = self.solve(self.data.linear - (shares * u).sum(0))
        v = v + step * shares * w
        decomposed = self.decompose(v)
        after = self.mirror(v, decomposed)
        z = self.solve(self.residual(self.solve(self.data.linear - (shares * after).sum(0))))
        s = self.derivative(v, decomposed, -shares * z)
        back = self.solve((shares * s).sum(0))
        gradient = -(after * z).sum(1) + step * ((s * w).sum(1) - (u * back).sum(1))
        return gradient.T, v, after


class OneByOne(Stacked):
    """Group after group, task after task."""

    def solve(self, right):
        return np.stack([a @ r for a, r in zip(self.data.inverse, right.T)], 1)

    def residual(self, w):
        rows = zip(self.data.valid_x, self.data.valid_y, w.T)
        return np.stack([x.T @ (x @ w - y) for x, y, w in rows], 1)

    def decompose(self, v):
        return [tuple(part[0] for part in super(OneByOne, self).decompose(one[None])) for one in v]

    def mirror(self, v, decomposed):
        each = zip(v, decomposed)
        return np.stack([LAMBDA * (d[2] @ one if self.data.wide else one @ d[2]) for one, d in each])

    def derivative(self, v, decomposed, e):
        each = zip(v, decomposed, e)
        one = super().derivative
        return np.stack([one(v[None], tuple(part[None] for part in d), e[None])[0] for v, d, e in each])


def seconds(form, data, steps):
    way, theta = form(data), data.theta.copy()
    v, u = way.start()
    momentum = np.zeros_like(theta)
    started = time.perf_counter()
    for k in range(steps):
        gradient, v, u = way.evaluate(theta, v, u)
        kept = (k - 1) / k if k else 0.0
        momentum = kept * momentum + (1 - kept) * gradient
        theta = project(theta - STEP * momentum)
    return (time.perf_counter() - started) / steps


def ours(tasks, features, groups, rows, steps):
    # More steps than numpy takes: what is done once has to cancel out.
    sizes = map(str, (tasks, features, groups, rows, 10 * steps))
    run = subprocess.run([ROOT / "target/release/examples/bigmtl_peer", *sizes], capture_output=True, text=True, check=True)
    return float(run.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="each is timed this often, in turn [default: 5]")
    rounds = parser.parse_args().rounds
    build = ["cargo", "build", "--release", "-p", "mtl-methods", "--example", "bigmtl_peer"]
    subprocess.run(build, cwd=ROOT, check=True)
    for name, size in SIZES.items():
        data = Data(*size[:4])
        check(data)
        times = [(ours(*size), seconds(Stacked, data, size[4]), seconds(OneByOne, data, size[4])) for _ in range(rounds)]
        mtl, stacked, single = (statistics.median(column) for column in zip(*times))
        print(f"{name}: T = {size[0]}, P = {size[1]}, L = {size[2]}, {size[3]} rows; medians of {rounds}")
        print(f"  mtl               {1e3 * mtl:8.3f} ms a step")
        print(f"  numpy, stacked    {1e3 * stacked:8.3f} ms a step  {stacked / mtl:5.1f} times")
        print(f"  numpy, one by one {1e3 * single:8.3f} ms a step  {single / mtl:5.1f} times")


def check(data):
    """Both forms are the same numbers."""
    v, u = Stacked(data).start()
    for _ in range(3):
        stacked = Stacked(data).evaluate(data.theta, v, u)
        single = OneByOne(data).evaluate(data.theta, v, u)
        assert all(np.allclose(a, b, rtol=1e-8, atol=1e-10) for a, b in zip(stacked, single))
        _, v, u = stacked


if __name__ == "__main__":
    main()
