//! The hypergradient against differences and its other forms, and what the spec of the paper says must hold.

use std::sync::Arc;

use mtl_core::{MultiTask, Target, Task};

use super::hypergradient::{forward, hypergradient, step_size};
use super::lower::Lower;
use super::spectral::Spectral;
use super::*;

/// Normal numbers that depend on nothing but their place.
fn normal(shape: (usize, usize), purpose: &str) -> Array2<f64> {
    let mut rng = Seed::of(&purpose).rng();
    Array2::from_shape_simple_fn(shape, || rng.sample(StandardNormal))
}

fn data(p: usize, m: usize, n: usize, purpose: &str) -> MultiTask {
    let truth = normal((p, m), "weights");
    let task = |t: usize| {
        let x = normal((n, p), &format!("{purpose} inputs {t}"));
        let noise = normal((n, 1), &format!("{purpose} noise {t}"));
        let y = x.dot(&truth.column(t)) + noise.column(0).mapv(|v| 0.1 * v);
        Task { name: t.to_string(), x: Arc::new(x), y }
    };
    MultiTask::new((0..p).map(|i| i.to_string()).collect(), Target::Regression, (0..m).map(task).collect()).unwrap()
}

fn problem(p: usize, m: usize, n: usize) -> Problem {
    Problem::new(data(p, m, n, "train"), Some(data(p, m, n, "valid")))
}

fn strengths(lambda: f64, eps: f64) -> Strengths {
    Strengths { lambda, eps, scale: LossScale::HalfSum }
}

fn split(p: usize, m: usize, n: usize, lambda: f64, eps: f64) -> Split {
    Source::new(&problem(p, m, n), strengths(lambda, eps), Seed::of(&"splits")).fixed().unwrap()
}

fn context() -> Context {
    Context::new(Seed::of(&"test"))
}

/// A state that no start from zero would have.
fn warm(theta: &Theta) -> State {
    let (m, p) = (theta.shares().ncols(), theta.matrices(&theta.zeros())[0].nrows());
    let groups = theta.shares().nrows();
    let v = theta.lanes(&(0..groups).map(|l| normal((p, m), &format!("warm {l}"))).collect::<Vec<_>>());
    let spectral = Spectral::of(&v, None).unwrap();
    State { u: spectral.mirror(0.5), v, spectral }
}

fn close(a: &Array2<f64>, b: &Array2<f64>, tolerance: f64) {
    let off = norm(&(a - b)) / norm(a).max(norm(b)).max(f64::MIN_POSITIVE);
    assert!(off <= tolerance, "{off:e} apart");
}

#[test]
fn the_hypergradient_is_the_derivative_and_all_its_forms_agree() {
    for (p, m, steps, eps, is_warm) in [
        (6, 5, 20, 0.1, false),
        (6, 5, 1, 0.1, false),
        (6, 5, 1, 0.1, true),
        (6, 5, 20, 0.1, true),
        (5, 6, 20, 0.1, false),
        (5, 6, 1, 1e-3, true),
        (5, 5, 20, 1.0, false),
        (6, 5, 20, 1e-3, false),
    ] {
        let lambda = 0.5;
        let Split { lower, upper } = split(p, m, 4, lambda, eps);
        let shares = dirichlet((3, m), &Seed::of(&"shares"));
        let theta = Theta::new(&shares, p);
        let start = if is_warm { warm(&theta) } else { State::cold(&theta).unwrap() };
        let mirror = hypergradient((&lower, &upper), &theta, start.clone(), steps, false, &context()).unwrap();
        for formula in [Formula::Svd, Formula::Gram] {
            let other = reference::hypergradient(formula, (&lower, &upper), &theta, &start, steps, &context()).unwrap();
            close(&mirror.gradient, &other.gradient, 1e-10);
            // From the rest that weights are solved from, which magnifies rounding by 1/eps.
            assert!((mirror.value - other.value).abs() <= 1e-12 / eps * other.value);
            assert_eq!(other.state.v.shape(), mirror.state.v.shape());
        }
        // Every share on its own, off the simplex, and the step of the dual held.
        let value = |shares: &Array2<f64>| {
            let theta = Theta::new(shares, p);
            let (_, w) = forward(&lower, &theta, start.clone(), steps).unwrap();
            upper.loss.value(&w)
        };
        let mut best = f64::INFINITY;
        for h in [1e-3, 1e-4, 1e-5, 1e-6] {
            let mut difference = shares.clone();
            for ((l, t), d) in difference.indexed_iter_mut() {
                let (mut up, mut down) = (shares.clone(), shares.clone());
                up[[l, t]] += h;
                down[[l, t]] -= h;
                *d = (value(&up) - value(&down)) / (2.0 * h);
            }
            best = best.min(norm(&(&difference - &mirror.gradient)) / norm(&mirror.gradient));
        }
        assert!(best < 1e-6, "{best:e} for P = {p}, T = {m}, Q = {steps}, eps = {eps}");
    }
}

