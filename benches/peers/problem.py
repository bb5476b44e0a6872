"""The data and the points that both sides fit."""

import json
from functools import cached_property

import numpy as np

# SSMTL_m over the published grid (every strength in 1e-3 .. 1e3, phi in 2, 5, 10, 50), thinned to twenty points.
# A path walks gamma2 down, so that either side may start from the solution before. gamma1 = 100 and 1000 are left
# out: the fits are those of gamma1 = 10 again (all tasks fused), only harder still for smoothing.
GRID = [
    [{"gamma1": gamma1, "gamma2": gamma2, "phi": phi} for gamma2 in (1e2, 1e1, 1.0, 1e-2)]
    for gamma1, phi in ((1e-3, 2.0), (1e-2, 50.0), (1e-1, 5.0), (1.0, 10.0), (1e1, 2.0))
]


class Problem:
    """Regression tasks over shared inputs `x` (n, p), targets `y` (n, m), both z-scored, and their moments."""

    def __init__(self, x, y, name):
        self.x, self.y = (np.asfortranarray((a - a.mean(axis=0)) / a.std(axis=0)) for a in (x, y))
        self.name = name

    @cached_property
    def gram(self):
        return self.x.T @ self.x

    @cached_property
    def xty(self):
        return self.x.T @ self.y

    @cached_property
    def yty(self):
        return (self.y**2).sum(axis=0)

    @cached_property
    def curvature(self):
        """Largest eigenvalue of X'X."""
        return np.linalg.eigvalsh(self.gram)[-1]

    def loss(self, w):
        """1/2 sum_t ||y_t - X w_t||^2 from the moments."""
        return self.yty.sum() / 2 + (w * (self.gram @ w / 2 - self.xty)).sum()

    def strengths(self, count=20, ratio=1e-3):
        """Strengths of a lasso path, from where all weights are zero down to a fraction of that."""
        return np.abs(self.xty).max() * np.geomspace(1.0, ratio, count)

    def save(self, path):
        """Writes what `grid_peer` reads; shortest decimals that give the same doubles back."""
        path.write_text(json.dumps({"x": self.x.tolist(), "y": self.y.T.tolist()}))


class OwnRows:
    """Regression tasks over rows of their own, inputs `x` (n_t, p) and targets `y` (n_t,), and their moments.

    The loss is `1/2 sum_t scale_t ||y_t - X_t w_t||^2`, and weights are (T, p)."""

    def __init__(self, x, y, name, scale=1.0):
        self.x, self.y, self.name = x, y, name
        scale = np.broadcast_to(scale, len(x))
        self.gram = np.stack([c * a.T @ a for a, c in zip(x, scale)])
        self.xty = np.stack([c * a.T @ b for a, b, c in zip(x, y, scale)])
        self.half_yty = np.array([c * b @ b / 2 for b, c in zip(y, scale)])

    def losses(self, w):
        """One a task."""
        return self.half_yty + (w * (np.einsum("tde,te->td", self.gram, w) / 2 - self.xty)).sum(1)

    def loss(self, w):
        return self.losses(w).sum()

    def save(self, path):
        """Writes what `grid_peer` reads."""
        path.write_text(json.dumps([{"x": x.tolist(), "y": y.tolist()} for x, y in zip(self.x, self.y)]))


def synthetic(n, p, m, seed=0):
    """Neighbouring features correlate (0.8); a third of them act on all tasks alike, half of the rest of the weights
    are small and the task's own; the noise has half the signal's standard deviation."""
    rng = np.random.default_rng(seed)
    i = np.arange(p)
    covariance = 0.8 ** np.abs(i[:, None] - i)
    x = rng.standard_normal((n, p)) @ np.linalg.cholesky(covariance).T
    common = np.where(i % 3 == 0, rng.standard_normal(p), 0.0)
    own = 0.3 * rng.standard_normal((p, m)) * (rng.random((p, m)) < 0.5)
    y = x @ (common[:, None] + own)
    y += 0.5 * y.std(axis=0) * rng.standard_normal((n, m))
    return Problem(x, y, f"synthetic, correlated Gaussian inputs, n = {n}, p = {p}, m = {m}, seed {seed}")


def sarcos(file, n=600, seed=0):
    """Random rows of the SARCOS test file (`sarcos_inv_test.mat`): 21 features, 7 joint torques."""
    from scipy.io import loadmat

    table = loadmat(file)["sarcos_inv_test"]
    rows = np.random.default_rng(seed).choice(len(table), n, replace=False)
    return Problem(table[rows, :21], table[rows, 21:28], f"SARCOS, {n} rows of {file}, seed {seed}")
