"""The lasso by scikit-learn's coordinate descent on Gram matrices, task by task."""

import numpy as np
from sklearn.linear_model import lasso_path

MAX_ITER = 100_000


def fit_path(problem, strengths, tolerance):
    """Weights (p, m) at each strength of 1/2 sum_t ||y_t - X w_t||^2 + strength ||W||_1, warm-started, falling.

    scikit-learn divides the loss by n. It stops where a task's duality gap is below `tolerance` times y_t'y_t.
    """
    n, m = problem.y.shape
    weights = np.empty((len(strengths), *problem.xty.shape))
    for t in range(m):
        xty = np.ascontiguousarray(problem.xty[:, t])
        _, coefs, _ = lasso_path(
            problem.x,
            problem.y[:, t],
            alphas=strengths / n,
            precompute=problem.gram,
            Xy=xty,
            tol=tolerance,
            max_iter=MAX_ITER,
            check_input=False,
        )
        weights[:, :, t] = coefs.T
    return weights


def objective(problem, w, strength):
    return problem.loss(w) + strength * np.abs(w).sum()
