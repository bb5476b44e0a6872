"""This project's solvers and their peers on the same problems, in the same run, on one thread each.

    python3 benches/peers/run.py [--markdown | --json]

Builds the Rust side, fits the same points with both, checks that the objectives agree and prints seconds per fit.
`benches/README.md` says what is compared and how to read it.
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
from importlib.metadata import version
from importlib.util import find_spec
from itertools import chain
from math import isclose
from pathlib import Path

for library in ("OMP", "OPENBLAS", "MKL", "VECLIB", "NUMEXPR", "RAYON"):
    os.environ[f"{library}_NUM_THREADS"] = "1"  # Read when numpy is loaded, and by `grid_peer`.

try:
    import numpy as np
    import sklearn

    import lasso
    import sgmtl
    import spg
    import srml
    from problem import GRID, sarcos, synthetic
except ImportError as missing:
    install = "python3 -m venv /tmp/peers && /tmp/peers/bin/pip install numpy scipy scikit-learn"
    sys.exit(f"{missing}; install the peers first:\n    {install}\n    /tmp/peers/bin/python {sys.argv[0]}")

ROOT = Path(__file__).resolve().parents[2]
RUST = ["cargo", "run", "--release", "--quiet", "-p", "mtl-methods", "--example", "grid_peer", "--"]
# Relative distance from the optimum at which smoothing may stop, the tolerance of `mtl` by default, and that of the
# optimum all are measured against.
ACCURACY, DEFAULT, REFERENCE = 1e-4, 1e-6, 1e-8
# The published iteration in mtl, as `spg.Fit.published` has it.
PUBLISHED = {"solver": "spg", "momentum": "as-printed", "mu": 1e-4, "stop": "change", "tol": 1e-4, "max_iter": 2000}
# How many times faster a grid of SSMTL_m fits has to be.
REQUIRED = 20
# How many times faster an SRML fit has to be, and the penalty and learning rate of its peers: the best of rho in 0.1, 1
# and 10 and lr in 0.001, 0.01, 0.1 and 1 for these data.
REQUIRED_SRML, RHO, RATE = 10, 1.0, 0.01
# How many times faster an SG-MTL fit with its ten restarts has to be than as many runs of the released program.
REQUIRED_SGMTL = 30
# Short paths are fitted again and again for this many seconds, as in `grid_peer`.
TIMED_FOR = 0.05


class Rust:
    """`grid_peer` on one problem."""

    def __init__(self, problem, folder):
        self.problem, self.folder = Path(folder) / "problem.json", folder
        problem.save(self.problem)

    def fit(self, method, paths, **options):
        """One result a path."""
        file = Path(self.folder) / "paths.json"
        jobs = [{"method": method, "points": [{**point, **options} for point in path]} for path in paths]
        file.write_text(json.dumps(jobs))
        done = subprocess.run([*RUST, str(self.problem), str(file)], cwd=ROOT, stdout=subprocess.PIPE, check=True)
        return json.loads(done.stdout)

    def certified(self, method, paths, tolerance):
        """The same with every optimum certified to a relative tolerance."""
        results = self.fit(method, paths, tol=tolerance)
        for point in chain.from_iterable(result["points"] for result in results):
            check(point["converged"] and point["residual"] <= tolerance, f"{method} is certified to {tolerance:g}")
        return results


checks = {}


def check(holds, statement):
    """Remembers whether a statement held every time it was checked."""
    checks[statement] = checks.get(statement, True) and bool(holds)


def compare_ssmtl(problem, repeats, seconds):
    """SSMTL_m on the grid: `mtl` against the published iteration in numpy."""
    points = list(chain.from_iterable(GRID))
    alone = [[point] for point in points]
    with tempfile.TemporaryDirectory() as folder:
        rust = Rust(problem, folder)
        reference = [path["points"][0] for path in rust.certified("ssmtl-m", alone, REFERENCE)]
        optima = np.array([point["objective"] for point in reference])
        for point, found in zip(points, reference):
            objective = spg.Fit(problem, point).objective(np.array(found["components"]))
            check(abs(objective / found["objective"] - 1) < 1e-9, "numpy finds the objective of mtl at mtl's weights")
        by_path = optima.reshape(len(GRID), -1)
        rounds = []
        for _ in range(repeats):
            warm = {tolerance: rust.certified("ssmtl-m", GRID, tolerance) for tolerance in (DEFAULT, ACCURACY)}
            turn = {
                "mtl": spread(warm[DEFAULT]),
                "mtl-1e-4": spread(warm[ACCURACY]),
                "mtl-cold": spread(rust.certified("ssmtl-m", alone, DEFAULT)),
                "numpy-corrected": spg.reach_all(problem, GRID, by_path, ACCURACY, True, seconds),
                "numpy-printed": spg.reach_all(problem, GRID, by_path, ACCURACY, False, seconds),
                "numpy-as-published": [spg.Fit(problem, point).published() for point in points],
                "mtl-as-published": spread(rust.fit("ssmtl-m", alone, **PUBLISHED)),
            }
            for theirs, ours in zip(turn["numpy-as-published"], turn["mtl-as-published"]):
                same = theirs["iterations"] == ours["iterations"] and isclose(theirs["objective"], ours["objective"])
                check(same, "the published iteration ends at the same iterate in both")
            rounds.append(turn)
    fits = {}
    for name in rounds[0]:
        turns = zip(*(turn[name] for turn in rounds))
        fits[name] = [sorted(fit, key=lambda turn: turn["seconds"])[repeats // 2] for fit in turns]
        for fit, optimum in zip(fits[name], optima):
            fit["excess"] = fit["objective"] / optimum - 1
            check(fit["excess"] > -REFERENCE, "nobody is below a certified optimum")
    for ours, theirs in zip(fits["mtl"], fits["numpy-corrected"]):
        check(ours["excess"] < theirs["excess"] + DEFAULT, "mtl's objectives are at least as good as numpy's, to 1e-6")
    summary = {}
    ours = statistics.mean(fit["seconds"] for fit in fits["mtl"])
    for name, all_fits in fits.items():
        mean = statistics.mean(fit["seconds"] for fit in all_fits)
        summary[name] = {
            "seconds_per_fit": mean,
            "times_mtl": mean / ours,
            "worst_excess": max(fit["excess"] for fit in all_fits),
            "out_of_time": sum(not fit.get("reached", True) for fit in all_fits),
        }
    check(summary["numpy-corrected"]["times_mtl"] >= REQUIRED, f"mtl is at least {REQUIRED} times faster per fit")
    return {"points": points, "optima": optima.tolist(), "fits": fits, "summary": summary, "limit": seconds}


def spread(paths):
    """Results of points; a path's time is spread evenly over its points."""
    return [
        {"seconds": path["seconds"] / len(path["points"]), **{k: point[k] for k in ("objective", "iterations")}}
        for path in paths
        for point in path["points"]
    ]


