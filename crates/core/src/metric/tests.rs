use super::*;
use ndarray::array;

#[test]
fn predicting_zero_and_predicting_perfectly() {
    let y = array![1.0, -2.0, 4.0];
    let zero = Array1::zeros(3);
    let close = |m: Metric, p: &Array1<f64>, expected: f64| {
        let value = m.of_task(&y, p).unwrap();
        assert!((value - expected).abs() < 1e-12, "{m}: {value}");
    };
    close(Metric::NMse, &zero, 1.0);
    close(Metric::Ev, &zero, 0.0);
    close(Metric::Mae, &zero, 7.0 / 3.0);
    close(Metric::Mse, &zero, 7.0);
    close(Metric::NMse, &y, 0.0);
    close(Metric::NMseCentred, &y, 0.0);
    close(Metric::Ev, &y, 1.0);
    close(Metric::NMseCentred, &array![1.0, 1.0, 1.0], 1.0);
}

#[test]
fn one_vs_rest_classifiers() {
    // An all-negative classifier is right on 1 - 1/m of a one-vs-rest partition, whatever the class sizes.
    let classes = [0, 1, 1, 2, 2, 2, 2, 3];
    let m = 4;
    let accuracy: f64 = (0..m)
        .map(|t| {
            let y: Array1<f64> = classes.iter().map(|&c| if c == t { 1.0 } else { -1.0 }).collect();
            assert_eq!(Metric::Auc.of_task(&y, &Array1::from_elem(8, 0.3)), Some(0.5), "a constant score");
            Metric::Accuracy.of_task(&y, &Array1::from_elem(8, -1.0)).unwrap()
        })
        .sum();
    assert!((accuracy / m as f64 - (1.0 - 1.0 / m as f64)).abs() < 1e-12);
}

#[test]
fn auc_by_pairs() {
    let y = array![1.0, -1.0, 1.0, -1.0, -1.0];
    let scores = array![0.9, 0.1, 0.4, 0.4, 0.7];
    // Positive-negative pairs: 3 won by 0.9; 0.4 wins one, ties one, loses one.
    assert!((Metric::Auc.of_task(&y, &scores).unwrap() - 4.5 / 6.0).abs() < 1e-12);
    assert_eq!(Metric::Auc.of_task(&y, &y), Some(1.0));
}

#[test]
fn pooled_metrics_weigh_rows_and_not_tasks() {
    let (y, f) = ([array![1.0, 2.0, 3.0], array![10.0]], [array![1.0, 1.0, 1.0], array![6.0]]);
    let tasks = [(&y[0], &f[0]), (&y[1], &f[1])];
    assert_eq!(Metric::MsePooled.of_pool(&tasks), Some((0.0 + 1.0 + 4.0 + 16.0) / 4.0));
    assert_eq!(Metric::MaePooled.values(&tasks), [(0.0 + 1.0 + 2.0 + 4.0) / 4.0]);
    assert_eq!(Metric::Mse.values(&tasks), [5.0 / 3.0, 16.0]);
    assert_eq!((Metric::Mse.of_pool(&tasks), Metric::MsePooled.of_task(&y[0], &f[0])), (None, None));
    assert_eq!(Metric::MsePooled.of_pool(&[]), None);
    assert_eq!(Metric::ALL.into_iter().filter(|m| m.is_pooled()).count(), 5);
}

