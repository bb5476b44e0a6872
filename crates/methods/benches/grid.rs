//! Warm-started paths through the registry, as studies fit them: `cargo bench -p mtl-methods`.
//!
//! Statistics of the data are computed before the clock starts. Throughput is in fits.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mtl_core::{MultiTask, Seed, Target, Task};
use mtl_methods::{Context, ParamSet, ParamValue, Problem, method};
use ndarray::{Array1, Array2};
use rand_distr::{Distribution, StandardNormal};

/// Strengths in falling order, as grids are walked.
const DECADES: [f64; 7] = [1e3, 1e2, 1e1, 1.0, 1e-1, 1e-2, 1e-3];

/// Regression tasks over shared inputs; neighbouring features correlate, every third acts on all tasks alike.
fn problem(n: usize, p: usize, m: usize) -> Problem {
    let mut rng = Seed::of(&("methods bench", n, p, m)).rng();
    let mut normal = || -> f64 { StandardNormal.sample(&mut rng) };
    let mut x = Array2::from_shape_fn((n, p), |_| normal());
    for mut row in x.rows_mut() {
        for i in 1..p {
            row[i] = 0.8 * row[i - 1] + 0.6 * row[i];
        }
    }
    let x = Arc::new(x);
    let common = Array1::from_shape_fn(p, |i| if i % 3 == 0 { normal() } else { 0.0 });
    let tasks = (0..m)
        .map(|t| {
            let w = &common + &Array1::from_shape_fn(p, |_| 0.2 * normal());
            let y = x.dot(&w) + Array1::from_shape_fn(n, |_| normal());
            Task { name: t.to_string(), x: Arc::clone(&x), y }
        })
        .collect();
    let features = (0..p).map(|i| i.to_string()).collect();
    let data = MultiTask::new(features, Target::Regression, tasks).expect("the tasks share their inputs");
    let problem = Problem::new(data, None);
    problem.statistics().spectra().expect("the inputs are finite");
    problem
}

/// Points along the strength that a method walks, the others fixed.
fn path(name: &str, walked: &str, fixed: &[(&str, f64)]) -> Vec<ParamSet> {
    let specs = &method(name).expect("registered").params;
    let point = |strength: f64| {
        let given: BTreeMap<_, _> =
            fixed.iter().chain([&(walked, strength)]).map(|&(n, v)| (n.to_owned(), ParamValue::Number(v))).collect();
        ParamSet::new(specs, &given).expect("declared and in range")
    };
    DECADES.into_iter().map(point).collect()
}

fn bench(c: &mut Criterion) {
    let context = Context::new(Seed::of(&"bench"));
    let ssmtl = |gamma1: f64, phi: f64| path("ssmtl-m", "gamma2", &[("gamma1", gamma1), ("phi", phi)]);
    let paths = [
        ("lasso", vec![path("lasso", "gamma", &[])]),
        ("l21", vec![path("l21", "gamma", &[])]),
        ("ssmtl-m", vec![ssmtl(1e-3, 2.0), ssmtl(1e-1, 5.0), ssmtl(1e1, 10.0)]),
    ];
    for (size, n, p, m) in [("sarcos-sized", 600, 21, 7), ("p100-m32", 600, 100, 32)] {
        let problem = problem(n, p, m);
        let mut group = c.benchmark_group(size);
        group.sample_size(10);
        for (name, paths) in &paths {
            let entry = method(name).expect("registered");
            group.throughput(Throughput::Elements(paths.iter().map(|path| path.len() as u64).sum()));
            group.bench_function(*name, |b| {
                b.iter(|| {
                    for path in paths {
                        black_box(entry.fit_path(&problem, path, &context).expect("every point has a fit"));
                    }
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);