#[test]
fn passages_that_are_computed_again_change_no_bit() {
    let Split { lower, upper } = split(40, 30, 4, 0.5, 0.1);
    let theta = Theta::new(&dirichlet((3, 30), &Seed::of(&"shares")), 40);
    let start = State::cold(&theta).unwrap();
    // 8 lanes x 30 x 150 doubles a step: more steps than are kept.
    let steps = 500;
    let whole = hypergradient((&lower, &upper), &theta, start.clone(), steps, false, &context()).unwrap();
    let (state, w) = forward(&lower, &theta, start, steps).unwrap();
    assert!((whole.value - upper.loss.value(&w)).abs() < 1e-11 * whole.value);
    assert_eq!(whole.state.v.values(), state.v.values());
    let short = hypergradient((&lower, &upper), &theta, State::cold(&theta).unwrap(), steps, true, &context()).unwrap();
    assert_ne!(short.gradient, whole.gradient, "the shortcut is another number");
}

#[test]
fn a_warm_restart_with_shares_that_stay_is_the_long_pass() {
    let Split { lower, upper } = split(5, 7, 4, 0.5, 0.1);
    let theta = Theta::new(&dirichlet((3, 7), &Seed::of(&"shares")), 5);
    let mut state = State::cold(&theta).unwrap();
    for _ in 0..30 {
        state = hypergradient((&lower, &upper), &theta, state, 1, false, &context()).unwrap().state;
    }
    let (long, _) = forward(&lower, &theta, State::cold(&theta).unwrap(), 30).unwrap();
    assert_eq!(state.v.values(), long.v.values());
}

#[test]
fn permuted_tasks_and_groups_permute_the_gradient() {
    let (p, m) = (6, 5);
    let (train, valid) = (data(p, m, 4, "train"), data(p, m, 4, "valid"));
    let shares = dirichlet((3, m), &Seed::of(&"shares"));
    let gradient = |tasks: &[usize], groups: &[usize]| {
        let problem = Problem::new(train.subset(tasks), Some(valid.subset(tasks)));
        let Split { lower, upper } = Source::new(&problem, strengths(0.5, 0.1), Seed::of(&0)).fixed().unwrap();
        let theta = Theta::new(&shares.select(Axis(1), tasks).select(Axis(0), groups), p);
        let start = State::cold(&theta).unwrap();
        hypergradient((&lower, &upper), &theta, start, 20, false, &context()).unwrap().gradient
    };
    let (tasks, groups) = ([3, 0, 4, 1, 2], [2, 0, 1]);
    let plain = gradient(&[0, 1, 2, 3, 4], &[0, 1, 2]);
    close(&gradient(&tasks, &groups), &plain.select(Axis(1), &tasks).select(Axis(0), &groups), 1e-12);
}

#[test]
fn equal_shares_stay_equal() {
    let (p, m) = (6, 5);
    let Split { lower, upper } = split(p, m, 4, 0.5, 0.1);
    let shares = Array2::from_elem((3, m), 1.0 / 3.0);
    let theta = Theta::new(&shares, p);
    let start = State::cold(&theta).unwrap();
    let gradient = hypergradient((&lower, &upper), &theta, start, 50, false, &context()).unwrap().gradient;
    assert!(norm(&gradient) > 1e-3);
    for l in 1..3 {
        assert_eq!(gradient.row(l), gradient.row(0), "groups that are alike stay so");
    }
    let mut moved = &shares - &(gradient * 10.0);
    project_columns(&mut moved);
    close(&moved, &shares, 1e-12);
}

