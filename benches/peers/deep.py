"""The deep engine and PyTorch training the same networks, in the same run, on the same number of threads.

    python3 benches/peers/deep.py [--threads 2] [--rounds 5] [--seconds 2]

Builds the Rust side (`crates/nets/examples/throughput.rs`), lets it write samples, first parameters and the first
minibatches, checks that every version has the same losses in the first twenty steps, then times all versions in turn,
round after round. `benches/README.md` says what is compared.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

arguments = argparse.ArgumentParser()
arguments.add_argument("--threads", type=int, default=2)
arguments.add_argument("--rounds", type=int, default=5)
arguments.add_argument("--seconds", type=float, default=2.0, help="of a version, each round")
arguments.add_argument("--only", help="one of the workloads")
arguments.add_argument("--binary", help="the Rust side, if it has been built")
OPTIONS = arguments.parse_args()
for library in ("OMP", "MKL", "RAYON"):
    os.environ[f"{library}_NUM_THREADS"] = str(OPTIONS.threads)  # Read when torch is loaded, and by the Rust side.

try:
    import numpy as np
    import torch
    from torch.nn import functional as F
except ImportError as missing:
    install = "python3 -m venv /tmp/peers && /tmp/peers/bin/pip install torch numpy"
    sys.exit(f"{missing}; install the peers first:\n    {install}\n    /tmp/peers/bin/python {sys.argv[0]}")

torch.set_num_threads(OPTIONS.threads)
ROOT = Path(__file__).resolve().parents[2]
COMPARED = 20
# What the engine has to reach: against the best PyTorch version and against a loop over tasks; share of gemm's rate.
REQUIRED = {"ssmtl": (1, None), "ssmtl-penalty": (1, None), "shared-bottom": (2, 10), "tomato": (2, 10)}
REQUIRED |= {"tomato-mnist": (2, 10), "tomato-school": (2, None)}
REQUIRED_SHARE = 0.65
MINIBATCH = {"ssmtl": 640, "ssmtl-penalty": 640}


class Problem:
    """What the Rust side has written."""

    def __init__(self, folder):
        self.folder = Path(folder)
        order = np.fromfile(self.folder / "order.u32", dtype="<u4").reshape(-1, 3).astype(np.int64)
        steps = [order[order[:, 0] == step][:, 1:] for step in range(COMPARED)]
        self.batches = [(torch.from_numpy(s[:, 0].copy()), torch.from_numpy(s[:, 1].copy())) for s in steps]

    def array(self, name, *shape):
        return torch.from_numpy(np.fromfile(self.folder / f"{name}.f32", dtype="<f4").reshape(shape).copy())

    def parameter(self, name, *shape):
        return self.array(name, *shape).requires_grad_()


class Ssmtl:
    """Ten networks 154-80-40-20-1 on 600 samples each, 64 of every task a minibatch, Adam."""

    tasks, rows, size, widths = 10, 600, 64, (154, 80, 40, 20, 1)

    def __init__(self, problem, fused=True, loop=False, penalised=False):
        self.problem, self.loop, self.penalised = problem, loop, penalised
        self.x = problem.array("x", self.tasks, self.rows, self.widths[0])
        self.y = problem.array("y", self.tasks, self.rows, 1)
        pairs = list(zip(self.widths, self.widths[1:]))
        weights = [problem.array(f"layer{i}", self.tasks, *pair) for i, pair in enumerate(pairs)]
        biases = [problem.array(f"layer{i}.bias", self.tasks, 1, pair[1]) for i, pair in enumerate(pairs)]
        if loop:
            self.nets = [
                [(w[t].clone().requires_grad_(), b[t].clone().requires_grad_()) for w, b in zip(weights, biases)]
                for t in range(self.tasks)
            ]
            parameters = [p for net in self.nets for layer in net for p in layer]
        else:
            self.layers = [(w.requires_grad_(), b.requires_grad_()) for w, b in zip(weights, biases)]
            parameters = [p for layer in self.layers for p in layer]
        self.optimiser = torch.optim.Adam(parameters, lr=1e-3, fused=fused)
        self.first, self.second = torch.triu_indices(self.tasks, self.tasks, 1)
        self.every = torch.arange(self.tasks)[:, None]

    def epoch(self):
        order = torch.rand(self.tasks, self.rows).argsort(1)
        return order.split(self.size, 1)

    def recorded(self):
        return [rows.view(self.tasks, -1) for _, rows in self.problem.batches]

    def loss(self, rows):
        if self.loop:
            total = 0
            for task, net in enumerate(self.nets):
                a, y = self.x[task][rows[task]], self.y[task][rows[task]]
                for i, (w, b) in enumerate(net):
                    a = torch.addmm(b, a, w)
                    a = F.leaky_relu(a, 0.01) if i < 3 else a
                total = total + F.binary_cross_entropy_with_logits(a, y)
            return total / self.tasks
        a, y = self.x[self.every, rows], self.y[self.every, rows]
        for i, (w, b) in enumerate(self.layers):
            a = torch.baddbmm(b, a, w)
            a = F.leaky_relu(a, 0.01) if i < 3 else a
        loss = F.binary_cross_entropy_with_logits(a, y)
        return loss + self.penalty() if self.penalised else loss

    def penalty(self):
        total, tied, selected = 0, 1e-6, 1e-5
        for l, (w, _) in enumerate(self.layers, 1):
            squares = (w[self.first] - w[self.second]).square().sum(2)
            total = total + tied * 2.0**-l * squares.sum(1).sqrt().sum() + tied * 2.0**l * squares.sqrt().sum()
            total = total + selected * 2.0**l * w.norm(dim=2).sum() + selected * 2.0**-l * w.abs().sum()
        return total

    def step(self, batch):
        loss = self.loss(batch)
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        return loss


class Tomato:
    """Shared-bottom or TOMATO-el on twelve tasks of 1280 samples, 512 of all a minibatch, SGD. `layers` depend on topics.

    `heads`: "loop" over tasks as most programs do; "all" heads for all samples, then each sample's own is taken, as the
    authors' program does; "padded": samples sorted by task into one padded array, a batched product a layer.
    """

    tasks, rows, size, inputs, bottom, hidden, classes, layers = 12, 1280, 512, 64, 32, 64, 5, 2

    def __init__(self, problem, heads, topics):
        self.problem, self.heads, self.topics = problem, heads, topics
        t, k, b, h, p = self.tasks, topics or 1, self.bottom, self.hidden, self.classes
        self.x = problem.array("x", t * self.rows, self.inputs)
        self.y = problem.array("y", t * self.rows, p)
        get = problem.parameter
        self.w0, self.b0 = get("bottom", self.inputs, b), get("bottom.bias", b)
        self.own = [get("hidden", t * k, b, h), get("hidden.bias", t * k, 1, h)]
        heads = t * k if self.layers == 2 else t
        self.own += [get("output", heads, h, p), get("output.bias", heads, 1, p)]
        parameters = [self.w0, self.b0, *self.own]
        if topics:
            self.gate = [get("gate", b, k), get("gate.bias", k)]
            names = ["hidden", "hidden.bias", "output", "output.bias"][: 2 * self.layers]
            self.base = [get(f"{name}.base", *own.shape[1:]) for name, own in zip(names, self.own)]
            parameters += [*self.gate, *self.base]
        self.parameters, self.steps = parameters, 0

    def epoch(self):
        # Sorted by task, as the engine sorts them.
        return [rows.sort().values for rows in torch.randperm(len(self.x)).split(self.size)]

    def recorded(self):
        return [task * self.rows + rows for task, rows in self.problem.batches]

    def loss(self, rows):
        t, k, n = self.tasks, self.topics or 1, len(rows)
        x, y, task = self.x[rows], self.y[rows], rows // self.rows
        z = F.relu(torch.addmm(self.b0, x, self.w0))
        gates = torch.softmax(torch.addmm(self.gate[1], z, self.gate[0]), 1) if self.topics else None
        deviate = len(self.base) if self.topics else 0
        own = [base + own for base, own in zip(self.base, self.own)] if self.topics else []
        w1, c1, w2, c2 = own + self.own[deviate:]
        if self.topics and self.layers == 1:
            return self.one_layer(z, gates, y, task, w1, c1, w2, c2)
        if self.heads == "loop":
            parts, order = [], []
            for s in range(t):
                mine = (task == s).nonzero()[:, 0]
                order.append(mine)
                outs = []
                for j in range(s * k, s * k + k):
                    u = F.relu(torch.addmm(c1[j], z[mine], w1[j]))
                    outs.append(torch.addmm(c2[j], u, w2[j]))
                parts.append(sum(gates[mine, i, None] * out for i, out in enumerate(outs)) if self.topics else outs[0])
            logits, y = torch.cat(parts), y[torch.cat(order)]
        elif self.heads == "all":
            u = F.relu(torch.baddbmm(c1, z.expand(t * k, -1, -1), w1))
            out = torch.baddbmm(c2, u, w2).view(t, k, n, -1)[task, :, torch.arange(n)]
            logits = (gates[:, :, None] * out).sum(1) if self.topics else out[:, 0]
        else:
            counts = torch.bincount(task, minlength=t)
            at = torch.arange(n) - (counts.cumsum(0) - counts)[task]
            padded = z.new_zeros(t, int(counts.max()), z.shape[1]).index_put((task, at), z)
            if self.topics:
                padded = padded[:, None].expand(-1, k, -1, -1).reshape(t * k, -1, z.shape[1])
            u = F.relu(torch.baddbmm(c1, padded, w1))
            out = torch.baddbmm(c2, u, w2).view(t, k, padded.shape[1], -1)[task, :, at]
            logits = (gates[:, :, None] * out).sum(1) if self.topics else out[:, 0]
        # Tasks are of one size: all samples weigh the same.
        return -(y * torch.log_softmax(logits, 1)).sum() / n

    def one_layer(self, z, gates, y, task, w1, c1, w2, c2):
        """The hidden layers of topics are mixed; one output layer a task follows."""
        t, k, n = self.tasks, self.topics, len(task)
        if self.heads == "loop":
            parts, order = [], []
            for s in range(t):
                mine = (task == s).nonzero()[:, 0]
                order.append(mine)
                hidden = [F.relu(torch.addmm(c1[j], z[mine], w1[j])) for j in range(s * k, s * k + k)]
                mixed = sum(gates[mine, i, None] * u for i, u in enumerate(hidden))
                parts.append(torch.addmm(c2[s], mixed, w2[s]))
            logits, y = torch.cat(parts), y[torch.cat(order)]
        elif self.heads == "all":
            u = F.relu(torch.baddbmm(c1, z.expand(t * k, -1, -1), w1)).view(t, k, n, -1)
            mixed = torch.einsum("tknh,nk->tnh", u, gates)
            logits = torch.baddbmm(c2, mixed, w2)[task, torch.arange(n)]
        else:
            counts = torch.bincount(task, minlength=t)
            at = torch.arange(n) - (counts.cumsum(0) - counts)[task]
            room = int(counts.max())
            padded = z.new_zeros(t, room, z.shape[1]).index_put((task, at), z)
            shares = z.new_zeros(t, room, k).index_put((task, at), gates)
            # All topics of a task are one wide layer.
            wide = w1.view(t, k, z.shape[1], -1).transpose(1, 2).reshape(t, z.shape[1], -1)
            u = F.relu(torch.baddbmm(c1.reshape(t, 1, -1), padded, wide)).view(t, room, k, -1)
            mixed = (shares[:, :, :, None] * u).sum(2)
            logits = torch.baddbmm(c2, mixed, w2)[task, at]
        return -(y * torch.log_softmax(logits, 1)).sum() / n

    def step(self, batch):
        loss = self.loss(batch)
        gradients = torch.autograd.grad(loss, self.parameters)
        rate = 0.1 * 0.9 ** (self.steps / 1000)
        self.steps += 1
        with torch.no_grad():
            torch._foreach_add_(self.parameters, gradients, alpha=-rate)
            if self.topics:
                deviate = self.own[: len(self.base)]
                squares = sum(s.square().flatten(1).sum(1) for s in deviate)
                norms = squares.sqrt()
                factor = torch.where(norms > 1e-4 * rate, 1 - 1e-4 * rate / norms, 0.0)
                torch._foreach_mul_(deviate, [factor[:, None, None]] * len(deviate))
        return loss


class Mnist(Tomato):
    """MNIST-MTL as tuned: sixteen topics, one layer that depends on them."""

    tasks, rows, size, inputs, bottom, hidden, classes, layers = 10, 1152, 512, 64, 64, 32, 2, 1


class School(Tomato):
    """School as tuned: sixteen topics, two layers, 9.7 million parameters of which a minibatch needs some four in five."""

    tasks, rows, size, inputs, bottom, hidden, classes, layers = 139, 71, 512, 28, 64, 64, 3, 2


def tomatoes(kind, topics, names=("padded", "all heads", "loop over tasks")):
    return {f"PyTorch, {name}": lambda p, heads=name.split()[0]: kind(p, heads, topics) for name in names}


VERSIONS = {
    "ssmtl": {
        "PyTorch, baddbmm, fused Adam": lambda p: Ssmtl(p),
        "PyTorch, baddbmm, Adam as it comes": lambda p: Ssmtl(p, fused=False),
        "PyTorch, loop over tasks, fused Adam": lambda p: Ssmtl(p, loop=True),
    },
    "ssmtl-penalty": {"PyTorch, baddbmm, fused Adam": lambda p: Ssmtl(p, penalised=True)},
    "shared-bottom": tomatoes(Tomato, 0),
    "tomato": tomatoes(Tomato, 2),
    "tomato-mnist": tomatoes(Mnist, 16),
    # All heads for all samples take gigabytes, a loop over 139 tasks and 16 topics seconds a step.
    "tomato-school": tomatoes(School, 16, ["padded"]),
}


def rust(workload, seconds, *folder):
    command = [OPTIONS.binary] if OPTIONS.binary else ["cargo", "run", "--release", "--quiet", "-p", "mtl-nets"]
    command += [] if OPTIONS.binary else ["--example", "throughput", "--"]
    done = subprocess.run([*command, workload, str(seconds), *folder], cwd=ROOT, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def steps_a_second(model, seconds):
    """After the first twenty steps, which warm it up."""
    count, start = 0, None
    while start is None or time.perf_counter() - start < seconds:
        for batch in model.epoch():
            model.step(batch)
            count += 1
            if count == COMPARED and start is None:
                count, start = 0, time.perf_counter()
    return count / (time.perf_counter() - start)


def same_losses(model, expected):
    losses = [model.step(batch).item() for batch in model.recorded()]
    return max(abs(a - b) / abs(b) for a, b in zip(losses, expected))


def gemm_rate(seconds):
    """PyTorch's batched products of a step of `ssmtl` alone, in billions of operations a second."""
    shapes = []
    for layer, (i, o) in enumerate(zip(Ssmtl.widths, Ssmtl.widths[1:])):
        shapes += [(Ssmtl.size, i, o), (i, Ssmtl.size, o)] + ([(Ssmtl.size, o, i)] if layer else [])
    rooms = [(torch.rand(10, m, k), torch.rand(10, k, n), torch.empty(10, m, n)) for m, k, n in shapes]
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        for a, b, c in rooms:
            torch.bmm(a, b, out=c)
        count += 1
    return count * sum(20 * m * k * n for m, k, n in shapes) / (time.perf_counter() - start) / 1e9, shapes


