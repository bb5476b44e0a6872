//! Seconds of one outer step of BiGMTL with warm restart, for `benches/peers/bigmtl.py`, which does the same work in
//! numpy: tasks, features, groups, rows and steps as arguments.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Instant;

use mtl_core::{MultiTask, Seed, Target, Task};
use mtl_methods::{Context, ParamSet, ParamValue, Problem, method};
use ndarray::Array2;
use rand::Rng;
use rand_distr::StandardNormal;

fn data([m, p, n]: [usize; 3], purpose: &str) -> MultiTask {
    let task = |t: usize| {
        let mut rng = Seed::of(&purpose).stream(&t.to_string()).rng();
        let x = Array2::from_shape_simple_fn((n, p), || rng.sample(StandardNormal));
        let y = (0..n).map(|_| rng.sample(StandardNormal)).collect();
        Task { name: t.to_string(), x: Arc::new(x), y }
    };
    let features = (0..p).map(|i| i.to_string()).collect();
    MultiTask::new(features, Target::Regression, (0..m).map(task).collect()).expect("shapes fit")
}

fn main() -> Result<(), Box<dyn Error>> {
    let sizes: Vec<usize> = std::env::args().skip(1).filter_map(|a| a.parse().ok()).collect();
    let &[m, p, groups, n, steps] = sizes.as_slice() else {
        return Err("usage: bigmtl_peer TASKS FEATURES GROUPS ROWS STEPS".into());
    };
    let problem = Problem::new(data([m, p, n], "train"), Some(data([m, p, n], "valid")));
    let entry = method("bigmtl").expect("registered");
    let seconds = |steps: usize| {
        let given = BTreeMap::from([
            ("variant".into(), ParamValue::Choice("cv-wr".into())),
            ("lambda".into(), ParamValue::Number(0.25)),
            ("n_groups".into(), ParamValue::Count(groups as u64)),
            ("steps".into(), ParamValue::Count(steps as u64)),
            ("step".into(), ParamValue::Number(1e-3)),
            ("tol".into(), ParamValue::Number(1e-300)),
            ("weights".into(), ParamValue::Choice("last-iterate".into())),
        ]);
        let point = ParamSet::new(&entry.params, &given).expect("valid");
        let started = Instant::now();
        entry.fit_path(&problem, &[point], &Context::new(Seed::of(&0))).expect("fits");
        started.elapsed().as_secs_f64()
    };
    // What is done once cancels out.
    let (few, many) = (seconds(steps), seconds(3 * steps));
    writeln!(io::stdout(), "{:.9}", (many - few) / (2 * steps) as f64)?;
    Ok(())
}