#[test]
fn classes_are_those_of_the_highest_score() {
    let y = [array![0.0, 2.0, 1.0], array![1.0]];
    let scores = [array![1.0, 1.0, 0.5, -1.0, 0.0, 3.0, 0.0, -2.0, 1.0], array![0.1, 0.2, 0.1]];
    let tasks = [(&y[0], &scores[0]), (&y[1], &scores[1])];
    assert_eq!(Metric::Accuracy.values(&tasks), [2.0 / 3.0, 1.0], "of equal scores the first");
    assert_eq!(Metric::Misclassification.values(&tasks), [25.0]);
    let probability = |scores: &[f64], class: usize| scores[class].exp() / scores.iter().map(|s| s.exp()).sum::<f64>();
    let rows = [(0..3, 0), (3..6, 2), (6..9, 1)].map(|(range, y)| (&scores[0].as_slice().unwrap()[range], y));
    let expected = rows.into_iter().chain([(scores[1].as_slice().unwrap(), 1)]);
    let expected = expected.map(|(scores, y)| -probability(scores, y).ln()).sum::<f64>() / 4.0;
    assert!((Metric::CrossEntropy.values(&tasks)[0] - expected).abs() < 1e-14);
    let large = Metric::CrossEntropy.of_pool(&[(&array![0.0], &array![1e4, -1e4, 0.0])]);
    assert_eq!(large, Some(0.0));
    // Labels of two classes have one score.
    let (labels, scores) = (array![1.0, -1.0, -1.0, 1.0], array![0.5, 0.0, 2.0, -1.0]);
    assert_eq!(Metric::Misclassification.of_pool(&[(&labels, &scores)]), Some(50.0));
    assert_eq!(Metric::Accuracy.of_task(&labels, &scores), Some(0.5));
}

#[test]
fn pooled_logarithms_are_complex() {
    // The principal logarithm of a real number, as Octave takes it: real and imaginary part.
    let log = |v: f64| [v.abs().ln(), 0.0_f64.atan2(v)];
    let values = [-7.5, -1.25, -1.0 - 1e-9, -0.5, 0.0, 3.0, 1e6];
    let (mut y, mut f, mut sum) = (Vec::new(), Vec::new(), 0.0);
    for (a, b) in values.iter().flat_map(|a| values.iter().map(move |b| (a, b))) {
        let ([re, im], [re_b, im_b]) = (log(1.0 + a), log(1.0 + b));
        sum += (re - re_b).powi(2) + (im - im_b).powi(2);
        y.push(*a);
        f.push(*b);
    }
    let expected = sum / y.len() as f64;
    let value = Metric::MslePooled.of_pool(&[(&y.into(), &f.into())]).unwrap();
    assert!((value / expected - 1.0).abs() < 1e-14, "{value} is not {expected}");
    let at_the_pole = Metric::MslePooled.of_pool(&[(&array![-1.0, 0.0], &array![0.0, -1.0])]).unwrap();
    assert!((at_the_pole / 1e-300_f64.ln().powi(2) - 1.0).abs() < 1e-14);
}

#[test]
fn logarithmic_errors_of_a_task_need_targets_above_minus_one() {
    let msle = |y: Array1<f64>, f: Array1<f64>| Metric::Msle.of_task(&y, &f);
    let value = msle(array![0.0, 1.0], array![1.0, 3.0]).unwrap();
    assert!((value - 2.0_f64.ln().powi(2)).abs() < 1e-15);
    assert_eq!(msle(array![0.0, -1.0], array![1.0, 3.0]), None);
    // Where all are above -1 the two forms agree; a prediction below -1 stays finite.
    let (y, f) = (array![-0.5, 4.0, 0.25], array![2.0, -0.75, 9.0]);
    let pooled = Metric::MslePooled.of_pool(&[(&y, &f)]).unwrap();
    assert!((msle(y, f).unwrap() - pooled).abs() < 1e-14);
    assert_eq!(msle(array![0.0], array![-1e9]), msle(array![0.0], array![-1.0]));
    assert!((msle(array![0.0], array![-1.0]).unwrap() - 1e-6_f64.ln().powi(2)).abs() < 1e-9);
}

#[test]
fn the_auc_of_labels_is_balanced_accuracy() {
    let y = array![1.0, 1.0, 1.0, -1.0, -1.0, -1.0, -1.0, -1.0];
    let scores = array![2.0, 0.1, -3.0, 0.5, -0.5, -1.0, 0.0, -9.0];
    // Two of three positives and four of five negatives; a score of zero is a negative label.
    let expected = (2.0 / 3.0 + 4.0 / 5.0) / 2.0;
    assert!((Metric::AucHard.of_task(&y, &scores).unwrap() - expected).abs() < 1e-15);
    assert_eq!(Metric::AucHard.of_task(&array![1.0, 1.0], &array![1.0, -1.0]), Some(0.5));
    assert!(Metric::AucHard.higher_is_better());
}