#[test]
fn what_has_no_share_stays_zero() {
    let (p, m) = (6, 5);
    let Split { lower, .. } = split(p, m, 4, 0.5, 0.1);
    let mut shares = dirichlet((3, m), &Seed::of(&"shares"));
    shares.row_mut(1).fill(0.0);
    shares[[2, 3]] = 0.0;
    let theta = Theta::new(&shares, p);
    let (state, _) = forward(&lower, &theta, State::cold(&theta).unwrap(), 100).unwrap();
    for matrices in [theta.matrices(&state.u), theta.matrices(&state.v)] {
        assert_eq!(norm(&matrices[1]), 0.0);
        assert!(matrices[2].column(3).iter().all(|v| *v == 0.0));
        assert!(norm(&matrices[0]) > 0.0);
    }
}

fn exactly(lower: &Lower, shares: &Array2<f64>) -> exact::Exact {
    let stopping = Stopping { rule: StopRule::Certificate, tolerance: 1e-12, max_iterations: 100_000 };
    exact::solve(lower, shares, stopping, &context()).unwrap()
}

#[test]
fn equal_shares_and_one_group_are_the_trace_norm() {
    let (p, m, lambda, eps) = (6, 5, 0.7, 0.1);
    let problem = problem(p, m, 8);
    let lower = strengths(lambda, eps).lower(&problem.train).unwrap();
    let equal = exactly(&lower, &Array2::from_elem((4, m), 0.25));
    let mut single = Array2::zeros((4, m));
    single.row_mut(2).fill(1.0);
    let single = exactly(&lower, &single);
    assert!(equal.convergence.converged && single.convergence.converged);
    close(&equal.weights, &single.weights, 1e-5);
    let entry = crate::method("trace-norm").unwrap();
    let given = [("lambda", lambda), ("ridge", eps / 2.0), ("tol", 1e-12)];
    let given = given.map(|(name, value)| (name.to_owned(), crate::ParamValue::Number(value))).into();
    let point = ParamSet::new(&entry.params, &given).unwrap();
    let fitted = entry.fit_path(&problem, &[point], &context()).unwrap().remove(0);
    close(&single.weights.t().to_owned(), fitted.model.weights().unwrap(), 1e-5);
    assert!((single.value.total - fitted.objective.total).abs() < 1e-9 * single.value.total);
}

#[test]
fn no_grouping_costs_least() {
    for seed in 0..20 {
        let w = normal((6, 5), &format!("w {seed}"));
        let shares = dirichlet((4, 6), &Seed::of(&seed));
        let theta = Theta::new(&shares, 5);
        let sum: f64 = Spectral::of(&theta.scaled(1.0, &w), None).unwrap().nuclear_norm();
        let whole: f64 = crate::linalg::singular_values(&w).unwrap().sum();
        assert!(sum >= whole * (1.0 - 1e-9), "{sum} {whole}");
        let equal = Theta::new(&Array2::from_elem((4, 6), 0.25), 5);
        let same: f64 = Spectral::of(&equal.scaled(1.0, &w), None).unwrap().nuclear_norm();
        assert!((same - whole).abs() < 1e-7 * whole);
    }
}

#[test]
fn the_dual_climbs_to_the_optimum_as_fast_as_the_theorem_says() {
    let (p, m, eps, lambda) = (6, 5, 0.2, 0.5);
    let Split { lower, .. } = split(p, m, 4, lambda, eps);
    let shares = dirichlet((3, m), &Seed::of(&"shares"));
    let theta = Theta::new(&shares, p);
    let best = exactly(&lower, &shares);
    let mut state = State::cold(&theta).unwrap();
    let (mut before, mut done) = (f64::NEG_INFINITY, 0);
    // D(U*, 0) for the dual optimum, from steps without end.
    let (end, _) = forward(&lower, &theta, State::cold(&theta).unwrap(), 60_000).unwrap();
    let distance: f64 = theta
        .matrices(&end.u)
        .iter()
        .flat_map(|u| crate::linalg::singular_values(u).unwrap().to_vec())
        .map(|s| lambda - (lambda * lambda - s * s).max(0.0).sqrt())
        .sum();
    for steps in [1, 10, 100, 1000, 20_000] {
        let w;
        (state, w) = forward(&lower, &theta, state, steps - done).unwrap();
        done = steps;
        let dual = lower.dual(&theta, &state.u);
        assert!(dual >= before - 1e-12);
        before = dual;
        let (_, gap) = exact::certify(&lower, &theta, &w, &state.u).unwrap();
        assert!(gap >= -1e-12);
        let off = 0.5 * norm(&(&w - &best.weights)).powi(2);
        assert!(off <= 2.0 * lambda / (eps * eps * steps as f64) * distance, "{off} after {steps}");
    }
    assert!((best.value.total - before) / best.value.total < 1e-4);
    assert!(step_size(&lower) <= eps / (2.0 * lambda));
}