def main():
    ok, checks = True, []

    def check(holds, what):
        nonlocal ok
        ok &= bool(holds)
        checks.append(f"{'ok    ' if holds else 'FAILED'} {what}")

    middle = statistics.median
    load = os.getloadavg()[0]
    print(f"{date.today()}, {platform.machine()}, {OPTIONS.threads} threads, PyTorch {torch.__version__}, load {load:.1f}")
    for workload, versions in VERSIONS.items():
        if OPTIONS.only not in (None, workload):
            continue
        with tempfile.TemporaryDirectory() as folder:
            expected = rust(workload, 0.1, folder)["losses"]
            problem = Problem(folder)
            for name, build in versions.items():
                worst = same_losses(build(problem), expected)
                check(worst < 2e-4, f"{workload}: {name} has the same losses (to {worst:.1e})")
            models = {name: build(problem) for name, build in versions.items()}
        rates, gemms = {"mtl-nets": []} | {name: [] for name in models}, []
        for _ in range(OPTIONS.rounds):
            ours = rust(workload, OPTIONS.seconds)
            rates["mtl-nets"].append(ours["steps"])
            for name, model in models.items():
                rates[name].append(steps_a_second(model, OPTIONS.seconds))
            if workload == "ssmtl":
                torch_rate, shapes = gemm_rate(OPTIONS.seconds / 2)
                done = ours["steps"] * sum(20 * m * k * n for m, k, n in shapes) / 1e9
                gemms.append((done, ours["gemm"], ours["matrixmultiply"], torch_rate))
        print(f"\n{workload}\n\n| version | steps/s | sample-tasks/s | mtl-nets is |\n| --- | ---: | ---: | ---: |")
        ratio = {}
        for name, rate in rates.items():
            ratio[name] = middle(a / b for a, b in zip(rates["mtl-nets"], rate))
            print(f"| {name} | {middle(rate):.0f} | {middle(rate) * MINIBATCH.get(workload, 512):.3g} | {ratio[name]:.2f} x |")
        best, loop = REQUIRED[workload]
        least = min(value for name, value in ratio.items() if name != "mtl-nets")
        check(least >= best, f"{workload}: at least {best} x the best PyTorch version ({least:.2f})")
        if loop:
            natural = ratio["PyTorch, loop over tasks"]
            check(natural >= loop, f"{workload}: at least {loop} x the loop over tasks ({natural:.1f})")
        if gemms:
            done, *others = (middle(column) for column in zip(*gemms))
            print(f"\nproducts of a step: engine {done:.1f}, own products alone {others[0]:.1f}, matrixmultiply "
                  f"{others[1]:.1f}, torch.bmm {others[2]:.1f} GFLOP/s")
            share = middle(row[0] / max(row[1:]) for row in gemms)
            check(share >= REQUIRED_SHARE, f"{workload}: {share:.0%} of the best rate of products alone")
    print("\n```", *checks, "```", sep="\n")
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