def compare_lasso(problem, repeats):
    """A path of lassos: `mtl` against scikit-learn, both within 1e-6 of the optimum."""
    strengths = problem.strengths()
    path = [[{"gamma": strength} for strength in strengths]]
    with tempfile.TemporaryDirectory() as folder:
        rust = Rust(problem, folder)
        optima = rust.certified("lasso", path, 1e-9)[0]["points"]

        def excess(objectives):
            return max(value / optimum["objective"] - 1 for value, optimum in zip(objectives, optima))

        def sklearn_excess(tolerance):
            weights = lasso.fit_path(problem, strengths, tolerance)
            return excess(lasso.objective(problem, w, strength) for w, strength in zip(weights, strengths))

        # The loosest setting that is accurate enough: scikit-learn's rule is stricter than its tolerance sounds.
        tolerance = next(t for t in 10.0 ** -np.arange(1.0, 12.0) if sklearn_excess(t) <= DEFAULT)
        rounds = []
        for _ in range(repeats):
            ours = rust.certified("lasso", path, DEFAULT)
            rounds.append((ours[0]["seconds"], timed(lambda: lasso.fit_path(problem, strengths, tolerance))))
    ours_excess = excess(point["objective"] for point in ours[0]["points"])
    check(ours_excess <= DEFAULT, "lasso: both sides are within 1e-6 of the optimum")
    mtl, peer = (statistics.median(times) / len(strengths) for times in zip(*rounds))
    return {
        "problem": problem.name,
        "strengths": len(strengths),
        "sklearn_tolerance": tolerance,
        "mtl": {"seconds_per_fit": mtl, "worst_excess": ours_excess},
        "sklearn": {"seconds_per_fit": peer, "worst_excess": sklearn_excess(tolerance), "times_mtl": peer / mtl},
    }


