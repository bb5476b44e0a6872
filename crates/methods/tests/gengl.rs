//! Every penalty against the operator algebra, which writes its groups out as matrices (SSMTL section 8, 1-5 and 9).

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use mtl_methods::gengl::{GenGl, Partition, project_to_ball, vec};
use mtl_methods::penalty::{Component, Seminorm};
use ndarray::linalg::kron;
use ndarray::{Array1, Array2, Array3, ArrayD, Axis};
use proptest::prelude::*;

use Partition::{Coarsest as C, Finest as F, Pairs as F2};

fn matrices() -> impl Strategy<Value = Array2<f64>> {
    (1_usize..6, 1_usize..6).prop_flat_map(|(p, m)| {
        prop::collection::vec(-3.0..3.0_f64, p * m).prop_map(move |v| Array2::from_shape_vec((p, m), v).unwrap())
    })
}

fn algebra(seminorm: Seminorm) -> GenGl {
    let (features, tasks) = seminorm.partitions();
    GenGl::new([features, tasks])
}

proptest! {
    #[test]
    fn values_and_group_counts(w in matrices()) {
        let (p, m) = w.dim();
        for seminorm in Seminorm::ALL {
            let reference = algebra(seminorm);
            let (value, expected) = (seminorm.value(&w), reference.value(&w.clone().into_dyn()));
            prop_assert!((value - expected).abs() <= 1e-12 * (1.0 + expected), "{seminorm:?}");
            prop_assert_eq!(seminorm.n_groups(p, m), reference.operators(&[p, m]).len());
        }
    }

    #[test]
    fn smoothed_values_and_gradients(w in matrices(), strength in 0.1..3.0_f64, mu in 0.01..2.0_f64) {
        for seminorm in Seminorm::ALL {
            let reference = algebra(seminorm);
            let mut gradient = Array2::zeros(w.raw_dim());
            let value = seminorm.smoothed(&w, strength, mu, &mut gradient);
            let (expected, expected_gradient) = reference.smoothed(&w.clone().into_dyn(), strength, mu);
            prop_assert!((value - expected).abs() < 1e-10, "{seminorm:?}");
            let difference = vec(&gradient.clone().into_dyn()) - &expected_gradient;
            prop_assert!(difference.iter().all(|d| d.abs() < 1e-10), "{seminorm:?}");
            // 0 <= Omega - f_mu <= mu N / 2.
            let gap = strength * seminorm.value(&w) - value;
            let groups = seminorm.n_groups(w.nrows(), w.ncols()) as f64;
            prop_assert!((-1e-12..=mu * groups / 2.0 + 1e-12).contains(&gap));
            // Finite differences.
            for index in 0..w.len() {
                let (i, j) = (index / w.ncols(), index % w.ncols());
                let at = |delta: f64| {
                    let mut moved = w.clone();
                    moved[[i, j]] += delta;
                    seminorm.smoothed(&moved, strength, mu, &mut Array2::zeros(w.raw_dim()))
                };
                let step = 1e-6 * mu;
                let difference = (at(step) - at(-step)) / (2.0 * step);
                prop_assert!((gradient[[i, j]] - difference).abs() < 1e-3 * (1.0 + strength), "{seminorm:?}");
            }
        }
    }

    #[test]
    fn invariances(w in matrices(), shift in prop::collection::vec(-2.0..2.0_f64, 6), factor in -3.0..3.0_f64) {
        let shifted = &w + &Array2::from_shape_fn(w.raw_dim(), |(i, _)| shift[i]);
        let reversed = Array2::from_shape_fn(w.raw_dim(), |(i, j)| w[[w.nrows() - 1 - i, w.ncols() - 1 - j]]);
        for seminorm in Seminorm::ALL {
            let value = seminorm.value(&w);
            prop_assert!((seminorm.value(&(&w * factor)) - factor.abs() * value).abs() < 1e-10, "homogeneous");
            prop_assert!((seminorm.value(&reversed) - value).abs() < 1e-10, "tasks and features can be reordered");
            if matches!(seminorm, Seminorm::ColumnPairs | Seminorm::EntryPairs) {
                prop_assert!((seminorm.value(&shifted) - value).abs() < 1e-9, "clustering ignores the common level");
                let equal = Array2::from_shape_fn(w.raw_dim(), |(i, _)| w[[i, 0]]);
                prop_assert!(seminorm.value(&equal) < 1e-12);
            }
        }
        // Vector-wise never exceeds element-wise.
        prop_assert!(Seminorm::ColumnPairs.value(&w) <= Seminorm::EntryPairs.value(&w) + 1e-10);
        prop_assert!(Seminorm::Rows.value(&w) <= Seminorm::Entries.value(&w) + 1e-10);
    }

    #[test]
    fn projection_on_the_ball(v in prop::collection::vec(-3.0..3.0_f64, 1..5), u in prop::collection::vec(-3.0..3.0_f64, 5)) {
        let v = Array1::from(v);
        let u = Array1::from(u[..v.len()].to_vec());
        let length = |a: &Array1<f64>| a.dot(a).sqrt();
        let (pv, pu) = (project_to_ball(&v), project_to_ball(&u));
        prop_assert!(length(&pv) <= 1.0 + 1e-12);
        prop_assert!(length(&(&project_to_ball(&pv) - &pv)) < 1e-12, "idempotent");
        prop_assert!(length(&(&pv - &pu)) <= length(&(&v - &u)) + 1e-12, "nonexpansive");
        prop_assert!((&v - &pv).dot(&(&pu - &pv)) <= 1e-12, "the nearest point");
    }

    /// Row-wise and column-wise proximal operators are transposes of each other.
    #[test]
    fn column_prox_is_transposed_row_prox(w in matrices(), strength in 0.1..3.0_f64, entries in 0.0..1.0_f64) {
        let (mut by_columns, mut by_rows) = (w.clone(), w.t().as_standard_layout().to_owned());
        let scratch = &mut Default::default();
        Component { columns: strength, entries, ..Component::default() }.prox(&mut by_columns, 0.7, scratch);
        Component { rows: strength, entries, ..Component::default() }.prox(&mut by_rows, 0.7, scratch);
        prop_assert!((by_columns.t().to_owned() - by_rows).iter().all(|d| d.abs() < 1e-12));
    }
}

