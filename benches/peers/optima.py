"""Optimal objectives of every convex method on two small problems, by an independent interior-point solver.

The data follow a formula, so that `crates/methods/tests/peers.rs` can rebuild them. The output is stored as
`crates/methods/tests/peers.json`.

    pip install cvxpy clarabel && python optima.py > ../../crates/methods/tests/peers.json
"""

import itertools
import json
import sys

import clarabel
import cvxpy as cp
import numpy as np


def problem(n, p, m):
    """Inputs (m, n, p) and targets (m, n) by formula: 0-based indices, angles in radians."""
    t, r, i = np.meshgrid(np.arange(m), np.arange(n), np.arange(p), indexing="ij")
    x = np.sin(1.3 * (i + 1) * (r + 1) + 0.7 * t) + 0.5 * np.cos(0.9 * (r + 2) * (t + 1) + i)
    w = np.sin(np.arange(p)[:, None] * 1.7) + 0.3 * np.cos(np.outer(np.arange(p) + 1, np.arange(m) + 1))
    noise = 0.4 * np.sin(2.1 * np.outer(np.arange(m) + 1, np.arange(n) + 1))
    return x, np.einsum("tni,it->tn", x, w) + noise


def column_pairs(w):
    return sum(cp.norm(w[:, j] - w[:, k], 2) for j, k in itertools.combinations(range(w.shape[1]), 2))


def entry_pairs(w):
    return sum(cp.norm1(w[:, j] - w[:, k]) for j, k in itertools.combinations(range(w.shape[1]), 2))


def rows(w):
    return cp.sum(cp.norm(w, 2, axis=1))


def columns(w):
    return cp.sum(cp.norm(w, 2, axis=0))


def components(method, params, p, m):
    """Variables and the penalty on them, as documented for each method."""
    var = lambda: cp.Variable((p, m))
    if method == "lasso":
        w = var()
        return [w], params["gamma"] * cp.sum(cp.abs(w))
    if method == "l21":
        w = var()
        return [w], params["gamma"] * rows(w)
    if method == "rmtfl":
        a, b = var(), var()
        return [a, b], params["gamma1"] * rows(a) + params["gamma2"] * columns(b)
    levels = range(1, params["h"] + 1)
    ws = [var() for _ in levels]
    if method == "metag":
        return ws, sum(params["gamma"] * params["phi"] ** -l * column_pairs(w) for l, w in zip(levels, ws))
    if method == "ssmtl-m":
        up, down = (lambda l: params["phi"] ** l), (lambda l: params["phi"] ** -l)
        g1, g2 = params["gamma1"], params["gamma2"]
        return ws, sum(
            g1 * down(l) * column_pairs(w) + g2 * up(l) * rows(w) + g1 * up(l) * entry_pairs(w)
            + g2 * down(l) * cp.sum(cp.abs(w))
            for l, w in zip(levels, ws)
        )
    raise ValueError(method)


def main():
    cases = [
        ("lasso", {"gamma": 0.8}),
        ("lasso", {"gamma": 0.02}),
        ("l21", {"gamma": 1.5}),
        ("rmtfl", {"gamma1": 1.0, "gamma2": 0.9}),
        ("metag", {"gamma": 0.3, "phi": 2.0, "h": 2}),
        ("metag", {"gamma": 3.0, "phi": 1.5, "h": 3}),
        ("ssmtl-m", {"gamma1": 0.05, "gamma2": 0.3, "phi": 2.0, "h": 2}),
        ("ssmtl-m", {"gamma1": 0.3, "gamma2": 0.02, "phi": 5.0, "h": 2}),
        ("ssmtl-m", {"gamma1": 0.02, "gamma2": 0.1, "phi": 1.5, "h": 3}),
    ]
    out = {"provenance": f"cvxpy {cp.__version__}, clarabel {clarabel.__version__}, tolerances 1e-9, benches/peers/optima.py", "cases": []}
    for n, p, m in [(9, 4, 3), (4, 6, 4)]:
        x, y = problem(n, p, m)
        for method, params in cases:
            ws, penalty = components(method, params, p, m)
            total = sum(ws)
            loss = sum(0.5 * cp.sum_squares(y[t] - x[t] @ total[:, t]) for t in range(m))
            solve = cp.Problem(cp.Minimize(loss + penalty))
            solve.solve(solver=cp.CLARABEL, tol_gap_abs=1e-9, tol_gap_rel=1e-9, tol_feas=1e-9)
            print(method, params, solve.status, solve.value, file=sys.stderr)
            out["cases"].append({"n": n, "p": p, "m": m, "method": method, "params": params, "objective": solve.value})
    json.dump(out, sys.stdout, indent=1)
    print()


main()