#[test]
fn areas_under_precision_and_recall() {
    let y = array![1.0, -1.0, 1.0, -1.0, 1.0];
    let scores = array![0.9, 0.8, 0.7, 0.7, 0.1];
    // Thresholds 0.9, 0.8, 0.7 (a tie), 0.1: precision 1, 1/2, 2/4, 3/5; recall gained 1/3, 0, 1/3, 1/3.
    let expected = (1.0 + 0.5 + 0.6) / 3.0;
    assert!((Metric::AucPr.of_task(&y, &scores).unwrap() - expected).abs() < 1e-15);
    let expected = (1.0 + 0.5 + f64::midpoint(0.5, 0.6)) / 3.0;
    assert!((Metric::AucPrTrapezoid.of_task(&y, &scores).unwrap() - expected).abs() < 1e-15);
    for metric in [Metric::AucPr, Metric::AucPrTrapezoid] {
        assert_eq!(metric.of_task(&y, &y), Some(1.0), "perfect scores");
        assert!((metric.of_task(&y, &Array1::zeros(5)).unwrap() - 0.6).abs() < 1e-15, "the share of positives");
        assert!(metric.of_task(&array![-1.0, -1.0], &array![0.0, 1.0]).unwrap().is_nan(), "no positives");
    }
}

#[test]
fn r2_against_the_mean_of_the_targets_judged() {
    let y = array![1.0, 2.0, 6.0];
    let r2 = |f: &Array1<f64>| Metric::R2.of_task(&y, f).unwrap();
    assert_eq!((r2(&Array1::from_elem(3, 3.0)), r2(&y)), (0.0, 1.0));
    assert!((r2(&array![2.0, 2.0, 4.0]) - (1.0 - 5.0 / 14.0)).abs() < 1e-15);
    assert!(!Metric::R2.of_task(&array![2.0, 2.0], &array![2.0, 2.0]).unwrap().is_finite());
}

#[test]
fn groups_are_judged_with_and_without_truth() {
    let truth = |groups: &[usize]| Truth {
        weights: Array2::zeros((1, groups.len())),
        shared_rows: Vec::new(),
        groups: groups.to_vec(),
        outliers: Vec::new(),
        support: None,
    };
    let found = [2, 2, 0, 0, 0];
    let of = |m: Metric, t: Option<&Truth>| m.of_groups(&found, t);
    assert_eq!(of(Metric::GroupAri, Some(&truth(&[0, 0, 1, 1, 1]))), Some(1.0));
    assert_eq!((of(Metric::GroupAri, Some(&truth(&[0; 5]))), of(Metric::GroupAri, None)), (None, None));
    assert_eq!((of(Metric::ActiveGroups, None), of(Metric::LargestGroup, None)), (Some(2.0), Some(0.6)));
    assert_eq!(of(Metric::SupportF1, Some(&truth(&[0, 0, 1, 1, 1]))), None);
    let shares = array![[0.8, 0.6, 0.0, 0.4, 0.0], [0.2, 0.4, 1.0, 0.6, 1.0]];
    let of = |m: Metric, groups: &[usize]| m.of_shares(&shares, &truth(groups));
    assert_eq!(of(Metric::GroupErrorRounded, &[4, 4, 2, 2, 2]), Some(0.0));
    assert_eq!(of(Metric::CovarianceErrorRounded, &[4, 4, 2, 2, 2]), Some(0.0));
    assert!((of(Metric::GroupError, &[4, 4, 2, 2, 2]).unwrap() - 2.0 * 0.36 / 5.0).abs() < 1e-15);
    assert!(of(Metric::CovarianceError, &[4, 4, 2, 2, 2]).unwrap() > 0.0);
    assert_eq!((of(Metric::GroupError, &[0; 5]), of(Metric::GroupAri, &[0, 0, 1, 1, 1])), (None, None));
}

#[test]
fn names_parse_back() {
    for metric in Metric::ALL {
        assert_eq!(metric.name().parse::<Metric>(), Ok(metric));
    }
    assert!("nRMSE".parse::<Metric>().unwrap_err().contains("valid: nMSE"));
}
