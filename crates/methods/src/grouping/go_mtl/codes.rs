//! The codes of GO-MTL at given latent tasks: a lasso in few variables a task.

use mtl_core::MultiTask;
use mtl_core::moments::Gram;
use ndarray::{Array1, Array2};
use rayon::prelude::*;

use super::{Data, Params, State, System};
use crate::datafit::Logistic;
use crate::method::{Context, FitError};
use crate::solver::coordinate::{Costs, TaskLasso};
use crate::solver::{RowLasso, StopRule, Stopping};

/// Rounds of coordinate descent and Newton steps at most, of which a few are used.
const ROUNDS: usize = 100;

/// Accuracy of the codes under logistic loss.
const ACCURACY: f64 = 1e-11;

/// Minimises over the codes, from the present ones.
pub(super) fn update(
    train: &MultiTask,
    data: &Data<'_>,
    state: &mut State,
    params: &Params,
    context: &Context,
) -> Result<(), FitError> {
    let State { basis, codes } = state;
    let of_task = |t: usize| match data {
        Data::Squared(system) => Ok(squared(system, t, basis, codes.column(t).to_vec(), params.mu)),
        Data::Logistic(loss) => {
            let names: Vec<String> = (0..basis.ncols()).map(|a| a.to_string()).collect();
            let own = train.subset(&[t]).map(|_, x| x.dot(basis), |_, y| y.clone());
            let own = MultiTask { features: names.into(), ..own };
            let loss = Logistic::with_factors(&own, vec![loss.factor(t)], params.intercept)?;
            let start = codes.column(t).to_owned().insert_axis(ndarray::Axis(1));
            let stopping = Stopping { rule: StopRule::Certificate, tolerance: ACCURACY, max_iterations: ROUNDS };
            let lasso = RowLasso { rows: params.mu, ridge: 0.0 };
            let solution = lasso.logistic(&loss, start, stopping, context)?;
            Ok(solution.components[0].column(0).to_owned())
        }
    };
    let updated = (0..train.n_tasks()).into_par_iter().map(of_task).collect::<Result<Vec<_>, FitError>>()?;
    for (mut column, code) in codes.columns_mut().into_iter().zip(&updated) {
        column.assign(code);
    }
    Ok(())
}

/// `min_s c/2 ||y - X L s||^2 + mu ||s||_1` by rounds that end where nothing moves any more.
fn squared(system: &System<'_>, t: usize, basis: &Array2<f64>, start: Vec<f64>, mu: f64) -> Array1<f64> {
    let inner = match &*system.moments.gram[t] {
        Gram::Full(gram) => basis.t().dot(&gram.dot(basis)),
        Gram::Root(x) => {
            let latent = x.dot(basis);
            latent.t().dot(&latent)
        }
    };
    let gram = Gram::Full(inner.as_standard_layout().into_owned());
    let c = system.factors[t];
    let b = basis.t().dot(&system.moments.xty.column(t)) * c;
    let costs = Costs::symmetric(mu, basis.ncols());
    let mut task = TaskLasso::new(&gram, c, 0.0, costs, b.to_vec(), start);
    for _ in 0..ROUNDS {
        let before = task.w.clone();
        task.round();
        if task.w == before {
            break;
        }
    }
    Array1::from(task.w)
}
