"""SG-MTL by the released program's algorithm, in dense vectorised numpy over all tasks at once.

    min 1/2 sum_t ||y_t - X_t w_t||^2 + lambda sum_g (sum_j ||W_{j,g}||)^2    over weights and N groups of tasks

The program starts from elastic nets and random memberships. Twice, it takes projected gradient steps of 1e-5 on the
memberships (at most 20000), rounds them, and takes subgradient steps of 1e-5 on the weights (at most 50000), in which
rows of zeros in a group are frozen. Its random strengths of the groups are left out, so that both sides have one
objective. It works on X'X and X'y, as here. The settings are its own: no accuracy is asked for.
"""

import time

import numpy as np

from problem import OwnRows

POINTS = [{"lambda": strength, "n_groups": 5} for strength in (0.1, 1.0, 10.0)]
STEP, LEAST = 1e-5, 10
SHARE_STEPS, WEIGHT_STEPS, ROUNDS = 20_000, 50_000, 2


class Grouped(OwnRows):
    """The paper's second synthetic set, calibrated (SG-MTL spec 4): N groups of tasks with weights 0.5 on a block of
    features each, of which neighbouring blocks share eight; the rest is noise."""

    def __init__(self, tasks=30, n=100, d=150, groups=5, noise=0.35, seed=0):
        rng = np.random.default_rng(seed)
        block = d // groups
        self.truth = np.arange(tasks) // (tasks // groups)
        weights = np.zeros((tasks, d))
        for t, g in enumerate(self.truth):
            weights[t, g * (block - 8) : g * (block - 8) + block] = 0.5
        x = rng.standard_normal((tasks, n, d))
        y = np.einsum("tnd,td->tn", x, weights) + noise * rng.standard_normal((tasks, n))
        super().__init__(x, y, f"synthetic set-2, m = {tasks}, n = {n}, d = {d}, N = {groups}, seed {seed}")

    def penalty(self, w, groups):
        """Row norms within groups, summed over features and squared."""
        return sum(np.sqrt((w[groups == g] ** 2).sum(0)).sum() ** 2 for g in np.unique(groups))

    def objective(self, w, groups, point):
        return self.loss(w) + point["lambda"] * self.penalty(w, groups)

    def elastic_nets(self):
        """The program's start, of its strengths the best by 3-fold cross-validation."""
        from sklearn.linear_model import ElasticNetCV

        net = ElasticNetCV(l1_ratio=0.4, alphas=[0.01, 1, 100], cv=3, fit_intercept=False)
        return np.stack([net.fit(x, y).coef_ for x, y in zip(self.x, self.y)])


class Fit:
    """One point by the program's algorithm."""

    def __init__(self, problem, point, start, seed=0):
        self.problem, self.point, self.start = problem, point, start
        self.rng = np.random.default_rng(seed)

    def published(self):
        begin = time.perf_counter()
        w = self.start.copy()
        shares = self.rng.random((self.point["n_groups"], len(w)))
        iterations = 0
        for _ in range(ROUNDS):
            relaxed = self.share_step(w, shares)
            groups = relaxed.argmax(0)
            before, shares = shares, np.eye(len(relaxed))[:, groups]
            if np.linalg.norm(shares - before) <= 1e-3:
                break
            w, steps = self.weight_step(w, groups)
            iterations += steps
        seconds = time.perf_counter() - begin
        objective = self.problem.objective(w, groups, self.point)
        return {"seconds": seconds, "objective": objective, "iterations": iterations}

    def share_step(self, w, shares):
        squares, before = w**2, None
        for step in range(SHARE_STEPS):
            norms = np.sqrt(shares @ squares)
            sums = norms.sum(1, keepdims=True)
            value = self.point["lambda"] * (sums**2).sum()
            if before is not None and step > LEAST:
                change = (value - before) / before
                if change > 1e-4 or abs(change) < 1e-7:
                    break
            before = value
            inverse = np.divide(1.0, norms, out=np.zeros_like(norms), where=norms > 0)
            slope = 2 * self.point["lambda"] * sums * (inverse @ squares.T)
            shares = project(shares - STEP * slope)
        return shares

    def weight_step(self, w, groups):
        problem, strength = self.problem, self.point["lambda"]
        hard = np.eye(self.point["n_groups"])[groups]
        before = None
        for step in range(1, WEIGHT_STEPS + 1):
            norms = np.sqrt(hard.T @ w**2)
            sums = norms.sum(1)
            fitted = np.matmul(problem.gram, w[..., None])[..., 0]
            value = problem.half_yty.sum() + (w * (fitted / 2 - problem.xty)).sum() + strength * (sums**2).sum()
            if before is not None and step > LEAST and abs(value - before) < 1e-6 * abs(before):
                break
            before = value
            own = norms[groups]
            moving = own > 0
            pull = np.divide(w, own, out=np.zeros_like(w), where=moving) * (2 * strength * sums[groups])[:, None]
            w = w - STEP * moving * (fitted - problem.xty + pull)
        return w, step


def project(v):
    """Columns on the simplex."""
    falling = -np.sort(-v, axis=0)
    ranks = np.arange(1, len(v) + 1)[:, None]
    thresholds = (falling.cumsum(0) - 1) / ranks
    last = (falling > thresholds).sum(0) - 1
    return np.maximum(v - np.take_along_axis(thresholds, last[None], 0), 0)