def compare_srml(repeats, seconds):
    """SRML on the authors' synthetic data: `mtl` against ADMM in numpy, which is told where `mtl` ended."""
    problem = srml.Chain()
    alone = [[point] for point in srml.POINTS]
    fits = [srml.Fit(problem, point, RHO) for point in srml.POINTS]
    rounds = []
    with tempfile.TemporaryDirectory() as folder:
        rust = Rust(problem, folder)
        for _ in range(repeats):
            ours = {solver: rust.fit("srml", alone, solver=solver) for solver in ("auto", "bcd")}
            best = [path["points"][0] for path in ours["auto"]]
            for point, found in zip(srml.POINTS, best):
                objective = problem.objective(np.array(found["components"][0]).T, point)
                check(isclose(objective, found["objective"], rel_tol=1e-9), "numpy finds the objective of SRML in mtl")
                check(found["converged"] and found["residual"] <= 1e-7, "SRML is stationary to 1e-7")
            targets = [found["objective"] * (1 + ACCURACY) for found in best]
            rounds.append(
                {
                    "mtl": spread(ours["auto"]),
                    "mtl-bcd": spread(ours["bcd"]),
                    "numpy-exact": [f.reach(target, seconds, True, RATE) for f, target in zip(fits, targets)],
                    "numpy-authors": [f.reach(target, seconds, False, RATE) for f, target in zip(fits, targets)],
                    "numpy-published": [f.published(RATE) for f in fits],
                }
            )
    rows = {}
    for name in rounds[0]:
        turns = zip(*(turn[name] for turn in rounds))
        rows[name] = [sorted(fit, key=lambda turn: turn["seconds"])[repeats // 2] for fit in turns]
        for fit, found in zip(rows[name], best):
            fit["excess"] = fit["objective"] / found["objective"] - 1
            check(fit["excess"] > -ACCURACY, "nobody is below SRML in mtl")
    mean = {name: statistics.mean(fit["seconds"] for fit in all_fits) for name, all_fits in rows.items()}
    check(mean["numpy-authors"] >= REQUIRED_SRML * mean["mtl"], f"SRML is at least {REQUIRED_SRML} times faster")
    return {"problem": problem.name, "points": srml.POINTS, "fits": rows, "seconds_per_fit": mean}


def compare_sgmtl(repeats):
    """SG-MTL on the paper's second synthetic set, ten random starts a side: `mtl` against the released program's
    algorithm in numpy, which has not `mtl`'s repeats."""
    problem = sgmtl.Grouped()
    start = problem.elastic_nets()
    alone = [[point] for point in sgmtl.POINTS]
    runs = [[sgmtl.Fit(problem, point, start, seed).published() for seed in range(10)] for point in sgmtl.POINTS]
    rows = {}
    with tempfile.TemporaryDirectory() as folder:
        rust = Rust(problem, folder)
        for name, polish in (("mtl", 3), ("mtl-alternation", 0)):
            rounds = [rust.fit("sg-mtl", alone, intercept=False, polish=polish) for _ in range(repeats)]
            turns = zip(*map(spread, rounds))
            rows[name] = [sorted(fit, key=lambda turn: turn["seconds"])[repeats // 2] for fit in turns]
            for point, path in zip(sgmtl.POINTS, rounds[-1]):
                (found,) = path["points"]
                groups = np.array(found["memberships"]["groups"])
                objective = problem.objective(np.array(found["components"][0]).T, groups, point)
                same = isclose(objective, found["objective"], rel_tol=1e-9)
                check(same, "numpy finds the objective of SG-MTL in mtl")
                check(found["converged"] and found["residual"] <= DEFAULT, "SG-MTL's weights are certified to 1e-6")
    rows["numpy-ten"] = [
        {key: pick(run[key] for run in of_point) for key, pick in (("seconds", sum), ("objective", min))}
        for of_point in runs
    ]
    rows["numpy-one"] = [
        {key: statistics.median(run[key] for run in of_point) for key in ("seconds", "objective")} for of_point in runs
    ]
    for fits in rows.values():
        for fit, found in zip(fits, rows["mtl"]):
            fit["excess"] = fit["objective"] / found["objective"] - 1
    check(all(fit["excess"] > 0 for fit in rows["numpy-ten"]), "SG-MTL's objectives are lower in mtl")
    mean = {name: statistics.mean(fit["seconds"] for fit in fits) for name, fits in rows.items()}
    statement = f"SG-MTL with ten restarts is at least {REQUIRED_SGMTL} times faster"
    check(mean["numpy-ten"] >= REQUIRED_SGMTL * mean["mtl"], statement)
    return {"problem": problem.name, "points": sgmtl.POINTS, "fits": rows, "seconds_per_fit": mean}


def compare_school(file, repeats):
    """Group lasso and trace norm on School: `mtl` against the best packages, both within 1e-6 of the optimum."""
    import school

    problem = school.school(file)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        rust = Rust(problem, folder)
        for Peer in school.PEERS:
            method, strengths = Peer.method, Peer.strengths(problem)
            path = [[{Peer.strength: strength} for strength in strengths]]
            reference = rust.certified(method, path, REFERENCE)[0]["points"]
            optima = np.array([point["objective"] for point in reference])

            def excess(weights):
                found = [problem.loss(w) + s * Peer.penalty(w) for w, s in zip(weights, strengths)]
                return found / optima - 1

            def of(points):
                return [np.array(point["components"][0]).T for point in points]

            check(abs(excess(of(reference))).max() < 1e-9, "numpy finds the objective of mtl on School")
            peer = Peer(problem, strengths, optima * (1 + DEFAULT))
            ours, theirs = [], []
            for _ in range(repeats):
                ours.append(rust.certified(method, path, DEFAULT)[0])
                theirs.append(timed(peer.path))
            ends = {"mtl": excess(of(ours[-1]["points"])), "peer": excess(peer.weights_of(peer.path()))}
            seconds = {"mtl": statistics.median(run["seconds"] for run in ours), "peer": statistics.median(theirs)}
            for side in ends:
                check(ends[side].max() <= DEFAULT, f"{method} on School: both sides are within 1e-6 of the optimum")
                check(ends[side].min() >= -REFERENCE, f"{method} on School: nobody is below a certified optimum")
            check(seconds["mtl"] < seconds["peer"], f"{method} on School is faster in mtl than in the best package")
            rows.append(
                {
                    "method": method,
                    "peer": f"{Peer.label}, {peer.setting}",
                    "seconds_per_fit": {side: took / len(strengths) for side, took in seconds.items()},
                    "worst_excess": {side: end.max() for side, end in ends.items()},
                    "iterations": [point["iterations"] for point in ours[-1]["points"]],
                }
            )
    versions = {package: version(package) for package in ("adelie", "pyproximal", "scipy")}
    return {"problem": problem.name, "fractions": school.FRACTIONS.tolist(), "rows": rows, "versions": versions}


def lacks_for_school(file):
    """Why School cannot be compared, if so."""
    if file is None:
        return "no --school FILE"
    if not file.exists():
        return f"{file} does not exist"
    packages = [package for package in ("adelie", "pyproximal", "scipy") if find_spec(package) is None]
    return f"not installed: {', '.join(packages)}" if packages else None


def timed(work):
    """Seconds that `work` takes, over as many runs as fit into `TIMED_FOR`, at least one."""
    start = time.perf_counter()
    runs = 0
    while (elapsed := time.perf_counter() - start) < TIMED_FOR:
        work()
        runs += 1
    return elapsed / runs


def machine():
    """What the numbers belong to."""

    def output(*command):
        return subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()

    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return {
        "date": date.today().isoformat(),
        "cpu": models[0] if models else platform.machine(),
        "cores": os.cpu_count(),
        "load": [round(load, 1) for load in os.getloadavg()],
        "commit": output("git", "rev-parse", "--short", "HEAD"),
        "rustc": output("rustc", "--version"),
        "python": platform.python_version(),
        "numpy": f"{np.__version__} ({blas['name']} {blas['version']})",
        "scikit-learn": sklearn.__version__,
    }


SRML_LABELS = {
    "mtl": "mtl, search over descents",
    "mtl-bcd": "mtl, one descent (solver: bcd)",
    "numpy-exact": "numpy, ADMM with exact steps from least squares, told the objective",
    "numpy-authors": "numpy, the authors' loop (Adagrad), told the objective",
    "numpy-published": "numpy, the authors' loop and stopping rule",
}
SGMTL_LABELS = {
    "mtl": "mtl, ten restarts",
    "mtl-alternation": "mtl, ten restarts, without moves of single tasks (polish: 0)",
    "numpy-ten": "numpy, the released program's algorithm and settings, best of ten starts",
    "numpy-one": "numpy, the same, median start",
}
LABELS = {
    "mtl": "mtl, certified to 1e-6, warm",
    "mtl-1e-4": "mtl, certified to 1e-4, warm",
    "mtl-cold": "mtl, certified to 1e-6, every fit from zero",
    "numpy-corrected": "numpy, momentum corrected, mu in stages, warm, told the optimum",
    "numpy-printed": "numpy, iteration as printed, warm, told the optimum",
    "numpy-as-published": "numpy, iteration and stopping rule as published",
    "mtl-as-published": "mtl, the same (solver: spg)",
}


def report(results, markdown):
    """The tables as text."""
    yield "Machine: " + ", ".join(f"{name} {value}" for name, value in results["machine"].items())
    yield f"One thread a side, sides interleaved, medians of {results['repeats']} repeats."
    yield ""
    ssmtl = results["ssmtl_m"]
    yield f"SSMTL_m, {len(ssmtl['points'])} points; {results['problem']}"
    yield ""
    rows = [("solver", "ms per fit", "times mtl", "worst excess", "out of time")]
    for name, row in ssmtl["summary"].items():
        late = row["out_of_time"]
        times = f"{'>= ' if late else ''}{row['times_mtl']:.1f}"
        rows.append((LABELS[name], ms(row["seconds_per_fit"]), times, percent(row["worst_excess"]), late or ""))
    yield from table(rows, markdown)
    yield ""
    yield f"Point by point, ms (a numpy fit ends after {ssmtl['limit']:g} s, then the excess is given):"
    yield ""
    rows = [("gamma1", "gamma2", "phi", "optimum", "mtl from zero", "corrected", "printed", "as published", "excess")]
    fits = ssmtl["fits"]
    for i, (point, optimum) in enumerate(zip(ssmtl["points"], ssmtl["optima"])):
        names = ("numpy-corrected", "numpy-printed")
        reach = [fits[name][i] for name in names]
        reach = [ms(fit["seconds"]) if fit["reached"] else f"+{percent(fit['excess'])}" for fit in reach]
        published = fits["numpy-as-published"][i]
        strengths = (f"{point[name]:g}" for name in ("gamma1", "gamma2", "phi"))
        ended = (ms(published["seconds"]), percent(published["excess"]))
        rows.append((*strengths, f"{optimum:.1f}", ms(fits["mtl-cold"][i]["seconds"]), *reach, *ended))
    yield from table(rows, markdown)
    for lassos in results["lasso"]:
        yield ""
        yield f"Lasso, {lassos['strengths']} strengths, all tasks a fit; {lassos['problem']}"
        yield ""
        rows = [("solver", "ms per fit", "times mtl", "worst excess")]
        for name, label in (
            ("mtl", "mtl, certified to 1e-6"),
            ("sklearn", f"scikit-learn, Gram matrices, tol {lassos['sklearn_tolerance']:g}"),
        ):
            row = lassos[name]
            times = f"{row.get('times_mtl', 1):.1f}"
            rows.append((label, ms(row["seconds_per_fit"]), times, percent(row["worst_excess"])))
        yield from table(rows, markdown)
    yield ""
    chain = results["srml"]
    yield f"SRML, {len(chain['points'])} points; {chain['problem']}"
    yield ""
    rows = [("solver", "ms per fit", "times mtl", "worst excess", "out of time")]
    for name, seconds in chain["seconds_per_fit"].items():
        fits = chain["fits"][name]
        late = sum(not fit.get("reached", True) for fit in fits)
        times = f"{'>= ' if late else ''}{seconds / chain['seconds_per_fit']['mtl']:.1f}"
        worst = percent(max(fit["excess"] for fit in fits))
        rows.append((SRML_LABELS[name], ms(seconds), times, worst, late or ""))
    yield from table(rows, markdown)
    yield ""
    yield from report_sgmtl(results["sg_mtl"], markdown)
    yield ""
    yield from report_school(results["school"], markdown)
    yield ""
    yield from (f"{'ok    ' if holds else 'FAILED'} {statement}" for statement, holds in results["checks"].items())


def report_sgmtl(found, markdown):
    """The same for SG-MTL, strength by strength."""
    yield f"SG-MTL; {found['problem']}"
    yield ""
    strengths = [point["lambda"] for point in found["points"]]
    times, excesses = (f"ms at lambda = {s:g}" for s in strengths), (f"excess at {s:g}" for s in strengths)
    rows = [("solver", *times, "times mtl", *excesses)]
    for name, fits in found["fits"].items():
        times = f"{found['seconds_per_fit'][name] / found['seconds_per_fit']['mtl']:.1f}"
        row = (*(ms(fit["seconds"]) for fit in fits), times, *(percent(fit["excess"]) for fit in fits))
        rows.append((SGMTL_LABELS[name], *row))
    yield from table(rows, markdown)


def report_school(found, markdown):
    """The same for School, or why there is nothing."""
    if "skipped" in found:
        yield f"School: skipped, {found['skipped']}"
        return
    packages = ", ".join(f"{name} {number}" for name, number in found["versions"].items())
    yield f"{found['problem']}; {len(found['fractions'])} strengths; {packages}"
    yield ""
    rows = [("method, solver", "ms per fit", "times mtl", "worst excess")]
    for row in found["rows"]:
        seconds = row["seconds_per_fit"]
        for side, label in (("mtl", "mtl, certified to 1e-6, warm"), ("peer", row["peer"])):
            times = f"{seconds[side] / seconds['mtl']:.1f}"
            rows.append((f"{row['method']}: {label}", ms(seconds[side]), times, percent(row["worst_excess"][side])))
    yield from table(rows, markdown)


def ms(seconds):
    return f"{1e3 * seconds:.3g}" if seconds < 1 else f"{1e3 * seconds:.0f}"


def percent(excess):
    return f"{100 * excess:.0f} %" if excess >= 0.1 else f"{100 * excess:.2g} %"


def table(rows, markdown):
    """Rows with aligned columns, the first to the left."""
    widths = [max(len(str(row[i])) for row in rows) for i in range(len(rows[0]))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    for row in [rows[0], rule, *rows[1:]]:
        cells = [str(row[0]).ljust(widths[0]), *(str(cell).rjust(w) for cell, w in zip(row[1:], widths[1:]))]
        yield "| " + " | ".join(cells) + " |" if markdown else "  ".join(cells).rstrip()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3, help="rounds through all solvers (default 3)")
    parser.add_argument("--seconds", type=float, default=5.0, help="time limit of a numpy fit (default 5)")
    parser.add_argument("--sarcos", type=Path, metavar="FILE", help="fit rows of this sarcos_inv_test.mat instead")
    parser.add_argument("--school", type=Path, metavar="FILE", help="compare on this school.mat as well")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print everything that was measured")
    form.add_argument("--markdown", action="store_true", help="print Markdown tables")
    args = parser.parse_args()

    lacking = lacks_for_school(args.school)
    subprocess.run(["cargo", "build", *RUST[2:-1]], cwd=ROOT, check=True)
    small = sarcos(args.sarcos) if args.sarcos else synthetic(600, 21, 7)
    results = {
        "machine": machine(),
        "repeats": args.repeats,
        "problem": small.name,
        "ssmtl_m": compare_ssmtl(small, args.repeats, args.seconds),
        "lasso": [compare_lasso(problem, args.repeats) for problem in (small, synthetic(600, 100, 32))],
        "srml": compare_srml(args.repeats, args.seconds),
        "sg_mtl": compare_sgmtl(args.repeats),
        "school": {"skipped": lacking} if lacking else compare_school(args.school, args.repeats),
        "checks": checks,
    }
    if args.json:
        json.dump(results, sys.stdout, indent=1)
        print()
    else:
        print("\n".join(report(results, args.markdown)))
    sys.exit(0 if all(checks.values()) else 1)


if __name__ == "__main__":
    main()
