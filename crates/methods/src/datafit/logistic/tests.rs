//! Derivatives against differences, duality against its definition.

use super::*;
use crate::linalg::Spectrum;
use mtl_core::Target;
use ndarray::array;

fn data() -> MultiTask {
    let shared = Arc::new(array![[1.0, -2.0], [0.5, 1.0], [-1.0, 0.3], [2.0, 2.0], [0.1, -0.4]]);
    let task = |name: &str, x: &Arc<Array2<f64>>, y| Task { name: name.into(), x: Arc::clone(x), y };
    let own = Arc::new(array![[1.0, 0.0], [2.0, -1.0], [-3.0, 1.0]]);
    MultiTask::new(
        vec!["a".into(), "b".into()],
        Target::Binary,
        vec![
            task("first", &shared, array![1.0, -1.0, 1.0, 1.0, -1.0]),
            task("own", &own, array![1.0, 1.0, -1.0]),
            task("second", &shared, array![-1.0, -1.0, 1.0, -1.0, -1.0]),
        ],
    )
    .unwrap()
}

/// From the formula, with given intercepts.
fn direct(data: &MultiTask, w: &Array2<f64>, b: &Array1<f64>, scale: LossScale) -> f64 {
    let of_task = |t: usize, task: &Task| {
        let losses = task
            .x
            .dot(&w.column(t))
            .iter()
            .zip(&task.y)
            .map(|(f, y)| (1.0 + (-y * (f + b[t])).exp()).ln())
            .sum::<f64>();
        scale.factor(task.n(), data.n_tasks()) * losses
    };
    data.tasks.iter().enumerate().map(|(t, task)| of_task(t, task)).sum()
}

const SCALES: [LossScale; 4] = [LossScale::HalfSum, LossScale::HalfMean, LossScale::MeanOverTasks, LossScale::Sum];

#[test]
fn derivatives_are_those_of_the_value() {
    let data = data();
    let w = array![[0.3, -1.0, 0.2], [2.0, 0.4, -0.7]];
    for (scale, intercept) in SCALES.into_iter().flat_map(|s| [(s, false), (s, true)]) {
        let loss = Logistic::new(&data, scale, intercept).unwrap();
        let point = loss.at(&w);
        assert!((point.value - direct(&data, &w, &point.intercepts, scale)).abs() < 1e-12);
        assert!((point.value - loss.value(&w)).abs() < 1e-12);
        assert!(intercept || point.intercepts == array![0.0, 0.0, 0.0]);
        let local = loss.local(&point);
        for t in 0..3 {
            let expansion = loss.expand(t, w.column(t));
            assert!((&expansion.gradient - &point.gradient.column(t)).iter().all(|d| d.abs() < 1e-14));
            assert_eq!(expansion.intercept, point.intercepts[t]);
            let model = &expansion.hessian - &local.moments.gram[t].to_full();
            assert!(model.iter().all(|d| d.abs() < 1e-12), "the local model has the Hessian");
            let slope = expansion.hessian.dot(&w.column(t)) - local.moments.xty.column(t);
            assert!((slope - &expansion.gradient).iter().all(|d| d.abs() < 1e-12), "and the gradient");
            for j in 0..2 {
                let moved = |step: f64| {
                    let mut w = w.column(t).to_owned();
                    w[j] += step;
                    w
                };
                let h = 1e-5;
                let values = loss.task_value(t, moved(h).view()) - loss.task_value(t, moved(-h).view());
                assert!((values / (2.0 * h) - expansion.gradient[j]).abs() < 1e-9);
                let gradients = loss.expand(t, moved(h).view()).gradient - loss.expand(t, moved(-h).view()).gradient;
                let difference = gradients / (2.0 * h) - expansion.hessian.column(j);
                assert!(difference.iter().all(|d| d.abs() < 1e-8));
            }
        }
    }
}

#[test]
fn no_intercept_is_better_than_the_best() {
    let data = data();
    let w = array![[0.3, -1.0, 0.2], [2.0, 0.4, -0.7]];
    let point = Logistic::new(&data, LossScale::HalfMean, true).unwrap().at(&w);
    for t in 0..3 {
        for step in [-1.0, -1e-3, 1e-3, 1.0] {
            let mut b = point.intercepts.clone();
            b[t] += step;
            assert!(direct(&data, &w, &b, LossScale::HalfMean) > point.value);
        }
    }
}

