//! What bilevel optimisation is compared with: minimising the training objective over weights and groups in turn.

use std::collections::BTreeMap;

use ndarray::Array2;
use serde::Deserialize;

use super::hypergradient::{State, forward};
use super::spectral::Spectral;
use super::splits::Strengths;
use super::theta::Theta;
use super::{eps_param, gap_params, norm, perturbed, project_columns, solved};
use crate::datafit::LossScale;
use crate::grouping::n_groups_param;
use crate::linear::EITHER;
use crate::linear::elastic_net::positive_strength;
use crate::method::{Context, Family, FitError, Fitted, Info, Method, Problem};
use crate::params::{ParamSet, ParamSpec};
use crate::solver::SolverError;

/// Length of the first step on the shares; later ones are shorter as `1 / k`.
const FIRST_STEP: f64 = 0.1;

/// Squared singular values below this share of the largest have no direction.
const NO_DIRECTION: f64 = 1e-14;

/// Steps on the shares at most, unless told how many rounds.
const STEPS: usize = 5000;

/// `min L + eps/2 ||W||_F^2 + lambda sum_l ||theta_l . W||_*` over weights and shares on training rows, each in turn by
/// `inner` steps: of the dual algorithm, which goes on from where it was, and of projected subgradients.
///
/// The penalty is never below the trace norm of all tasks together and equals it for equal shares and for a single
/// group, so no grouping is what it finds.
pub struct Alternate;

#[derive(Debug, Clone, Deserialize)]
struct Params {
    lambda: f64,
    n_groups: usize,
    inner: usize,
    rounds: usize,
    eps: f64,
    loss_scale: LossScale,
    tol: f64,
    gap: f64,
    max_iter: usize,
}

impl Method for Alternate {
    fn info() -> Info {
        Info {
            name: "alternate",
            aliases: &[],
            family: Family::Grouping,
            summary: "groups of tasks with low-rank weights, learned by their training error",
            objective: "L + eps/2 ||W||_F^2 + lambda sum_l ||theta_l . W||_* over W and theta",
            targets: EITHER,
            citation: "Frecon, Salzo and Pontil (2020), Unveiling groups of related tasks in multi-task learning, ICPR, \
                       section III-B",
            revision: 3,
        }
    }

    fn params() -> Vec<ParamSpec> {
        let [gap, max_iter] = gap_params();
        vec![
            positive_strength("lambda", 1.0, "strength of the groups' trace norms"),
            n_groups_param("groups; some may stay empty"),
            ParamSpec::count("inner", 1, 10, "steps on weights and on shares in turn (published: 1, 10, 50 or 500)"),
            ParamSpec::count("rounds", 0, 0, "turns at most; 0: as many as make 5000 steps on the shares"),
            eps_param(),
            LossScale::HalfSum.param(),
            ParamSpec::number(
                "tol",
                0.0,
                true,
                1e-4,
                "change of a task's shares in a turn (root mean square) to stop at",
            ),
            gap,
            max_iter,
        ]
    }

    fn fit_path(problem: &Problem, path: &[ParamSet], context: &Context) -> Result<Vec<Fitted>, FitError> {
        path.iter().map(|point| fit(problem, &point.read(), context)).collect()
    }
}

/// Directions of `theta_l . W`, whose inner products with the tasks' weights are the subgradient in the shares.
fn subgradient(theta: &Theta, w: &Array2<f64>, lambda: f64) -> Result<Array2<f64>, SolverError> {
    let spectral = Spectral::of(&theta.scaled(1.0, w), None)?;
    let floor = NO_DIRECTION * spectral.norm().powi(2);
    let directions = spectral.apply(|x| if x > floor { 1.0 / x.sqrt() } else { 0.0 });
    Ok(theta.apart(&theta.inner(&directions, w)) * lambda)
}

fn fit(problem: &Problem, params: &Params, context: &Context) -> Result<Fitted, FitError> {
    let strengths = Strengths { lambda: params.lambda, eps: params.eps, scale: params.loss_scale };
    let lower = strengths.lower(&problem.train)?;
    let (m, p) = lower.dim();
    let mut shares = perturbed((params.n_groups, m), &context.seed.stream("shares"));
    let mut state = State::cold(&Theta::new(&shares, p))?;
    let (mut taken, mut scale, mut changes, mut objective) = (0, None, Vec::new(), Vec::new());
    let rounds = if params.rounds == 0 { STEPS.div_ceil(params.inner) } else { params.rounds };
    for _ in 0..rounds {
        context.check()?;
        let weights;
        (state, weights) = forward(&lower, &Theta::new(&shares, p), state, params.inner)?;
        let before = shares.clone();
        for _ in 0..params.inner {
            let gradient = subgradient(&Theta::new(&shares, p), &weights, params.lambda)?;
            let length = norm(&gradient).max(f64::MIN_POSITIVE);
            taken += 1;
            shares.scaled_add(-*scale.get_or_insert(FIRST_STEP / length) / taken as f64, &gradient);
            project_columns(&mut shares);
        }
        let theta = Theta::new(&shares, p);
        let norms = Spectral::of(&theta.scaled(1.0, &weights), None).map_err(SolverError::from)?.nuclear_norm();
        objective.push(lower.smooth(&weights) + params.lambda * norms);
        let change = norm(&(&shares - &before)) / (m as f64).sqrt();
        changes.push(change);
        if change < params.tol {
            break;
        }
    }
    let mut fitted = solved(&lower, &shares, (params.gap, params.max_iter), context)?;
    fitted.convergence.iterations = changes.len();
    fitted.trace = objective;
    fitted.traces = BTreeMap::from([("share-change".to_owned(), changes)]);
    Ok(fitted)
}

#[cfg(test)]
mod tests {
    use super::super::dirichlet;
    use super::*;
    use mtl_core::Seed;

    #[test]
    fn the_subgradient_is_the_derivative_where_there_is_one() {
        for (m, p) in [(5, 6), (7, 4)] {
            let w = Array2::from_shape_fn((m, p), |(t, i)| ((t * t * 7 + i * 13 + t * i * 3) % 19) as f64 / 9.0 - 1.0);
            let shares = dirichlet((3, m), &Seed::of(&"shares"));
            let gradient = subgradient(&Theta::new(&shares, p), &w, 0.7).unwrap();
            let value = |shares: &Array2<f64>| {
                let scaled = Theta::new(shares, p).scaled(1.0, &w);
                0.7 * Spectral::of(&scaled, None).unwrap().nuclear_norm()
            };
            for ((l, t), g) in gradient.indexed_iter() {
                let (mut up, mut down) = (shares.clone(), shares.clone());
                up[[l, t]] += 1e-6;
                down[[l, t]] -= 1e-6;
                let difference = (value(&up) - value(&down)) / 2e-6;
                assert!((g - difference).abs() < 1e-6, "{g} {difference}");
            }
        }
    }
}
