//! The Rust side of `benches/peers/run.py`: fits the paths of hyperparameters that a problem file lists and prints,
//! as JSON, the seconds each path took and what was found at each point.
//!
//! Sufficient statistics are computed before the clock starts, as they are on the other side: a study computes them
//! once and then fits a whole grid.
//!
//!     cargo run --release -p mtl-methods --example grid_peer -- problem.json paths.json

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::io::{self, BufReader};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mtl_core::{MultiTask, Seed, Target, Task};
use mtl_methods::{Context, Fitted, ParamSet, ParamValue, Problem, method};
use ndarray::{Array1, Array2, ArrayView2};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A path is fitted again and again for this long, so that short ones can be timed; once if it takes longer.
const TIMED_FOR: Duration = Duration::from_millis(50);

/// Regression tasks.
#[derive(Deserialize)]
#[serde(untagged)]
enum Data {
    /// Over the same rows.
    Shared {
        /// Rows of inputs.
        x: Vec<Vec<f64>>,
        /// Targets, one list a task.
        y: Vec<Vec<f64>>,
    },
    /// Each over rows of its own.
    Own(Vec<OneTask>),
}

#[derive(Deserialize)]
struct OneTask {
    x: Vec<Vec<f64>>,
    y: Vec<f64>,
}

/// Points of one method, each warm-started from the one before.
#[derive(Deserialize)]
struct Path {
    method: String,
    points: Vec<BTreeMap<String, ParamValue>>,
}

#[derive(Serialize)]
struct Timed {
    seconds: f64,
    points: Vec<Found>,
}

#[derive(Serialize)]
struct Found {
    objective: f64,
    /// What the stopping rule watches: by default the relative duality gap.
    residual: f64,
    iterations: usize,
    converged: bool,
    /// Components, each a list of features, each a list of tasks.
    components: Vec<Vec<Vec<f64>>>,
    /// What the method says about the tasks.
    memberships: BTreeMap<String, Vec<usize>>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut files = std::env::args().skip(1);
    let (Some(data), Some(paths)) = (files.next(), files.next()) else {
        return Err("usage: grid_peer PROBLEM.json PATHS.json".into());
    };
    let problem = Problem::new(multi_task(&read(&data)?)?, None);
    problem.statistics().spectra()?;
    let paths: Vec<Path> = read(&paths)?;
    let timed = paths.iter().map(|path| time(&problem, path)).collect::<Result<Vec<_>, _>>()?;
    serde_json::to_writer(io::stdout().lock(), &timed)?;
    Ok(())
}

fn read<T: DeserializeOwned>(file: &str) -> Result<T, Box<dyn Error>> {
    let reader = File::open(file).map_err(|e| format!("{file}: {e}"))?;
    Ok(serde_json::from_reader(BufReader::new(reader)).map_err(|e| format!("{file}: {e}"))?)
}

fn multi_task(data: &Data) -> Result<MultiTask, Box<dyn Error>> {
    let matrix = |rows: &[Vec<f64>]| -> Result<_, Box<dyn Error>> {
        let p = rows.first().map_or(0, Vec::len);
        Ok(Arc::new(Array2::from_shape_vec((rows.len(), p), rows.concat())?))
    };
    let inputs = match data {
        Data::Shared { x, y } => {
            let x = matrix(x)?;
            y.iter().map(|y| (Arc::clone(&x), y)).collect::<Vec<_>>()
        }
        Data::Own(tasks) => {
            tasks.iter().map(|task| Ok((matrix(&task.x)?, &task.y))).collect::<Result<_, Box<dyn Error>>>()?
        }
    };
    let p = inputs.first().map_or(0, |(x, _)| x.ncols());
    let task = |(t, (x, y)): (usize, (_, &Vec<f64>))| Task { name: t.to_string(), x, y: Array1::from(y.clone()) };
    let tasks = inputs.into_iter().enumerate().map(task).collect();
    Ok(MultiTask::new((0..p).map(|i| format!("x{i}")).collect(), Target::Regression, tasks)?)
}

fn time(problem: &Problem, path: &Path) -> Result<Timed, Box<dyn Error>> {
    let entry = method(&path.method)?;
    let points = path.points.iter().map(|given| ParamSet::new(&entry.params, given)).collect::<Result<Vec<_>, _>>()?;
    let context = Context::new(Seed::of(&"grid_peer"));
    let start = Instant::now();
    let mut runs = 0;
    loop {
        let fits = entry.fit_path(problem, &points, &context)?;
        runs += 1;
        let elapsed = start.elapsed();
        if elapsed >= TIMED_FOR {
            let seconds = elapsed.as_secs_f64() / f64::from(runs);
            return Ok(Timed { seconds, points: fits.iter().map(found).collect() });
        }
    }
}

fn found(fit: &Fitted) -> Found {
    let rows = |w: ArrayView2<f64>| w.outer_iter().map(|row| row.to_vec()).collect();
    Found {
        objective: fit.objective.total,
        residual: fit.convergence.residual,
        iterations: fit.convergence.iterations,
        converged: fit.convergence.converged,
        components: fit.components.iter().map(|(_, w)| rows(w.view())).collect(),
        memberships: fit.memberships.clone(),
    }
}