#[test]
fn vec_convention() {
    // (B' kron A) vec(X) = vec(A X B).
    let matrix = |rows, columns, seed: f64| {
        Array2::from_shape_fn((rows, columns), |(i, j)| (seed + 1.7 * i as f64 - 0.9 * j as f64).sin())
    };
    let (a, x, b) = (matrix(2, 3, 0.1), matrix(3, 4, 0.2), matrix(4, 5, 0.3));
    let left = kron(&b.t().to_owned(), &a).dot(&vec(&x.clone().into_dyn()));
    let right = vec(&a.dot(&x).dot(&b).into_dyn());
    assert!((left - right).iter().all(|d| d.abs() < 1e-12));
}

#[test]
fn spectral_norms() {
    for (p, m) in [(3, 1), (2, 4), (4, 3)] {
        for seminorm in Seminorm::ALL {
            let d = algebra(seminorm).stacked(&[p, m]);
            let largest = mtl_methods::linalg::Spectrum::of(&d.t().dot(&d)).unwrap().largest();
            assert!((largest - seminorm.operator_norm_squared(m)).abs() < 1e-12, "{seminorm:?} {p}x{m}: {largest}");
        }
    }
    // Pairs of a mode of length q: D'D = q I - 11'.
    let d = GenGl::new([C, F2]).stacked(&[1, 4]);
    assert!((d.t().dot(&d) - (Array2::<f64>::eye(4) * 4.0 - 1.0)).iter().all(|v| v.abs() < 1e-12));
}

#[test]
fn group_counts_of_pairs() {
    assert_eq!(GenGl::new([C, F2]).operators(&[3, 5]).len(), 10);
    assert_eq!(GenGl::new([F, F2]).operators(&[3, 5]).len(), 30);
    assert_eq!(GenGl::new([F2, C]).operators(&[4, 5]).len(), 6);
}

/// The four terms of SSMTL_t on one layer, written out directly (section 5.2), against the tensor operators.
#[test]
fn tensor_terms() {
    let (p1, p2, m) = (3, 4, 3);
    let w = Array3::from_shape_fn((p1, p2, m), |(i, j, k)| (1.1 * i as f64 - 0.7 * j as f64 + 2.3 * k as f64).sin());
    let length = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
    let pairs: Vec<(usize, usize)> = (0..m).flat_map(|j| (j + 1..m).map(move |k| (j, k))).collect();
    let slice = |k| w.index_axis(Axis(2), k);
    let net_wise_clustering: f64 = pairs.iter().map(|&(j, k)| length(&mut (&slice(j) - &slice(k)).into_iter())).sum();
    let outgoing = |input: usize, task: usize| (0..p1).map(move |i| (i, input, task));
    let neuron_wise_selection: f64 = (0..p2)
        .flat_map(|j| (0..m).map(move |k| (j, k)))
        .map(|(j, k)| length(&mut outgoing(j, k).map(|index| w[index])))
        .sum();
    let neuron_wise_clustering: f64 = (0..p2)
        .flat_map(|i| pairs.iter().map(move |&(j, k)| (i, j, k)))
        .map(|(i, j, k)| length(&mut (0..p1).map(|o| w[[o, i, j]] - w[[o, i, k]])))
        .sum();
    let weight_wise_selection: f64 = w.iter().map(|v| v.abs()).sum();
    let tensor: ArrayD<f64> = w.clone().into_dyn();
    for (modes, direct) in [
        ([C, C, F2], net_wise_clustering),
        ([C, F, F], neuron_wise_selection),
        ([C, F, F2], neuron_wise_clustering),
        ([F, F, F], weight_wise_selection),
    ] {
        let value = GenGl::new(modes).value(&tensor);
        assert!((value - direct).abs() < 1e-12, "{modes:?}: {value} {direct}");
    }
}
