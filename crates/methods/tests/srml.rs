//! SRML and its strict version against enumeration, each other and the conditions of SRML's spec, sections 3, 4 and 11.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::sync::Arc;

use common::{fit, largest, named, named_value, num, weights};
use mtl_core::{MultiTask, Seed, Target, Task};
use mtl_methods::solver::ResidualKind;
use mtl_methods::{FitError, Fitted, ParamValue, Problem, method};
use ndarray::{Array1, Array2, s};
use proptest::prelude::*;
use rand_distr::{Distribution, StandardNormal};

type Given = (&'static str, ParamValue);

fn count(v: u64) -> ParamValue {
    ParamValue::Count(v)
}

/// Correlated features, weights of independent signs, noise: neighbours disagree half of the time.
fn discordant(n: usize, p: usize, m: usize, key: u64) -> MultiTask {
    let mut rng = Seed::of(&("srml", n, p, m, key)).rng();
    let mut normal = || -> f64 { StandardNormal.sample(&mut rng) };
    let tasks = (0..m)
        .map(|t| {
            let common = Array1::from_shape_fn(n, |_| normal());
            let x = Array2::from_shape_fn((n, p), |(i, _)| 0.8 * common[i] + normal());
            let w = Array1::from_shape_fn(p, |_| normal());
            let y = x.dot(&w) + Array1::from_shape_fn(n, |_| 0.5 * normal());
            Task { name: t.to_string(), x: Arc::new(x), y }
        })
        .collect();
    named(p, tasks)
}

/// The same with the signs of the targets as labels.
fn labelled(data: &MultiTask) -> MultiTask {
    let mut data = data.map(|_, x| x.clone(), |_, y| y.mapv(f64::signum));
    data.target = Target::Binary;
    data
}

/// `c_t X_t'X_t` and `c_t X_t'y_t` with `c_t = 1/n_t`.
fn moments(task: &Task) -> (Array2<f64>, Array1<f64>) {
    let n = task.n() as f64;
    (task.x.t().dot(&*task.x) / n, task.x.t().dot(&task.y) / n)
}

/// `F` from the rows.
fn objective(data: &MultiTask, w: &Array2<f64>, [l1, l2, c]: [f64; 3]) -> f64 {
    let loss = |(t, task): (usize, &Task)| {
        let f = task.x.dot(&w.column(t));
        let each = |(y, f): (&f64, &f64)| match data.target {
            Target::Regression | Target::Classes(_) => (y - f) * (y - f) / 2.0,
            Target::Binary => (1.0 + (-y * f).exp()).ln(),
        };
        task.y.iter().zip(&f).map(each).sum::<f64>() / task.n() as f64
    };
    let hinge =
        |u: ndarray::ArrayView1<'_, f64>| u.windows(2).into_iter().map(|v| (-v[0] * v[1]).max(0.0)).sum::<f64>();
    data.tasks.iter().enumerate().map(loss).sum::<f64>()
        + w.iter().map(|v| l2 * v * v + l1 * v.abs()).sum::<f64>()
        + c * w.rows().into_iter().map(hinge).sum::<f64>()
}

/// Spec 3.6 from the rows: the largest violation of a coordinate's condition.
fn violation(data: &MultiTask, w: &Array2<f64>, [l1, l2, c]: [f64; 3]) -> f64 {
    let m = w.ncols();
    let mut worst = 0.0_f64;
    for (t, task) in data.tasks.iter().enumerate() {
        let f = task.x.dot(&w.column(t));
        let slope = |(y, f): (&f64, &f64)| match data.target {
            Target::Regression | Target::Classes(_) => f - y,
            Target::Binary => -y / (1.0 + (y * f).exp()),
        };
        let slopes = Array1::from_iter(task.y.iter().zip(&f).map(slope));
        let gradient = task.x.t().dot(&slopes) / task.n() as f64 + &w.column(t) * (2.0 * l2);
        for (j, g) in gradient.iter().enumerate() {
            let around = [t.checked_sub(1), Some(t + 1).filter(|&s| s < m)];
            let near = || around.iter().flatten().map(|&s| w[[j, s]]);
            let (positive, negative): (f64, f64) =
                (near().map(|v| v.max(0.0)).sum(), near().map(|v| (-v).max(0.0)).sum());
            let (up, down) = (l1 + c * negative, l1 + c * positive);
            let v = w[[j, t]];
            worst = worst.max(if v > 0.0 {
                (g + up).abs()
            } else if v < 0.0 {
                (g - down).abs()
            } else {
                (-g - up).max(g - down).max(0.0)
            });
        }
    }
    worst
}

fn strengths([l1, l2, c]: [f64; 3]) -> Vec<Given> {
    vec![("l1", num(l1)), ("l2", num(l2)), ("c", num(c))]
}

fn srml(data: &MultiTask, at: [f64; 3], more: &[Given]) -> Fitted {
    fit("srml", data, &[&strengths(at)[..], more].concat())
}

fn ssml(data: &MultiTask, [l1, l2, _]: [f64; 3]) -> Fitted {
    fit("ssml", data, &[("l1", num(l1)), ("l2", num(l2))])
}

/// Solves by elimination; none unless the matrix is positive definite.
fn definite(mut a: Array2<f64>, mut b: Array1<f64>) -> Option<Array1<f64>> {
    let n = b.len();
    for i in 0..n {
        if a[[i, i]] <= 1e-12 {
            return None;
        }
        for k in i + 1..n {
            let ratio = a[[k, i]] / a[[i, i]];
            let row = a.slice(s![i, ..]).to_owned();
            a.slice_mut(s![k, ..]).scaled_add(-ratio, &row);
            b[k] -= ratio * b[i];
        }
    }
    for i in (0..n).rev() {
        b[i] = (b[i] - (i + 1..n).map(|j| a[[i, j]] * b[j]).sum::<f64>()) / a[[i, i]];
    }
    Some(b)
}

/// The global minimum by brute force: on each pattern of signs and zeros `F` is quadratic, and a minimum lies where some
/// pattern's is definite with its stationary point inside.
fn enumerated(data: &MultiTask, [l1, l2, c]: [f64; 3]) -> f64 {
    let (p, m) = (data.n_features(), data.n_tasks());
    let tasks: Vec<_> = data.tasks.iter().map(moments).collect();
    let at_zero: f64 = data.tasks.iter().map(|t| t.y.dot(&t.y) / (2.0 * t.n() as f64)).sum();
    let mut least = f64::INFINITY;
    for code in 0..3_usize.pow((p * m) as u32) {
        let signs: Vec<f64> = (0..p * m).map(|i| (code / 3_usize.pow(i as u32) % 3) as f64 - 1.0).collect();
        let on: Vec<(usize, usize)> = (0..p * m).filter(|&i| signs[i] != 0.0).map(|i| (i % p, i / p)).collect();
        let sign = |(j, t): (usize, usize)| signs[t * p + j];
        let opposite =
            |a: (usize, usize), b: (usize, usize)| a.0 == b.0 && a.1.abs_diff(b.1) == 1 && sign(a) * sign(b) < 0.0;
        if c.is_infinite() && on.iter().any(|&a| on.iter().any(|&b| opposite(a, b))) {
            continue;
        }
        let a = Array2::from_shape_fn((on.len(), on.len()), |(r, s)| {
            let (r, s) = (on[r], on[s]);
            let same = if r.1 == s.1 { tasks[r.1].0[[r.0, s.0]] } else { 0.0 };
            same + if r == s { 2.0 * l2 } else { 0.0 } - if opposite(r, s) { c } else { 0.0 }
        });
        let b = Array1::from_iter(on.iter().map(|&(j, t)| tasks[t].1[j] - l1 * sign((j, t))));
        let Some(w) = definite(a, b.clone()) else { continue };
        if w.iter().zip(&on).all(|(w, &i)| w * sign(i) >= 0.0) {
            least = least.min(at_zero - w.dot(&b) / 2.0);
        }
    }
    least
}

/// As small as can be enumerated, the default finds the global minimum; so does the strict version, whose objective
/// bounds that of every coupling from above. And the global minimum rises with the coupling.
#[test]
fn tiny_problems_are_solved_globally() {
    for (m, p, keys) in [(3, 1, 40), (2, 2, 60), (3, 2, 40)] {
        for key in 0..keys {
            let data = discordant(8, p, m, key);
            for [l1, l2] in [[0.0, 0.01], [0.05, 0.1]] {
                let strict = enumerated(&data, [l1, l2, f64::INFINITY]);
                let mut before = 0.0;
                for c in [0.0, 0.1, 0.5, 2.0, 100.0] {
                    let at = [l1, l2, c];
                    let (least, found) = (enumerated(&data, at), srml(&data, at, &[]));
                    assert!(found.convergence.converged && found.convergence.rule == ResidualKind::Stationarity);
                    let total = found.objective.total;
                    assert!((total - least).abs() < 1e-9 * least, "{m} {p} {key} {at:?}: {total} {least}");
                    assert!((total - objective(&data, weights(&found), at)).abs() < 1e-10);
                    assert!(total >= before - 1e-10 && total <= strict + 1e-10);
                    before = total;
                }
                let found = ssml(&data, [l1, l2, 0.0]);
                assert!((found.objective.total - strict).abs() < 1e-9 * strict, "{m} {p} {key}");
                assert!(
                    weights(&found).rows().into_iter().all(|u| u.windows(2).into_iter().all(|v| v[0] * v[1] >= 0.0))
                );
            }
        }
    }
}

/// Claim c23: whatever the size, loss and strengths, nothing can be gained by moving a coordinate; and never is the
/// result worse than what descends or alternates from the authors' all-positive start.
#[test]
fn stationary_and_never_worse_than_the_authors_start() {
    for (n, p, m, key) in [(30, 10, 6, 1), (12, 20, 5, 2), (40, 15, 12, 3)] {
        let regression = discordant(n, p, m, key);
        for data in [labelled(&regression), regression] {
            for at in [[0.0, 0.05, 0.02], [0.01, 0.01, 0.5], [0.0, 0.1, 20.0]] {
                let found = srml(&data, at, &[]);
                assert!(found.convergence.converged, "{at:?}: {:?}", found.convergence);
                let scale = violation(&data, &Array2::zeros((p, m)), [0.0; 3]);
                assert!(violation(&data, weights(&found), at) < 1.01e-8 * scale, "{at:?}");
                let total = found.objective.total;
                assert!((total - objective(&data, weights(&found), at)).abs() < 1e-9 * total);
                for solver in ["bcd", "admm"] {
                    let more =
                        [("solver", named_value(solver)), ("start", named_value("random")), ("max_iter", count(500))];
                    let other = srml(&data, at, &more);
                    assert!(total <= other.objective.total * (1.0 + 1e-7), "{at:?} {solver}");
                }
            }
        }
    }
}

/// Without coupling it is ridge or the lasso, task by task.
#[test]
fn no_coupling_is_ridge_or_lasso() {
    let data = discordant(25, 7, 4, 4);
    for (l1, l2) in [(0.0, 0.3), (0.0, 1e-4), (0.2, 0.0)] {
        for solver in ["auto", "bcd", "admm"] {
            let found = srml(&data, [l1, l2, 0.0], &[("solver", named_value(solver)), ("tol", num(1e-11))]);
            if l1 == 0.0 {
                for (t, task) in data.tasks.iter().enumerate() {
                    let (gram, b) = moments(task);
                    let ridge = definite(gram + Array2::<f64>::eye(7) * (2.0 * l2), b).unwrap();
                    let apart = (&weights(&found).column(t) - &ridge).iter().fold(0.0_f64, |m, v| m.max(v.abs()));
                    assert!(apart < 1e-8, "{solver} {l2}: {apart:e}");
                }
            } else {
                let given = [("gamma", num(l1)), ("loss_scale", named_value("half-mean")), ("tol", num(1e-12))];
                let lasso = fit("lasso", &data, &given);
                assert!(largest(&(weights(&found) - weights(&lasso))) < 1e-6, "{solver}");
            }
        }
    }
}

/// Huge coupling: no neighbours disagree, and nothing beats the strict version, of which it is the limit. Where the ridge
/// solutions agree already, no coupling changes anything.
#[test]
fn the_ends_of_the_coupling() {
    let data = discordant(30, 8, 6, 5);
    let at = [0.0, 0.05, 1e6];
    let (huge, strict) = (srml(&data, at, &[]), ssml(&data, at));
    assert!(weights(&huge).rows().into_iter().all(|u| u.windows(2).into_iter().all(|v| v[0] * v[1] >= 0.0)));
    // Both searches may end in different valleys, but in none that the other's feasible point excludes.
    assert!((huge.objective.total - strict.objective.total).abs() < 1e-3 * strict.objective.total);
    let agreeing = data.map(|_, x| x.clone(), |_, y| y.clone());
    let truth = Array1::from_shape_fn(8, |j| if j % 2 == 0 { 2.0 } else { -1.5 });
    let tasks = agreeing.tasks.iter().map(|task| Task { y: task.x.dot(&truth) + &task.y * 0.01, ..task.clone() });
    let agreeing = named(8, tasks.collect());
    let ridge = srml(&agreeing, [0.0, 0.05, 0.0], &[]);
    for c in [1e-3, 1.0, 1e6] {
        let coupled = srml(&agreeing, [0.0, 0.05, c], &[]);
        assert!(largest(&(weights(&coupled) - weights(&ridge))) < 1e-7, "c {c}");
    }
}

/// Descent never goes uphill, and agrees with ADMM while the coupling is weak.
#[test]
fn descent_is_monotone_and_agrees_with_admm() {
    let regression = discordant(30, 8, 6, 6);
    for data in [labelled(&regression), regression] {
        for c in [1e-3, 0.05, 1.0, 30.0] {
            let at = [0.01, 0.05, c];
            let descent = srml(&data, at, &[("solver", named_value("bcd")), ("start", named_value("random"))]);
            assert!(descent.trace.windows(2).all(|f| f[1] <= f[0] + 1e-13 * f[0].abs()), "c {c}");
            if c < 0.1 {
                let admm = srml(&data, at, &[("solver", named_value("admm"))]);
                assert!(admm.convergence.converged, "{:?}", admm.convergence);
                assert!(largest(&(weights(&descent) - weights(&admm))) < 1e-6, "c {c}");
            }
        }
    }
}

/// Theorems 5.2 to 5.4 at `rho > 2 H`: residuals vanish, the augmented Lagrangian falls, `D` is the negative gradient at
/// the end, and the best squared step is `o(1/k)` (claims c22 to c24).
#[test]
fn admm_does_what_the_theory_says() {
    let regression = discordant(60, 10, 8, 7);
    for data in [labelled(&regression), regression] {
        let at = [0.0, 0.01, 0.1];
        let more = [("solver", named_value("admm")), ("tol", num(1e-8)), ("max_iter", count(20_000))];
        let fitted = srml(&data, at, &more);
        assert!(fitted.convergence.converged, "{:?}", fitted.convergence);
        let series = |name: &str| fitted.traces[name].clone();
        assert!(*series("primal-residual").last().unwrap() < 1e-6 && *series("dual-residual").last().unwrap() < 1e-5);
        let lagrangian = series("lagrangian");
        assert!(lagrangian[3..].windows(2).all(|f| f[1] <= f[0] + 1e-12), "the Lagrangian falls");
        assert!((lagrangian.last().unwrap() - fitted.objective.total).abs() < 1e-7);
        assert!(violation(&data, weights(&fitted), at) < 1e-7);
        let dual = &fitted.components[2].1;
        // The gradient of the loss and of the squared norm, by central differences of the smooth part.
        let smooth = [0.0, at[1], 0.0];
        for ((j, t), d) in dual.indexed_iter() {
            let (mut up, mut down) = (weights(&fitted).clone(), weights(&fitted).clone());
            up[[j, t]] += 1e-4;
            down[[j, t]] -= 1e-4;
            let gradient = (objective(&data, &up, smooth) - objective(&data, &down, smooth)) / 2e-4;
            assert!((d + gradient).abs() < 1e-6, "{j} {t}");
        }
        let mut least = f64::INFINITY;
        let decades: Vec<f64> = series("squared-step")
            .iter()
            .enumerate()
            .map(|(k, step)| {
                least = least.min(*step);
                (k + 1) as f64 * least
            })
            .collect();
        let first = decades[..10].iter().copied().fold(0.0, f64::max);
        let last = decades[decades.len() / 10 * 9..].iter().copied().fold(0.0, f64::max);
        assert!(last <= 1e-2 * first, "{last:e} {first:e}");
    }
}

/// Inexact steps of ADMM end where exact ones do.
#[test]
fn inexact_steps_agree() {
    let data = discordant(40, 6, 5, 8);
    let at = [0.01, 0.05, 0.05];
    let exact = srml(&data, at, &[("solver", named_value("admm"))]);
    for more in [("w_step", named_value("gradient")), ("u_step", named_value("sweep"))] {
        let other = srml(&data, at, &[("solver", named_value("admm")), more.clone(), ("max_iter", count(20_000))]);
        assert!(other.convergence.converged, "{more:?}: {:?}", other.convergence);
        assert!(largest(&(weights(&exact) - weights(&other))) < 1e-6, "{more:?}");
    }
}

/// The authors' loop descends, but not to the optimum, and learns no labels. A small step and a short one are no help.
#[test]
fn the_authors_loop() {
    let data = discordant(60, 5, 4, 9);
    let at = [0.01, 0.0, 0.01];
    let authors = [("solver", named_value("authors")), ("lr", num(0.05)), ("tol", num(1e-4)), ("max_iter", count(100))];
    let published = srml(&data, at, &authors);
    let best = srml(&data, at, &[]);
    assert_eq!(published.convergence.rule, ResidualKind::RelativeObjectiveChange);
    assert!(published.objective.total >= best.objective.total);
    assert!(published.objective.total < objective(&data, &Array2::zeros((5, 4)), at));
    let loose = srml(&data, at, &[("solver", named_value("authors")), ("tol", num(1e-4)), ("max_iter", count(5))]);
    assert!(loose.objective.total > published.objective.total);
    let labels = Problem::new(labelled(&data), None);
    let point = common::params("srml", &authors);
    let refused = method("srml").unwrap().fit_path(&labels, &[point], &mtl_methods::Context::new(Seed::of(&0)));
    assert!(matches!(refused, Err(FitError::NotApplicable(_))));
}

/// The authors' strict loop keeps the signs of its start; the exact version is at least as good on its own objective.
#[test]
fn the_strict_heuristic() {
    let data = discordant(40, 6, 5, 10);
    let heuristic = fit("ssml", &data, &[("mode", named_value("heuristic")), ("alpha", num(0.1)), ("rho", num(0.5))]);
    assert!(heuristic.convergence.converged, "{:?}", heuristic.convergence);
    let w = weights(&heuristic);
    assert!(w.rows().into_iter().all(|u| u.windows(2).into_iter().all(|v| v[0] * v[1] >= 0.0)));
    let at = [0.0, 0.05, 0.0];
    let exact = ssml(&data, at);
    assert!(exact.convergence.converged);
    assert!(objective(&data, weights(&exact), at) < objective(&data, w, at));
}

/// Logistic losses: stationary, feasible, and separable classes do no harm.
#[test]
fn labels_are_learned_strictly() {
    for (n, key) in [(60, 11), (6, 12)] {
        let data = labelled(&discordant(n, 5, 4, key));
        let fitted = ssml(&data, [0.0, 0.01, 0.0]);
        assert!(fitted.convergence.converged, "{:?}", fitted.convergence);
        assert!(weights(&fitted).rows().into_iter().all(|u| u.windows(2).into_iter().all(|v| v[0] * v[1] >= 0.0)));
    }
}

/// Alike tasks as neighbours disagree less; weights come back in the order of the file.
#[test]
fn the_order_of_the_chain() {
    let data = discordant(40, 6, 7, 13);
    let at = [0.0, 0.01, 0.3];
    let cost = |order: &str| srml(&data, at, &[("order", named_value(order))]).objective.total;
    assert!(cost("similarity") < cost("file"));
    let weak = [0.0, 0.01, 1e-9];
    let by_file = srml(&data, weak, &[]);
    for order in ["random", "similarity"] {
        let other = srml(&data, weak, &[("order", named_value(order))]);
        assert!(largest(&(weights(&by_file) - weights(&other))) < 1e-6, "{order}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    /// The minimum does not depend on how features are signed or ordered, on the unit of the targets, or on which
    /// end of the chain is first. (Couplings so weak that it is unique.)
    #[test]
    fn symmetries(key in 0_u64..1000, m in 1_usize..5, c in 0.0..0.03_f64) {
        let p = 4;
        let data = discordant(40, p, m, key);
        let at = [0.0, 0.05, c];
        let w = weights(&srml(&data, at, &[])).clone();
        let near = |a: &Array2<f64>, b: &Array2<f64>| largest(&(a - b)) < 1e-6 * largest(b).max(1.0);
        let mut flip = Array1::ones(p);
        flip[1] = -1.0;
        let flipped = data.map(|_, x| x * &flip, |_, y| y.clone());
        prop_assert!(near(weights(&srml(&flipped, at, &[])), &(&w * &flip.insert_axis(ndarray::Axis(1)))));
        let permuted = data.map(|_, x| x.select(ndarray::Axis(1), &[2, 0, 3, 1]), |_, y| y.clone());
        prop_assert!(near(weights(&srml(&permuted, at, &[])), &w.select(ndarray::Axis(0), &[2, 0, 3, 1])));
        let scaled = data.map(|_, x| x.clone(), |_, y| y * 100.0);
        prop_assert!(near(weights(&srml(&scaled, at, &[])), &(&w * 100.0)));
        let reversed = named(p, data.tasks.iter().rev().cloned().collect());
        prop_assert!(near(weights(&srml(&reversed, at, &[])), &w.slice(s![.., ..;-1]).to_owned()));
    }
}
