//! One elastic net for all tasks.

use mtl_core::{MultiTask, Task};
use ndarray::{Axis, concatenate};

use super::composite::EITHER;
use super::elastic_net::{self, Options, Path};
use crate::method::{Context, Family, FitError, Fitted, Info, Method, Model, Problem};
use crate::params::{ParamSet, ParamSpec};

/// [`Stl`](super::stl::Stl) on the rows of all tasks as if they were one: `n = sum_t n_t`, the same weights and the
/// same intercept for every task.
pub struct AllTasks;

impl Method for AllTasks {
    fn info() -> Info {
        Info {
            name: "all-tasks",
            aliases: &["pooled"],
            family: Family::Linear,
            summary: "one elastic net on the stacked rows of all tasks",
            objective: "1/(2n) sum_t ||y_t - b - X_t w||^2 + lambda (alpha ||w||_1 + (1 - alpha)/2 ||w||^2)",
            targets: EITHER,
            citation: "Zou and Hastie (2005), Regularization and variable selection via the elastic net, JRSS B 67(2)",
            revision: 1,
        }
    }

    fn params() -> Vec<ParamSpec> {
        elastic_net::params()
    }

    fn fit_path(problem: &Problem, path: &[ParamSet], context: &Context) -> Result<Vec<Fitted>, FitError> {
        let stacked = stacked(&problem.train)?;
        let mut nets = Path::new(&stacked);
        let fit = |point: &ParamSet| {
            let Fitted { model, objective, convergence, trace, .. } = nets.fit(&point.read::<Options>(), context)?;
            let Model::Linear { weights, intercepts } = model else { unreachable!("an elastic net is linear") };
            let every = vec![0; problem.train.n_tasks()];
            let (weights, intercepts) = (weights.select(Axis(1), &every), intercepts.select(Axis(0), &every));
            Ok(Fitted { trace, ..Fitted::new(Model::Linear { weights, intercepts }, objective, convergence) })
        };
        path.iter().map(fit).collect()
    }
}

/// The rows of all tasks as one task.
fn stacked(data: &MultiTask) -> Result<MultiTask, FitError> {
    let inputs: Vec<_> = data.tasks.iter().map(|task| task.x.view()).collect();
    let targets: Vec<_> = data.tasks.iter().map(|task| task.y.view()).collect();
    match (concatenate(Axis(0), &inputs), concatenate(Axis(0), &targets)) {
        (Ok(x), Ok(y)) => {
            let task = Task { name: "all".into(), x: x.into(), y };
            Ok(MultiTask { tasks: vec![task], truth: None, official: None, ..data.clone() })
        }
        _ => Err(FitError::NotApplicable("the tasks' inputs cannot be stacked".into())),
    }
}