#[test]
fn labels_of_one_kind_and_extreme_weights_are_harmless() {
    let mut data = data();
    data.tasks[1].y = array![1.0, 1.0, 1.0];
    let loss = Logistic::new(&data, LossScale::HalfSum, true).unwrap();
    for size in [0.0, 1.0, 1e3, 1e6] {
        let w = Array2::from_elem((2, 3), size);
        let point = loss.at(&w);
        assert!(point.value.is_finite() && point.gradient.iter().all(|g| g.is_finite()));
        assert!(loss.task_value(1, w.column(1)) < 1e-15);
        assert!(loss.divergence(&point, 0.5).is_finite() && loss.divergence(&point, 0.0).is_finite());
    }
    data.tasks[0].y[1] = 0.0;
    let error = Logistic::new(&data, LossScale::HalfSum, true).unwrap_err();
    assert_eq!(error.to_string(), "task `first`: a binary label is -1 or +1, not 0");
}

#[test]
fn divergence_is_fenchels() {
    let data = data();
    let w = array![[0.3, -1.0, 0.2], [2.0, 0.4, -0.7]];
    for intercept in [false, true] {
        let loss = Logistic::new(&data, LossScale::HalfMean, intercept).unwrap();
        let point = loss.at(&w);
        for scale in [1.0, 0.999, 0.5, 0.0_f64] {
            // L*(-Y) = -sum c H(s) at Y = c X'(y s).
            let entropy = |s: f64| if s <= 0.0 || s >= 1.0 { 0.0 } else { -s * s.ln() - (1.0 - s) * (1.0 - s).ln() };
            let mut conjugate = 0.0;
            for (t, task) in data.tasks.iter().enumerate() {
                let f = task.x.dot(&w.column(t)) + point.intercepts[t];
                conjugate -=
                    loss.factor(t) * f.iter().zip(&task.y).map(|(f, y)| entropy(scale * sigmoid(-y * f))).sum::<f64>();
            }
            let expected = point.value + conjugate - scale * (&w * &point.gradient).sum();
            assert!((loss.divergence(&point, scale) - expected).abs() < 1e-12, "{scale} {intercept}");
        }
    }
}

#[test]
fn changed_probabilities_are_dual_points() {
    let data = data();
    let w = array![[0.3, -1.0, 0.2], [2.0, 0.4, -0.7]];
    for intercept in [false, true] {
        let loss = Logistic::new(&data, LossScale::HalfMean, intercept).unwrap();
        let point = loss.at(&w);
        let unchanged: Vec<_> = point.predictors.iter().map(|f| Array1::zeros(f.len())).collect();
        for scale in [0.9, 0.3] {
            assert!((loss.entropy(&point, &unchanged, scale) - loss.divergence(&point, scale)).abs() < 1e-14);
        }
        for size in [1e-1, 1e-5] {
            let step = array![[1.0, 0.3, -0.5], [-0.2, 0.4, 0.1]] * size;
            let (changes, dual) = loss.dual_at(&point, &step).unwrap();
            for (t, changes) in changes.iter().enumerate() {
                let hessian = loss.expand(t, w.column(t)).hessian;
                let moved = &dual.column(t) + &point.gradient.column(t) - hessian.dot(&step.column(t));
                assert!(moved.iter().all(|d| d.abs() < 1e-15));
                assert!(!intercept || (changes * &data.tasks[t].y).sum().abs() < 1e-16);
            }
            // To second order the entropy is the quadratic form of the Hessian.
            let form: f64 =
                (0..3).map(|t| step.column(t).dot(&loss.expand(t, w.column(t)).hessian.dot(&step.column(t)))).sum();
            let entropy = loss.entropy(&point, &changes, 1.0);
            assert!((entropy - form / 2.0).abs() < size * form, "{entropy} {form}");
        }
    }
}

#[test]
fn the_bound_on_the_curvature_holds() {
    let data = data();
    let centred = crate::datafit::Centred::of(&data, || unreachable!("the data are not centred"));
    for (intercept, statistics) in [(false, Arc::new(Statistics::new(Moments::of(&data)))), (true, centred.statistics)]
    {
        let loss = Logistic::new(&data, LossScale::HalfSum, intercept).unwrap();
        let bound = loss.lipschitz(&statistics).unwrap();
        for size in [0.0, 0.1, 1.0] {
            let w = array![[0.3, -1.0], [2.0, 0.4]] * size;
            for t in 0..2 {
                let hessian = loss.expand(t, w.column(t)).hessian;
                assert!(Spectrum::of(&hessian).unwrap().largest() <= bound * (1.0 + 1e-12));
            }
        }
    }
}
