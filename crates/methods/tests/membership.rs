//! Memberships for known weights: what the SG-MTL paper says of its regularisers, and figure 4.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use mtl_core::{Seed, recovery};
use mtl_methods::grouping::membership::{Assignment, Descent, Regulariser, Restarts, Rounding, random_shares};
use ndarray::{Array2, Axis, array, s};
use proptest::prelude::*;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

fn rng(key: u64) -> ChaCha8Rng {
    Seed::of(&("membership", key)).rng()
}

fn normal(p: usize, m: usize, rng: &mut ChaCha8Rng) -> Array2<f64> {
    Array2::from_shape_simple_fn((p, m), || rng.sample(StandardNormal))
}

/// Three groups of ten tasks, each on seven features of its own (figure 4(a)).
fn blocks(key: u64) -> (Array2<f64>, Vec<usize>) {
    let mut rng = rng(key);
    let mut w = Array2::zeros((21, 30));
    for g in 0..3 {
        w.slice_mut(s![7 * g..7 * g + 7, 10 * g..10 * g + 10]).assign(&normal(7, 10, &mut rng));
    }
    (w, (0..30).map(|t| t / 10).collect())
}

fn regularisers(n: usize) -> [(&'static str, Regulariser); 5] {
    [
        ("eq2", Regulariser::eq2(n)),
        ("eq2s", Regulariser::eq2s(n)),
        ("eq4", Regulariser::eq4(n, 2.0)),
        ("eq4, alpha 3", Regulariser::eq4(n, 3.0)),
        ("eq5", Regulariser::eq5(n)),
    ]
}

fn problem() -> impl Strategy<Value = (Array2<f64>, usize, u64)> {
    (1_usize..6, 2_usize..7, 1_usize..4, 0_u64..1000).prop_map(|(p, m, n, key)| (normal(p, m, &mut rng(key)), n, key))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn gradients_are_those_of_the_value((w, n, key) in problem(), mu in 0.0..2.0_f64) {
        let strengths: Vec<f64> = (0..n).map(|g| 0.5 + g as f64).collect();
        for (name, regulariser) in regularisers(n) {
            let problem = Assignment::new(&w, regulariser.with_strengths(strengths.clone()).with_fusion(mu));
            let shares = random_shares(n, w.ncols(), &mut rng(key + 1)).mapv(|u| 0.9 * u + 0.1 / n as f64);
            let (value, gradient) = problem.value_and_gradient(&shares);
            prop_assert!((value - problem.value(&shares)).abs() <= 1e-12 * value);
            for ((g, t), slope) in gradient.indexed_iter() {
                let at = |step: f64| {
                    let mut moved = shares.clone();
                    moved[[g, t]] += step;
                    problem.value(&moved)
                };
                let step = 1e-5;
                let difference = (8.0 * (at(step) - at(-step)) - at(2.0 * step) + at(-2.0 * step)) / (12.0 * step);
                prop_assert!((slope - difference).abs() <= 1e-6 * (1.0 + slope.abs()), "{name}: {slope} {difference}");
            }
        }
    }

    /// Euler: the pairing of a gradient with the point is the degree times the value.
    #[test]
    fn homogeneity((w, n, key) in problem()) {
        let shares = random_shares(n, w.ncols(), &mut rng(key));
        for (regulariser, degree) in [
            (Regulariser::eq5(n), 1.0),
            (Regulariser::eq2s(n), 0.5),
            (Regulariser::eq2(n), 1.0),
            (Regulariser::eq4(n, 2.0), 2.0),
        ] {
            let (value, gradient) = Assignment::new(&w, regulariser).value_and_gradient(&shares);
            prop_assert!(((&shares * &gradient).sum() - degree * value).abs() <= 1e-10 * value);
        }
    }

    /// Facts 1 to 3 of the spec: equations 5 and 2s are concave, 4 is convex; equation 5 is at least what tasks cost
    /// alone; uniform shares cost what one group costs.
    #[test]
    fn curvature_and_bounds((w, n, key) in problem(), theta in 0.0..1.0_f64) {
        let mut rng = rng(key);
        let (a, b) = (random_shares(n, w.ncols(), &mut rng), random_shares(n, w.ncols(), &mut rng));
        let between = &a * theta + &b * (1.0 - theta);
        for (name, regulariser) in regularisers(n) {
            let problem = Assignment::new(&w, regulariser);
            let chord = theta * problem.value(&a) + (1.0 - theta) * problem.value(&b);
            let above = problem.value(&between) - chord;
            let concave = matches!(name, "eq5" | "eq2s");
            prop_assert_eq!(problem.regulariser().is_concave(), concave);
            prop_assert!(if concave { above >= -1e-12 * chord } else { above <= 1e-12 * chord }, "{}", name);
        }
        let eq5 = Assignment::new(&w, Regulariser::eq5(n).times(0.7));
        let alone: f64 = w.columns().into_iter().map(|w| w.iter().map(|v| v.abs()).sum::<f64>().powi(2)).sum();
        prop_assert!(eq5.value(&a) >= 0.7 * alone * (1.0 - 1e-12));
        let uniform = Array2::from_elem(a.raw_dim(), 1.0 / n as f64);
        let together = eq5.hard_value(&vec![0; w.ncols()]);
        prop_assert!((eq5.value(&uniform) - together).abs() <= 1e-12 * together);
    }

    #[test]
    fn invariances((w, n, key) in problem(), c in 0.1..3.0_f64) {
        let shares = random_shares(n, w.ncols(), &mut rng(key));
        let flipped = w.mapv(|v| if v > 0.3 { -v } else { v });
        let reversed = Array2::from_shape_fn(w.raw_dim(), |(j, t)| w[[w.nrows() - 1 - j, w.ncols() - 1 - t]]);
        let backwards = shares.slice(s![.., ..;-1]).to_owned();
        let relabelled = shares.slice(s![..;-1, ..]).to_owned();
        for (name, regulariser) in regularisers(n) {
            let at = |w: &Array2<f64>, u: &Array2<f64>| Assignment::new(w, regulariser.clone()).value(u);
            let value = at(&w, &shares);
            let degree = match name { "eq2" | "eq2s" => 1.0, "eq4, alpha 3" => 3.0, _ => 2.0 };
            for (same, factor) in [
                (at(&flipped, &shares), 1.0),
                (at(&reversed, &backwards), 1.0),
                (at(&w, &relabelled), 1.0),
                (at(&(&w * c), &shares), c.powf(degree)),
            ] {
                prop_assert!((same - factor * value).abs() <= 1e-11 * factor * value, "{name}");
            }
        }
    }

    /// Sequential rounding never raises equation 5: a minimiser of it over U is binary, or ties with one (claim c33).
    #[test]
    fn rounding_in_turn_never_raises((w, n, key) in problem()) {
        let problem = Assignment::new(&w, Regulariser::eq5(n));
        let shares = random_shares(n, w.ncols(), &mut rng(key));
        let groups = problem.round(&shares, Rounding::Sequential);
        let hard = problem.hard_value(&groups);
        prop_assert!(hard <= problem.value(&shares) * (1.0 + 1e-12));
        prop_assert!((hard - problem.value(&problem.shares_of(&groups))).abs() <= 1e-12 * hard);
        let mut improved = groups.clone();
        let better = problem.improve(&mut improved);
        prop_assert!(better <= hard * (1.0 + 1e-12) && better == problem.hard_value(&improved));
        let best = problem.exhaustive(1e-9).unwrap();
        prop_assert!(best.value <= better * (1.0 + 1e-12));
        for groups in &best.minimisers {
            prop_assert!((problem.hard_value(groups) - best.value).abs() <= 1e-8 * best.value);
        }
    }

    /// Fact 4: the fusion term at hard groups, and equation 6 in the hard search.
    #[test]
    fn fusion_of_hard_groups((w, n, key) in problem(), mu in 0.01..5.0_f64) {
        let mut rng = rng(key);
        let mut groups: Vec<usize> = (0..w.ncols()).map(|_| rng.random_range(0..n)).collect();
        let eq6 = Assignment::new(&w, Regulariser::eq5(n).with_fusion(mu));
        let eq5 = Assignment::new(&w, Regulariser::eq5(n));
        let shares = eq5.shares_of(&groups);
        let columns: Vec<_> = shares.columns().into_iter().collect();
        let pairs = (0..columns.len()).flat_map(|s| (s + 1..columns.len()).map(move |t| (s, t)));
        let fusion: f64 = pairs.map(|(s, t)| (&columns[s] - &columns[t]).mapv(|d| d * d).sum()).sum();
        let sizes: usize = (0..n).map(|g| groups.iter().filter(|h| **h == g).count().pow(2)).sum();
        prop_assert_eq!(fusion, (w.ncols().pow(2) - sizes) as f64);
        prop_assert!((eq6.hard_value(&groups) - eq5.hard_value(&groups) - mu * fusion).abs() < 1e-9);
        prop_assert!((eq6.value(&shares) - eq6.hard_value(&groups)).abs() < 1e-9);
        let before = eq6.hard_value(&groups);
        let after = eq6.improve(&mut groups);
        prop_assert!(after <= before + 1e-12 && (after - eq6.hard_value(&groups)).abs() < 1e-9 * after);
        // No single task wants to leave.
        for (t, to) in (0..w.ncols()).flat_map(|t| (0..n).map(move |g| (t, g))) {
            let mut moved = groups.clone();
            moved[t] = to;
            prop_assert!(eq6.hard_value(&moved) >= after * (1.0 - 1e-11));
        }
    }

    /// Proposition 1: under equation 2, one group is at least as good as any grouping.
    #[test]
    fn proposition_1((w, n, key) in problem()) {
        let problem = Assignment::new(&w, Regulariser::eq2(n));
        let mut rng = rng(key);
        let groups: Vec<usize> = (0..w.ncols()).map(|_| rng.random_range(0..n)).collect();
        let one = problem.hard_value(&vec![0; w.ncols()]);
        prop_assert!(one <= problem.hard_value(&groups) * (1.0 + 1e-12));
        prop_assert!((problem.exhaustive(0.0).unwrap().value - one).abs() <= 1e-12 * one);
        // With strengths of their own, it is the group of least strength.
        let strengths: Vec<f64> = (0..n).map(|g| 2.0 - g as f64 / n as f64).collect();
        let unequal = Assignment::new(&w, Regulariser::eq2(n).with_strengths(strengths));
        prop_assert_eq!(&unequal.exhaustive(1e-12).unwrap().minimisers, &vec![vec![n - 1; w.ncols()]]);
    }

    /// Proposition 2: under equation 3 with alpha = 2 and weights in general position, all groups are used.
    #[test]
    fn proposition_2(p in 2_usize..5, m in 3_usize..7, n in 2_usize..4, key in 0_u64..1000) {
        let w = normal(p, m, &mut rng(key));
        let best = Assignment::new(&w, Regulariser::eq4(n, 2.0)).exhaustive(1e-12).unwrap();
        for groups in best.minimisers {
            prop_assert!((0..n).all(|g| groups.contains(&g)), "{groups:?}");
        }
    }

    /// Projected gradient on equation 5 never goes up, whatever its step; with fusion, within its bound on the step.
    #[test]
    fn descent_descends((w, n, key) in problem(), exponent in -3.0..3.0_f64, mu in 0.0..3.0_f64) {
        let step = 10.0_f64.powf(exponent);
        for regulariser in [
            Regulariser::eq5(n), Regulariser::eq2s(n), Regulariser::eq5(n).with_fusion(mu), Regulariser::eq4(n, 2.0),
        ] {
            let problem = Assignment::new(&w, regulariser.clone());
            let start = random_shares(n, w.ncols(), &mut rng(key));
            let descent = Descent { step, max_iterations: 300, ..Descent::default() };
            let end = problem.descend(start, &descent);
            prop_assert!(end.trace.windows(2).all(|f| f[1] <= f[0] * (1.0 + 1e-9)), "{regulariser:?}");
            prop_assert!(end.shares.iter().all(|u| *u >= 0.0));
            prop_assert!(end.shares.sum_axis(Axis(0)).iter().all(|s| (s - 1.0).abs() < 1e-12));
            prop_assert!((end.value - problem.value(&end.shares)).abs() <= 1e-12 * end.value);
        }
    }
}

/// `toy_values` of the paper: figures 1 and 2, and the reductions for constant weights.
#[test]
fn toy_values() {
    let left = |a: f64| array![[1.0, a], [0.0, 0.0], [0.0, 0.0]];
    let right = |a: f64| array![[0.5, 0.0], [1.0, 1.0], [0.0, a]];
    let eq2 = |w: &Array2<f64>, groups: &[usize]| Assignment::new(w, Regulariser::eq2(2)).hard_value(groups);
    let eq3 =
        |w: &Array2<f64>, groups: &[usize]| Assignment::new(w, Regulariser::eq4(2, 2.0)).hard_value(groups).sqrt();
    let (one, two) = ([0, 0], [0, 1]);
    for a in [-2.5_f64, -1.0, 0.0, 0.7, 1.0, 3.0] {
        let length = (1.0 + a * a).sqrt();
        for (value, expected) in [
            (eq2(&left(a), &one), length),
            (eq2(&left(a), &two), 1.0 + a.abs()),
            (eq2(&right(a), &one), 0.5 + 2.0_f64.sqrt() + a.abs()),
            (eq2(&right(a), &two), 2.5 + a.abs()),
            (eq3(&left(a), &one), length),
            (eq3(&left(a), &two), length),
            (eq3(&right(a), &one), 0.5 + 2.0_f64.sqrt() + a.abs()),
            (eq3(&right(a), &two), (2.25 + (1.0 + a.abs()).powi(2)).sqrt()),
            (eq2(&array![[1.0, 0.0], [0.0, a]], &one), 1.0 + a.abs()),
            (eq2(&array![[1.0, 0.0], [0.0, a]], &two), 1.0 + a.abs()),
        ] {
            assert!((value - expected).abs() < 1e-12, "{a}: {value} {expected}");
        }
    }
    assert!((eq2(&left(1.0), &one) - std::f64::consts::SQRT_2).abs() < 1e-8);
    assert!((eq2(&right(1.0), &one) - 2.914_213_56).abs() < 1e-8 && (eq3(&right(1.0), &two) - 2.5).abs() < 1e-12);
    // The orthogonal pair under the squared sum: 4 together, 2 apart.
    let orthogonal = array![[1.0, 0.0], [0.0, 1.0]];
    assert!(
        (eq3(&orthogonal, &one).powi(2) - 4.0).abs() < 1e-12 && (eq3(&orthogonal, &two).powi(2) - 2.0).abs() < 1e-12
    );
    // One group of constant weights: 4 w^2 (u1^2 + u2^2), and with the square root 4 w^2 (u1 + u2).
    let (u1, u2, w) = (0.3, 0.8, 1.5);
    let constant = Array2::from_elem((2, 2), w);
    let at = |regulariser: Regulariser| Assignment::new(&constant, regulariser).value(&array![[u1, u2]]);
    assert!((at(Regulariser::eq4(1, 2.0)) - 4.0 * w * w * (u1 * u1 + u2 * u2)).abs() < 1e-12);
    assert!((at(Regulariser::eq5(1)) - 4.0 * w * w * (u1 + u2)).abs() < 1e-12);
}

/// Proposition 2 as printed, without absolute values, does not hold: here one group ties at 8.
#[test]
fn proposition_2_needs_absolute_values() {
    let problem = Assignment::new(&array![[1.0, 1.0], [1.0, -1.0]], Regulariser::eq4(2, 2.0));
    let best = problem.exhaustive(1e-12).unwrap();
    assert!((best.value - 8.0).abs() < 1e-12);
    assert_eq!(best.minimisers, [vec![0, 0], vec![0, 1]]);
    // All 12 tasks' partitions into at most 3 groups are looked at, and none of 13 tasks.
    let twelve = Assignment::new(&Array2::eye(12), Regulariser::eq5(3));
    assert_eq!(twelve.exhaustive(f64::INFINITY).unwrap().minimisers.len(), 3_usize.pow(11).div_ceil(2));
    assert!(Assignment::new(&Array2::eye(13), Regulariser::eq5(3)).exhaustive(0.0).is_none());
}

/// Derivatives where row norms are zero: a group without weight has the one-sided derivative of equation 5, and a row
/// that a group lacks keeps out the tasks that have it.
#[test]
fn derivatives_at_zero_norms() {
    let w = array![[1.0, 0.0, 2.0], [0.0, 3.0, -1.0]];
    let empty = Assignment::new(&w, Regulariser::eq5(2).times(0.5));
    let all_in_one = array![[1.0, 1.0, 1.0], [0.0, 0.0, 0.0]];
    let (value, gradient) = empty.value_and_gradient(&all_in_one);
    for t in 0..3 {
        let length: f64 = w.column(t).iter().map(|v| v.abs()).sum();
        assert!((gradient[[1, t]] - 0.5 * length * length).abs() < 1e-12);
        let mut moved = all_in_one.clone();
        moved[[1, t]] = 1e-7;
        assert!(((empty.value(&moved) - value) / 1e-7 - gradient[[1, t]]).abs() < 1e-5);
    }
    let blocked = empty.value_and_gradient(&array![[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]]).1;
    assert!(blocked[[0, 1]] > 1e9 && blocked[[0, 2]] > 1e9, "{blocked}");
    assert!(blocked[[1, 0]] < 10.0, "the second group has its feature");
    assert!(
        Assignment::new(&Array2::zeros((2, 2)), Regulariser::eq5(2))
            .search(&Restarts::default(), &Seed::of(&0))
            .is_some()
    );
}

/// Spec 9: groups are recovered from known weights, by most single starts and by the best of ten.
#[test]
fn known_weights_give_the_groups_away() {
    let mut exact = 0;
    for key in 0..10 {
        let (w, truth) = blocks(key);
        let problem = Assignment::new(&w, Regulariser::eq5(3));
        let found = problem.search(&Restarts { count: 10, ..Restarts::default() }, &Seed::of(&key)).unwrap();
        assert_eq!(recovery::adjusted_rand(&found.groups, &truth), 1.0, "{key}");
        assert!(found.hard_value <= found.value * (1.0 + 1e-12));
        assert_eq!(found.ends.len(), 10);
        assert!(found.ends.iter().all(|end| end.relaxed.converged && end.relaxed.value >= found.value));
        exact += found.ends.iter().filter(|end| recovery::adjusted_rand(&end.groups, &truth) == 1.0).count();
    }
    assert!(exact >= 80, "{exact} of 100 single starts");
}

/// Figure 4(b) and (c). With a little weight everywhere, one group is best under equation 2s; memberships under
/// equation 4 are fractional, no better than uniform ones, which nothing beats.
#[test]
fn the_other_regularisers_of_figure_4() {
    let (w, _) = blocks(3);
    let noisy = &w + &(normal(21, 30, &mut rng(77)) * 0.05);
    let options = Restarts { count: 30, also: vec![vec![0; 30]], ..Restarts::default() };
    let root = Assignment::new(&noisy, Regulariser::eq2s(3));
    let found = root.search(&options, &Seed::of(&1)).unwrap();
    let one = root.hard_value(&[0; 30]);
    assert!(found.groups.iter().all(|g| *g == found.groups[0]) && (found.value - one).abs() < 1e-9 * one);
    assert!(found.ends.iter().all(|end| end.relaxed.value >= one * (1.0 - 1e-12)));

    let squared = Assignment::new(&w, Regulariser::eq4(3, 2.0));
    let found = squared.search(&Restarts { count: 5, ..Restarts::default() }, &Seed::of(&2)).unwrap();
    let uniform = squared.value(&Array2::from_elem((3, 30), 1.0 / 3.0));
    assert!(
        found.value >= uniform * (1.0 - 1e-12) && found.value <= uniform * (1.0 + 1e-3),
        "{} {uniform}",
        found.value
    );
    assert!(found.shares.rows().into_iter().all(|u| u.sum() > 0.5), "all groups are active");
    let fractional = found.shares.iter().filter(|u| (0.05..0.95).contains(*u)).count();
    assert!(fractional > 45, "{fractional} of 90 shares");
}

/// Restarts with local search reach the exhaustive minimum on most seeds, and are never below it.
#[test]
fn search_reaches_the_exhaustive_minimum() {
    let mut reached = 0;
    for key in 0..20 {
        let problem = Assignment::new(&normal(5, 6, &mut rng(key)), Regulariser::eq5(3));
        let best = problem.exhaustive(0.0).unwrap().value;
        let options = Restarts { count: 10, local_search: true, ..Restarts::default() };
        let found = problem.search(&options, &Seed::of(&key)).unwrap().hard_value;
        assert!(found >= best * (1.0 - 1e-12));
        reached += usize::from(found <= best * (1.0 + 1e-9));
    }
    assert!(reached >= 18, "{reached} of 20");
}

/// The same seed gives the same search, bit by bit.
#[test]
fn searches_repeat() {
    let problem = Assignment::new(&blocks(5).0, Regulariser::eq5(4).with_fusion(0.1));
    let search = || problem.search(&Restarts::default(), &Seed::of(&9)).unwrap();
    let (a, b) = (search(), search());
    assert_eq!(a.shares, b.shares);
    assert_eq!(a.groups, b.groups);
}