fn fitted(problem: &Problem, given: &[(&str, crate::ParamValue)]) -> Fitted {
    let entry = crate::method("bigmtl").unwrap();
    let given = given.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    let point = ParamSet::new(&entry.params, &given).unwrap();
    entry.fit_path(problem, &[point], &context()).unwrap().remove(0)
}

#[test]
fn every_variant_ends_with_certified_weights() {
    use crate::ParamValue::{Choice, Count, Number};
    let problem = problem(5, 6, 6);
    for (variant, steps) in [("cv", 30), ("mccv", 30), ("cv-wr", 800), ("mccv-wr", 1500), ("mccv-wr-literal", 800)] {
        let given = [
            ("variant", Choice(variant.into())),
            ("steps", Count(steps)),
            ("inner", Count(if variant.contains("wr") { 1 } else { 100 })),
            ("lambda", Number(0.3)),
            ("eps", Number(0.05)),
            ("n_groups", Count(3)),
        ];
        let fit = fitted(&problem, &given);
        assert_eq!(fit.trace.len(), fit.convergence.iterations);
        let shares = fit.shares.clone().unwrap();
        assert!(shares.sum_axis(Axis(0)).iter().all(|s| (s - 1.0).abs() < 1e-12));
        assert!(fit.convergence.residual <= 1e-8, "{variant}: {:e}", fit.convergence.residual);
        if variant == "cv" {
            let (first, last) = (fit.trace[0], fit.trace[fit.trace.len() - 1]);
            assert!(last < first, "{first} {last}");
        }
        assert_eq!(fitted(&problem, &given).shares, fit.shares, "the same seed");
    }
}

#[test]
fn a_pool_of_one_is_one_split() {
    use crate::ParamValue::{Choice, Count, Number};
    // Without validation rows both take the same halves of the training rows.
    let problem = Problem::new(data(5, 6, 12, "train"), None);
    let run = |variant: &str| {
        let given = [
            ("variant", Choice(variant.into())),
            ("pool", Count(1)),
            ("steps", Count(200)),
            ("eps", Number(0.05)),
            ("n_groups", Count(3)),
        ];
        fitted(&problem, &given)
    };
    let (pool, split) = (run("mccv-wr"), run("cv-wr"));
    assert_eq!(pool.shares, split.shares);
    assert_eq!(pool.traces, split.traces);
}

#[test]
fn alternation_ends_near_no_grouping() {
    use crate::ParamValue::{Count, Number};
    let problem = problem(5, 6, 6);
    let (lambda, eps) = (0.5, 0.1);
    let fit = |method: &str, given: &[(&str, crate::ParamValue)]| {
        let entry = crate::method(method).unwrap();
        let given = given.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let point = ParamSet::new(&entry.params, &given).unwrap();
        entry.fit_path(&problem, &[point], &context()).unwrap().remove(0)
    };
    let whole = fit("trace-norm", &[("lambda", Number(lambda)), ("ridge", Number(eps / 2.0)), ("tol", Number(1e-9))]);
    for inner in [1, 10, 100] {
        let given = [("lambda", Number(lambda)), ("eps", Number(eps)), ("inner", Count(inner)), ("n_groups", Count(3))];
        let alternate = fit("alternate", &given);
        // No shares cost less than none; the shares of the start cost more than those of the end.
        let (found, least) = (alternate.objective.total, whole.objective.total);
        assert!(found >= least * (1.0 - 1e-7) && found <= least * 1.05, "inner {inner}: {found} {least}");
        assert!(alternate.shares.unwrap().sum_axis(Axis(0)).iter().all(|s| (s - 1.0).abs() < 1e-12));
    }
}
