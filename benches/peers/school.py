"""Group lasso and trace norm on School by the best that the package registries offer: adelie and pyproximal.

    min 1/2 sum_t ||y_t - X_t w_t||^2 + strength sum_i ||W_i:||_2          (or ||W||_*)

139 schools are tasks with rows of their own, so the usual multi-task solvers, which want one design for all, do not
apply. As a plain group lasso it has 139 x 28 coefficients and X'X of 28 x 28 diagonal blocks, which adelie takes
sparse. Neither side touches the rows.
"""

import numpy as np
from adelie.matrix import sparse
from adelie.solver import gaussian_cov
from pyproximal import ProxOperator
from pyproximal.optimization.primal import ADMM
from pyproximal.proximal import Nuclear
from scipy.io import loadmat
from scipy.sparse import block_array, csc_matrix, diags_array

from problem import OwnRows

# Of the strength from which on all weights are zero.
FRACTIONS = np.array([0.5, 0.2, 0.1, 0.05, 0.02])
# Penalty parameters that the trace norm may choose from at each strength, and the iterations it may need.
RHOS, MAX_ITER = 10.0 ** np.arange(3.0, 6.1, 0.25), 400


def school(file):
    """The features and scores of MALSAR's `school.mat` as they are."""
    cells = loadmat(file)
    x, y = (list(cells[name][0]) for name in "XY")
    rows = sum(len(task) for task in x)
    name = f"School, raw features, T = {len(x)}, {rows} rows, d = {x[0].shape[1]}"
    return OwnRows([a.astype(float) for a in x], [a.astype(float).ravel() for a in y], name)


class GroupLasso:
    """adelie's block coordinate descent on X'X, with a Newton step for every block (Yang and Hastie)."""

    method, strength, label = "l21", "gamma", "adelie, gaussian_cov, sparse X'X"

    @staticmethod
    def penalty(w):
        return np.sqrt((w**2).sum(0)).sum()

    @staticmethod
    def strengths(problem):
        return FRACTIONS * np.sqrt((problem.xty**2).sum(0)).max()

    def __init__(self, problem, strengths, targets):
        """The loosest tolerance that brings every strength to its target."""
        self.strengths = strengths
        self.shape = (p, m) = problem.xty.T.shape
        blocks = [[diags_array(problem.gram[:, i, j]) for j in range(p)] for i in range(p)]
        self.gram = sparse(csc_matrix(block_array(blocks)), method="cov")
        self.xty = problem.xty.T.ravel()
        self.groups, self.weights = m * np.arange(p), np.ones(p)
        for self.tolerance in 10.0 ** -np.arange(1.0, 13.0):
            found = [problem.loss(w) + s * self.penalty(w) for w, s in zip(self.weights_of(self.path()), strengths)]
            if all(value <= target for value, target in zip(found, targets)):
                break
        self.setting = f"tol {self.tolerance:g}"

    def path(self):
        """What is timed."""
        return gaussian_cov(
            self.gram,
            self.xty,
            groups=self.groups,
            penalty=self.weights,
            lmda_path=self.strengths,
            tol=self.tolerance,
            early_exit=False,
            progress_bar=False,
        )

    def weights_of(self, state):
        """(m, p) at each strength."""
        return [row.toarray().reshape(self.shape).T for row in state.betas]


class TaskSteps(ProxOperator):
    """prox of the loss: every task exactly, by an inverse for every step size asked for.

    The spectra of X_t'X_t are given beforehand, as they are to `mtl`; what depends on the step size is not.
    """

    def __init__(self, xty, spectra):
        super().__init__(None, True)
        self.xty, self.spectra, self.inverses = xty, spectra, {}

    def inverse(self, tau):
        if tau not in self.inverses:
            values, vectors = self.spectra
            self.inverses[tau] = np.matmul(vectors / (values + 1 / tau)[:, None, :], vectors.transpose(0, 2, 1))
        return self.inverses[tau]

    def __call__(self, x):
        """Asked for once, for a log that is off."""
        return 0.0

    def prox(self, x, tau):
        right = self.xty + x.reshape(self.xty.shape) / tau
        return np.matmul(self.inverse(tau), right[..., None]).ravel()


class TraceNorm:
    """pyproximal's ADMM between exact task steps and the prox of the nuclear norm, told when to stop."""

    method, strength, label = "trace-norm", "lambda", "pyproximal, ADMM with exact task steps"

    @staticmethod
    def penalty(w):
        return np.linalg.svd(w, compute_uv=False).sum()

    @staticmethod
    def strengths(problem):
        return FRACTIONS * np.linalg.norm(problem.xty, 2)

    def __init__(self, problem, strengths, targets):
        """The penalty parameter with the fewest iterations at each strength, from the solution before."""
        self.shape, self.xty, self.spectra = problem.xty.shape, problem.xty, np.linalg.eigh(problem.gram)
        self.schedule, start = [], np.zeros(problem.xty.size)
        steps = TaskSteps(self.xty, self.spectra)
        for strength, target in zip(strengths, targets):
            prox, best, limit = Nuclear(self.shape, strength), None, MAX_ITER
            for rho in RHOS:
                # One run with a watch on every iteration; the timed one only counts.
                count = 0

                def watch(_, z):
                    nonlocal best, count, limit
                    count += 1
                    w = z.reshape(self.shape)
                    if count < limit and problem.loss(w) + strength * self.penalty(w) <= target:
                        best, limit = (prox, 1 / rho, count, z.copy()), count

                ADMM(steps, prox, None, 1 / rho, niter=limit, z0=start, callback=watch, callbackz=True)
            if best is None:
                raise RuntimeError(f"ADMM does not reach the objective in {MAX_ITER} iterations at {strength:g}")
            *settings, start = best
            self.schedule.append(settings)
        self.setting = f"told rho and {' + '.join(str(count) for *_, count in self.schedule)} iterations"

    def path(self):
        """What is timed."""
        steps, z, found = TaskSteps(self.xty, self.spectra), np.zeros(self.xty.size), []
        for prox, tau, count in self.schedule:
            _, z = ADMM(steps, prox, None, tau, niter=count, z0=z)
            found.append(z)
        return found

    def weights_of(self, found):
        return [z.reshape(self.shape) for z in found]


PEERS = (GroupLasso, TraceNorm)
