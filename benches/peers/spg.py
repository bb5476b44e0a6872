"""SSMTL_m by the published iteration, smoothing proximal gradient, in dense vectorised numpy.

    min 1/2 sum_t ||y_t - X sum_l w_lt||^2 + sum_l [ gamma1 phi^-l sum_j<k ||w_lj - w_lk||_2 + gamma2 phi^l ||W_l||_2,1
                                                   + gamma1 phi^l sum_i,j<k |w_lij - w_lik|  + gamma2 phi^-l ||W_l||_1 ]

Every group norm becomes a Huber function of width mu, and the smooth sum is minimised by steps of 1 / Lip. The rows of
the data are never touched: a fit works on X'X, X'y and y'y.
"""

import itertools
import time

import numpy as np

COMPONENTS = 2
# Iterations between two looks at the true objective, which the iteration itself does not need.
CHECK_EVERY = 25


class Penalty:
    """The penalty on components `w` of shape (h, p, m), all groups and all task pairs at once."""

    def __init__(self, p, m, gamma1, gamma2, phi):
        levels = np.arange(1.0, COMPONENTS + 1)
        down, up = phi**-levels, phi**levels
        self.columns = (gamma1 * down)[:, None]
        self.rows = (gamma2 * up)[:, None]
        self.entry_pairs = (gamma1 * up)[:, None, None]
        self.entries = (gamma2 * down)[:, None, None]
        self.first, self.second = np.triu_indices(m, 1)
        pairs = len(self.first)
        # Takes values on pairs back to the tasks: + for the first of a pair, - for the second.
        self.adjoint = np.zeros((pairs, m))
        self.adjoint[np.arange(pairs), self.first] = 1.0
        self.adjoint[np.arange(pairs), self.second] = -1.0
        self.groups = COMPONENTS * (pairs + p + p * pairs + p * m)
        squares = m * gamma1**2 * (down**2 + up**2) + gamma2**2 * (up**2 + down**2)
        self.norm_squared = squares.max()

    def differences(self, w):
        return w[..., self.first] - w[..., self.second]

    def value(self, w):
        """The penalty itself, not smoothed."""
        d = self.differences(w)
        vectors = (self.columns * np.sqrt((d * d).sum(1))).sum() + (self.rows * np.sqrt((w * w).sum(2))).sum()
        return vectors + (self.entry_pairs * np.abs(d)).sum() + (self.entries * np.abs(w)).sum()

    def gradient(self, w, mu):
        """Gradient of the smoothed penalty: on a group u of strength g it is g^2 u / max(g ||u||, mu)."""
        d = self.differences(w)
        on_pairs = self.entry_pairs**2 / np.maximum(self.entry_pairs * np.abs(d), mu)
        lengths = np.sqrt(np.einsum("hpq,hpq->hq", d, d))
        on_pairs += (self.columns**2 / np.maximum(self.columns * lengths, mu))[:, None, :]
        on_pairs *= d
        gradient = self.entries**2 / np.maximum(self.entries * np.abs(w), mu)
        lengths = np.sqrt(np.einsum("hpm,hpm->hp", w, w))
        gradient += (self.rows**2 / np.maximum(self.rows * lengths, mu))[:, :, None]
        gradient *= w
        gradient += on_pairs @ self.adjoint
        return gradient


class Fit:
    """One point of the grid on one problem."""

    def __init__(self, problem, point):
        self.problem = problem
        self.shape = (COMPONENTS, *problem.xty.shape)
        self.penalty = Penalty(*problem.xty.shape, **point)

    def objective(self, w):
        return self.problem.loss(w.sum(0)) + self.penalty.value(w)

    def iterates(self, w, mu, corrected):
        """The published iteration from `w` on, for ever.

        As printed, the momentum goes from the last search point to the new iterate, which is the gradient step once
        more and accelerates nothing. `corrected` goes from the last iterate, as in Chen et al. (2012).
        """
        gram, xty = self.problem.gram, self.problem.xty
        step = 1.0 / (COMPONENTS * self.problem.curvature + self.penalty.norm_squared / mu)
        search = w
        for k in itertools.count():
            new = self.penalty.gradient(search, mu)
            new += gram @ search.sum(0) - xty
            new *= -step
            new += search
            search = new + (new - (w if corrected else search)) * (k / (k + 3))
            w = new
            yield w

    def published(self, mu=1e-4, tolerance=1e-4, limit=2000):
        """As published: printed momentum from zero until the objective changes by less than 1e-4, relatively."""
        start = time.perf_counter()
        previous = self.objective(np.zeros(self.shape))
        for k, w in enumerate(self.iterates(np.zeros(self.shape), mu, corrected=False), 1):
            value = self.objective(w)
            if abs(previous - value) < tolerance * previous or k == limit:
                return {"seconds": time.perf_counter() - start, "objective": value, "iterations": k}
            previous = value

    def reach(self, optimum, accuracy, start, corrected, seconds):
        """Iterates from `start` until the true objective is within `accuracy` of the optimum, which it is told, or the
        time is over. Gives the last iterate too.

        Smoothing costs at most mu / 2 a group, so this mu leaves half of the accuracy to the iteration. `corrected`
        goes there in three stages, each ten times smaller than the last, the next beginning when 25 iterations gain
        less than the accuracy.
        """
        target = optimum * (1.0 + accuracy)
        mu = accuracy * optimum / self.penalty.groups
        w, value, iterations = start, self.objective(start), 0
        began = time.perf_counter()
        for factor in (100.0, 10.0, 1.0) if corrected else (1.0,):
            if value <= target:
                break
            stage = self.iterates(w, factor * mu, corrected)
            for k, w in enumerate(stage, 1):
                if k % CHECK_EVERY:
                    continue
                previous, value = value, self.objective(w)
                over = time.perf_counter() - began > seconds
                settled = factor > 1.0 and abs(previous - value) < accuracy * value
                if value <= target or over or settled:
                    break
            iterations += k
            if over:
                break
        took = time.perf_counter() - began
        return w, {"seconds": took, "objective": value, "iterations": iterations, "reached": bool(value <= target)}


def reach_all(problem, grid, optima, accuracy, corrected, seconds):
    """Every path of the grid, each point from the solution of the one before."""
    results = []
    for path, best in zip(grid, optima):
        w = np.zeros((COMPONENTS, *problem.xty.shape))
        for point, optimum in zip(path, best):
            w, result = Fit(problem, point).reach(optimum, accuracy, w, corrected, seconds)
            results.append(result)
    return results
