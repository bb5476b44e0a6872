//! The prediction that looks at no feature.

use mtl_core::Target;
use ndarray::{Array1, Array2};

use crate::linear::EITHER;
use crate::method::{Context, Family, FitError, Fitted, Info, Method, Model, Problem};
use crate::params::{ParamSet, ParamSpec};
use crate::solver::{Convergence, ResidualKind, Value};

/// `min` over intercepts alone of the mean over tasks of their mean losses: a task's mean target, or the log-odds of its
/// labels, so that every row gets the more frequent one. What any method has to beat.
pub struct Constant;

/// Labels of one kind have no finite log-odds; this is as good as certain.
const CERTAIN: f64 = 1e-9;

impl Method for Constant {
    fn info() -> Info {
        Info {
            name: "constant",
            aliases: &["majority"],
            family: Family::Linear,
            summary: "each task's mean target or more frequent label, whatever the features: what has to be beaten",
            objective: "mean_t loss_t of the intercepts",
            targets: EITHER,
            citation: "the base rate",
            revision: 1,
        }
    }

    fn params() -> Vec<ParamSpec> {
        Vec::new()
    }

    fn fit_path(problem: &Problem, path: &[ParamSet], _: &Context) -> Result<Vec<Fitted>, FitError> {
        Ok(path.iter().map(|_| fit(problem)).collect())
    }
}

fn fit(problem: &Problem) -> Fitted {
    let train = &problem.train;
    let (mut intercepts, mut loss) = (Array1::zeros(train.n_tasks()), 0.0);
    for (task, intercept) in train.tasks.iter().zip(&mut intercepts) {
        let mean = task.y.mean().unwrap_or(0.0);
        loss += match train.target {
            Target::Regression => {
                *intercept = mean;
                task.y.iter().map(|y| 0.5 * (y - mean).powi(2)).sum::<f64>() / task.y.len().max(1) as f64
            }
            // Of several classes there are no tasks here: `targets` leaves them out.
            Target::Binary | Target::Classes(_) => {
                let share = (0.5 * (1.0 + mean)).clamp(CERTAIN, 1.0 - CERTAIN);
                *intercept = (share / (1.0 - share)).ln();
                -share * share.ln() - (1.0 - share) * (1.0 - share).ln()
            }
        };
    }
    loss /= train.n_tasks().max(1) as f64;
    let weights = Array2::zeros((train.n_features(), train.n_tasks()));
    let convergence =
        Convergence { rule: ResidualKind::RelativeGradient, residual: 0.0, iterations: 0, converged: true };
    let objective = Value { total: loss, loss, penalty: 0.0 };
    Fitted { trace: vec![loss], ..Fitted::new(Model::Linear { weights, intercepts }, objective, convergence) }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use mtl_core::{MultiTask, Task};
    use ndarray::{Array2, arr1};

    use super::*;

    #[test]
    fn mean_targets_and_log_odds() {
        let fit_to = |target, y: &[f64]| {
            let task = Task { name: "t".into(), x: Arc::new(Array2::zeros((y.len(), 1))), y: arr1(y) };
            let data = MultiTask::new(vec!["f".into()], target, vec![task]).unwrap();
            fit(&Problem::new(data, None))
        };
        let intercept = |fitted: &Fitted| fitted.model.intercepts().unwrap()[0];
        let mean = fit_to(Target::Regression, &[1.0, 2.0, 6.0]);
        assert!((intercept(&mean) - 3.0).abs() < 1e-12 && (mean.objective.total - 14.0 / 6.0).abs() < 1e-12);
        let odds = fit_to(Target::Binary, &[1.0, -1.0, -1.0, -1.0]);
        assert!((intercept(&odds) + 3f64.ln()).abs() < 1e-12);
        assert!((odds.objective.total - (0.25 * 4f64.ln() + 0.75 * (4.0 / 3.0f64).ln())).abs() < 1e-12);
        assert!(intercept(&fit_to(Target::Binary, &[-1.0, -1.0])).is_finite());
    }
}
