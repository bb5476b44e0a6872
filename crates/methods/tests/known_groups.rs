//! `clus-mtl` and the oracles: given groups they are group lassos, and the groups come from k-means.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::sync::Arc;

use common::{centred, fit, labelled, largest, named_value, num, params, random, tight, weights};
use mtl_core::{MultiTask, Seed, Truth};
use mtl_methods::{Context, FitError, ParamValue, Problem, method};
use ndarray::{Array2, Axis};
use proptest::prelude::*;

fn strength() -> impl Strategy<Value = f64> {
    (-1.5..1.5_f64).prop_map(|e| 10.0_f64.powf(e))
}

/// The same objective and, where it is strongly convex, nearly the same weights.
fn same(a: &mtl_methods::Fitted, b: &mtl_methods::Fitted) {
    let scale = a.objective.total.abs().max(1e-9);
    assert!((a.objective.total - b.objective.total).abs() < 4e-9 * scale, "{:?} {:?}", a.objective, b.objective);
    assert!((a.objective.loss - b.objective.loss).abs() < 1e-4 * scale);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 25, failure_persistence: None, ..ProptestConfig::default() })]

    /// One cluster is the group lasso of all tasks, and clusters of one task are lassos, under both losses.
    #[test]
    fn one_cluster_and_as_many_as_tasks(
        (n, p, m, key) in (6_usize..20, 1_usize..25, 2_usize..5, 0_u64..500),
        lambda in strength(),
    ) {
        let squared = random(n, p, m, key);
        let logistic = labelled(&squared);
        for (data, plain, intercept) in [(&squared, centred(&squared), false), (&logistic, logistic.clone(), true)] {
            for (n_groups, reference) in [(1, "l21"), (m as u64, "lasso")] {
                let given = [("n_groups", ParamValue::Count(n_groups)), ("lambda", num(lambda))];
                let own = tight("clus-mtl", data, &given);
                let given = [("gamma", num(lambda)), ("intercept", ParamValue::Flag(intercept))];
                let other = tight(reference, &plain, &given);
                same(&own, &other);
            }
        }
    }

    /// Rows of a cluster's weights satisfy the conditions of a group lasso, with gradients from the rows of the data.
    #[test]
    fn conditions_within_clusters((n, p, key) in (6_usize..20, 1_usize..25, 0_u64..500), lambda in strength(), labels in any::<bool>()) {
        let data = if labels { labelled(&random(n, p, 5, key)) } else { random(n, p, 5, key) };
        let fitted = tight("clus-mtl", &data, &[("n_groups", ParamValue::Count(3)), ("lambda", num(lambda))]);
        let groups = &fitted.memberships[mtl_methods::TASK_GROUP];
        prop_assert!((0..3).all(|g| groups.contains(&g)), "no empty cluster: {groups:?}");
        let mut slack = Array2::zeros((p, 5));
        let mut total = 0.0;
        for (t, task) in data.tasks.iter().enumerate() {
            let f = fitted.model.predict(t, &task.x);
            let slope = |f: &f64, y: &f64| if labels { y / (1.0 + (y * f).exp()) } else { y - f };
            let pull = ndarray::Zip::from(&f).and(&task.y).map_collect(slope);
            prop_assert!(pull.sum().abs() < 1e-6, "the intercept is free");
            slack.column_mut(t).assign(&task.x.t().dot(&pull));
            let value = |(f, y): (&f64, &f64)| if labels { (-y * f).exp().ln_1p() } else { (y - f).powi(2) / 2.0 };
            total += f.iter().zip(&task.y).map(value).sum::<f64>();
        }
        for g in 0..3 {
            let members: Vec<usize> = (0..5).filter(|&t| groups[t] == g).collect();
            let (w, slack) = (weights(&fitted).select(Axis(1), &members), slack.select(Axis(1), &members));
            for (w, c) in w.rows().into_iter().zip(slack.rows()) {
                let length = w.dot(&w).sqrt();
                total += lambda * length;
                let violation = if length == 0.0 {
                    (c.dot(&c).sqrt() - lambda).max(0.0)
                } else {
                    (&c - &(&w * (lambda / length))).mapv(|v| v * v).sum().sqrt()
                };
                prop_assert!(violation < 2e-2 * lambda.max(1.0), "{violation} {lambda}");
            }
        }
        prop_assert!((total - fitted.objective.total).abs() < 1e-8 * total.max(1.0));
    }
}

