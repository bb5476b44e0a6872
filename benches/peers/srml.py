"""SRML by ADMM in dense vectorised numpy, all tasks at once: the authors' loop, and its strongest form.

    min sum_t 1/(2n) ||y_t - X_t w_t||^2 + l1 ||W||_1 + c sum_t sum_j relu(-w_tj w_{t+1,j})

The authors' loop (their final regression file) takes Adagrad steps for each task, one Gauss-Seidel sweep of closed forms
over the chain, and starts from W = U = D = uniform(0, 1). Its strongest form keeps the sweep, solves each task exactly
with an inverse computed beforehand, and starts from least squares with D = 0. The rows are never touched: both work on
X'X and X'y, which the authors' code does not.
"""

import time

import numpy as np

from problem import OwnRows

# SRML's useful couplings on z-scored data, from next to none to one that decides signs.
POINTS = [{"l1": l1, "l2": 0.0, "c": c} for l1, c in ((1e-4, 1e-5), (1e-3, 1e-3), (1e-2, 1e-2), (1e-2, 0.1), (1e-2, 1.0))]
# The authors' settings, as far as they matter: penalty of ADMM, inner steps and tolerance, outer iterations.
INNER_STEPS, TOLERANCE, OUTER = 1000, 1e-4, 100


class Chain(OwnRows):
    """The authors' notebook generator R7 (spec 7), training rows z-scored task by task: T tasks of n rows."""

    def __init__(self, tasks=20, n=60, d=25, seed=0):
        rng = np.random.default_rng(seed)
        polarity = np.sign(rng.standard_normal(d))
        x, y = np.empty((tasks, n, d)), np.empty((tasks, n))
        for t in range(tasks):
            x[t] = rng.standard_normal((n, d)) + rng.random()
            flips = np.where(rng.random(d) < 0.1, -1.0, 1.0)
            w = np.abs(rng.standard_normal(d)) * 1000 * polarity * flips
            y[t] = x[t] @ w + 0.1 * rng.standard_normal(n)
        x = (x - x.mean(1, keepdims=True)) / x.std(1, ddof=1, keepdims=True)
        y = (y - y.mean(1, keepdims=True)) / y.std(1, ddof=1, keepdims=True)
        super().__init__(x, y, f"R7, T = {tasks}, n = {n}, d = {d}, seed {seed}", 1 / n)

    def slack(self, u):
        return np.maximum(-u[1:] * u[:-1], 0.0).sum(1)

    def objective(self, w, point):
        return self.loss(w) + point["l1"] * np.abs(w).sum() + point["c"] * self.slack(w).sum()


class Fit:
    """One point by ADMM."""

    def __init__(self, problem, point, rho, seed=0):
        self.problem, self.point, self.rho = problem, point, rho
        self.rng = np.random.default_rng(seed)
        tasks, d = problem.xty.shape
        # Not timed, like all preparation.
        self.inverse = np.linalg.inv(problem.gram + rho * np.eye(d))
        self.least_squares = np.linalg.solve(problem.gram + 1e-10 * np.eye(d), problem.xty[..., None])[..., 0]

    def reach(self, target, seconds, exact, lr):
        """Iterates until W or U is at the target, or time is up."""
        start = time.perf_counter()
        w = self.least_squares.copy() if exact else self.rng.random(self.problem.xty.shape)
        u, dual = w.copy(), np.zeros_like(w) if exact else w.copy()
        iterations = 0
        while True:
            w = self.exact_step(u, dual) if exact else self.adagrad(w, u, dual, lr)[0]
            self.sweep(u, w + dual / self.rho)
            dual += self.rho * (w - u)
            iterations += 1
            best = min(self.problem.objective(w, self.point), self.problem.objective(u, self.point))
            elapsed = time.perf_counter() - start
            if best <= target or elapsed > seconds:
                return {"seconds": elapsed, "objective": best, "iterations": iterations, "reached": bool(best <= target)}

    def published(self, lr):
        """The authors' loop with their stopping rule."""
        start = time.perf_counter()
        w = self.rng.random(self.problem.xty.shape)
        u, dual, before = w.copy(), w.copy(), None
        for iterations in range(1, OUTER + 1):
            w, cost = self.adagrad(w, u, dual, lr)
            self.sweep(u, w + dual / self.rho)
            if before is not None and abs(cost - before) <= TOLERANCE * abs(before):
                break
            before = cost
            dual += self.rho * (w - u)
        seconds = time.perf_counter() - start
        return {"seconds": seconds, "objective": self.problem.objective(w, self.point), "iterations": iterations}

    def exact_step(self, u, dual):
        return np.einsum("tde,te->td", self.inverse, self.problem.xty + self.rho * u - dual)

    def adagrad(self, w, u, dual, lr):
        """Steps for all tasks at once, each until its own cost stands still; the accumulators start anew."""
        problem, rho = self.problem, self.rho
        slack = np.zeros(len(w))
        edges = self.point["c"] * problem.slack(u)
        slack[1:] += edges
        slack[:-1] += edges

        def costs(w):
            apart = w - u
            rest = (dual * apart + rho / 2 * apart**2 + self.point["l1"] * np.abs(w)).sum(1)
            return problem.losses(w) + rest + slack

        w, squares = w.copy(), np.zeros_like(w)
        last, moving = costs(w), np.ones(len(w), dtype=bool)
        for step in range(INNER_STEPS):
            slope = np.einsum("tde,te->td", problem.gram, w) - problem.xty + dual + rho * (w - u)
            squares += slope**2
            # The first step is divided by the length of the whole gradient.
            size = np.sqrt(squares.sum(1, keepdims=True) if step == 0 else squares) + 1e-8
            w -= np.where(moving[:, None], lr * slope / size, 0.0)
            now = costs(w)
            moving &= np.abs(now - last) > TOLERANCE * np.abs(last)
            last = now
            if not moving.any():
                break
        return w, last.sum()

    def sweep(self, u, a):
        """In place, from the first task to the last, all features at once."""
        l1, c, nothing = self.point["l1"], self.point["c"], np.zeros(u.shape[1])
        for t in range(len(u)):
            sign = np.sign(a[t])
            before = u[t - 1] if t else nothing
            after = u[t + 1] if t + 1 < len(u) else nothing
            against = np.maximum(-sign * before, 0.0) + np.maximum(-sign * after, 0.0)
            u[t] = sign * np.maximum(0.0, np.abs(a[t]) - (l1 + c * against) / self.rho)
