//! Multi-task Wasserstein: the doc example of mutar, its lasso limit and optimality conditions from the rows.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::sync::Arc;

use common::{fit, largest, named, num, random, tight, weights};
use mtl_core::Task;
use mtl_methods::ParamValue;
use ndarray::{Array2, Axis, array};

/// Spec 5.3: the doc example, printed with four digits where mutar's tolerance of 1e-4 stopped.
#[test]
fn the_doc_example() {
    let coef = array![[1.0, 1.0], [0.0, -1.0]];
    let inputs = [array![[3.0, 1.0], [2.0, 0.0], [1.0, 0.0]], array![[0.0, 2.0], [-1.0, 3.0], [1.0, -2.0]]];
    let task =
        |(t, x): (usize, Array2<f64>)| Task { name: t.to_string(), y: x.dot(&coef.column(t)) + 0.1, x: Arc::new(x) };
    let data = named(2, inputs.into_iter().enumerate().map(task).collect());
    let fitted = tight("mtw", &data, &[("alpha", num(1.0)), ("beta", num(1.0))]);
    let expected = array![[0.2873, 0.4917], [0.0488, -0.9332]];
    assert!(largest(&(weights(&fitted) - &expected)) < 1e-3, "{}", weights(&fitted));
    let barycentre = fitted.components[2].1.column(0).to_owned();
    assert!((&barycentre - &array![0.1063, -0.1331]).iter().all(|d| d.abs() < 1e-3), "{barycentre}");
}

/// Without transport it is the lasso (of the centred data, in their scale).
#[test]
fn without_transport_it_is_the_lasso() {
    let data = random(20, 6, 3, 1);
    let centred = data.map(|_, x| x - &x.mean_axis(Axis(0)).unwrap(), |_, y| y - y.mean().unwrap());
    for beta in [0.02, 0.3, 2.0] {
        let own = tight("mtw", &data, &[("alpha", num(0.0)), ("beta", num(beta))]);
        let lasso = tight("lasso", &centred, &[("gamma", num(beta)), ("loss_scale", common::named_value("half-mean"))]);
        assert!(largest(&(weights(&own) - weights(&lasso))) < 1e-4, "beta {beta}");
        assert!((own.objective.total - lasso.objective.total).abs() < 1e-7 * lasso.objective.total);
    }
}

/// Transport marginals of weights `theta` by plain Sinkhorn iterations to the very end.
fn marginals(theta: &Array2<f64>) -> Array2<f64> {
    let (p, m) = theta.dim();
    // Five features: the median of (i - j)^2 is 1.
    let cost = Array2::from_shape_fn((p, p), |(i, j)| (i as f64 - j as f64).powi(2));
    let (epsilon, gamma) = (5.0 / p as f64, -16.0 / (2.0 * 0.8_f64.ln()));
    let kernel = cost.mapv(|c| (-c / epsilon).exp());
    let power = gamma / (gamma + epsilon);
    let mut b: Array2<f64> = Array2::ones((p, m));
    let mut a = b.clone();
    for _ in 0..20_000 {
        a = (theta / &kernel.dot(&b)).mapv(|v| v.powf(power));
        let sent = kernel.dot(&a);
        let q = sent.mapv(|s| s.powf(1.0 - power)).mean_axis(Axis(1)).unwrap().mapv(|v| v.powf(1.0 / (1.0 - power)));
        b = (q.insert_axis(Axis(1)) / &sent).mapv(|v| v.powf(power));
    }
    a * kernel.dot(&b)
}

/// Both parts satisfy `A (1 - m / theta) + beta = slope` with the slope from the rows, `A = alpha gamma` and the
/// marginals `m` of another Sinkhorn iteration.
#[test]
fn the_parts_satisfy_their_conditions() {
    let data = random(15, 5, 4, 2);
    let (alpha, beta) = (0.02, 0.1);
    let fitted = tight("mtw", &data, &[("alpha", num(alpha)), ("beta", num(beta))]);
    let parts: Vec<&Array2<f64>> = fitted.components[..2].iter().map(|(_, w)| w).collect();
    assert!(parts.iter().all(|part| part.iter().all(|v| *v > 0.0)), "the transport keeps all weights off zero");
    assert_eq!(largest(&(parts[0] - parts[1] - weights(&fitted))), 0.0);
    let a = alpha * -16.0 / (2.0 * 0.8_f64.ln());
    let intercepts = common::intercepts(&fitted);
    for (part, sign) in parts.iter().zip([1.0, -1.0]) {
        let mass = marginals(part);
        for (t, task) in data.tasks.iter().enumerate() {
            let residual = &task.y - &task.x.dot(&weights(&fitted).column(t)) - intercepts[t];
            let slope = task.x.t().dot(&residual) / task.n() as f64 * sign;
            for j in 0..5 {
                let (theta, m) = (part[[j, t]], mass[[j, t]]);
                // Times theta, so that weights near zero count as they should.
                let violation = theta * (a + beta - slope[j]) - a * m;
                assert!(violation.abs() < 1e-5, "{j} {t} {sign}: {violation:e}");
            }
        }
    }
}

/// A constant feature, more features than rows, and one feature alone.
#[test]
fn degenerate_designs() {
    let wide = random(6, 14, 3, 3);
    let constant = wide.map(
        |_, x| {
            let mut x = x.clone();
            x.column_mut(2).fill(1.0);
            x
        },
        |_, y| y.clone(),
    );
    for data in [&constant, &random(10, 1, 3, 4)] {
        let fitted =
            fit("mtw", data, &[("alpha", num(0.1)), ("beta", num(0.05)), ("max_iter", ParamValue::Count(5000))]);
        assert!(fitted.convergence.converged, "{:?}", fitted.convergence);
        assert!(weights(&fitted).iter().all(|w| w.is_finite()));
    }
}