/// Two clear groups of tasks are found, and the walk along the strength keeps them.
#[test]
fn clusters_of_tasks_are_found() {
    let base = random(40, 6, 6, 3);
    let data = MultiTask {
        tasks: base
            .tasks
            .iter()
            .enumerate()
            .map(|(t, task)| {
                let w = if t % 2 == 0 { [2.0, -1.0, 0.0, 0.0, 0.0, 0.0] } else { [0.0, 0.0, 0.0, 1.0, 2.0, 0.0] };
                let y = task.x.dot(&ndarray::arr1(&w)) + task.x.column(5).mapv(|v| 0.1 * v * v);
                mtl_core::Task { y, ..task.clone() }
            })
            .collect(),
        ..base
    };
    let problem = Problem::new(data, None);
    let path: Vec<_> = [10.0, 1.0, 0.1].iter().map(|&l| params("clus-mtl", &[("lambda", num(l))])).collect();
    let fits = method("clus-mtl").unwrap().fit_path(&problem, &path, &Context::new(Seed::of(&0))).unwrap();
    for fitted in fits {
        assert_eq!(fitted.memberships[mtl_methods::TASK_GROUP], [0, 1, 0, 1, 0, 1]);
    }
}

fn refused(name: &str, data: &MultiTask, given: &[(&str, ParamValue)]) -> String {
    let problem = Problem::new(data.clone(), None);
    let path = [params(name, given)];
    match method(name).unwrap().fit_path(&problem, &path, &Context::new(Seed::of(&0))) {
        Err(FitError::NotApplicable(message)) => message,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_cannot_be_done_is_said() {
    let data = random(10, 4, 3, 4);
    let message = refused("clus-mtl", &data, &[("n_groups", ParamValue::Count(4))]);
    assert_eq!(message, "n_groups = 4, but there are 3 tasks and no group may be empty");
    assert!(refused("oracle-groups", &data, &[]).contains("true groups"));
    assert!(refused("oracle-support", &data, &[]).contains("true weights"));
}

fn with_truth(data: &MultiTask, groups: &[usize]) -> MultiTask {
    let support = |(j, t): (usize, usize)| if j % 3 == groups[t] % 3 { 1.0 } else { 0.0 };
    let weights = Array2::from_shape_fn((data.n_features(), data.n_tasks()), support);
    data.clone().with_truth(Truth {
        weights,
        shared_rows: vec![],
        groups: groups.to_vec(),
        outliers: vec![],
        support: None,
    })
}

/// The oracle is a group lasso within each true group, whatever the groups are called.
#[test]
fn the_oracle_is_a_group_lasso_a_group() {
    let groups = [4, 1, 4, 1, 1];
    for data in [random(12, 20, 5, 5), labelled(&random(14, 7, 5, 6))] {
        let intercept = data.target == mtl_core::Target::Binary;
        let plain = if intercept { data.clone() } else { centred(&data) };
        let fitted = tight("oracle-groups", &with_truth(&data, &groups), &[("lambda", num(0.7))]);
        assert_eq!(fitted.memberships[mtl_methods::TASK_GROUP], groups);
        let mut total = 0.0;
        for tasks in [vec![0, 2], vec![1, 3, 4]] {
            let given = [("gamma", num(0.7)), ("intercept", ParamValue::Flag(intercept))];
            let own = tight("l21", &plain.subset(&tasks), &given);
            total += own.objective.total;
            assert!(largest(&(weights(&own) - &weights(&fitted).select(Axis(1), &tasks))) < 1e-3);
        }
        assert!((total - fitted.objective.total).abs() < 4e-9 * total);
        let scaled = [("lambda", num(0.7 / 60.0)), ("loss_scale", named_value("mean-over-tasks"))];
        if data.tasks[0].n() == 12 {
            let scaled = tight("oracle-groups", &with_truth(&data, &groups), &scaled);
            assert!((scaled.objective.total * 60.0 - total).abs() < 1e-8 * total, "the scale counts all tasks");
        }
    }
}

/// Residuals are orthogonal to the features of the support and of mean zero; elsewhere weights are zero.
#[test]
fn least_squares_on_the_support() {
    let data = with_truth(&random(12, 9, 4, 7), &[0, 1, 2, 1]);
    let shifted = data.map(|_, x| x + 2.0, |_, y| y - 5.0);
    let fitted = fit("oracle-support", &shifted, &[]);
    for (t, task) in shifted.tasks.iter().enumerate() {
        let residual = &task.y - &fitted.model.predict(t, &task.x);
        assert!(residual.sum().abs() < 1e-9);
        for j in 0..9 {
            if j % 3 == [0, 1, 2, 1][t] {
                assert!(task.x.column(j).dot(&residual).abs() < 1e-8);
            } else {
                assert_eq!(weights(&fitted)[[j, t]], 0.0);
            }
        }
    }
    // More features in the support than rows: the residuals vanish.
    let wide = MultiTask { truth: None, ..random(3, 9, 2, 8) };
    let all = Truth {
        weights: Array2::ones((9, 2)),
        shared_rows: vec![],
        groups: vec![0, 0],
        outliers: vec![],
        support: None,
    };
    let fitted = fit("oracle-support", &MultiTask { truth: Some(Arc::new(all)), ..wide }, &[]);
    assert!(fitted.objective.total < 1e-18);
}
