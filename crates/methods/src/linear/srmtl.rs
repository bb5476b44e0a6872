//! Sparse structure-regularized multi-task learning: weights that vary smoothly over related tasks, with few non-zeros.

use serde::Deserialize;

use super::composite::{self, Parts};
use crate::method::{Context, Family, FitError, Fitted, Info, Method, Problem};
use crate::params::{ParamSet, ParamSpec};
use crate::penalty::{Component, Coupling, Quadratic};

/// `min L + rho1 ||W R||_F^2 + rho2 ||W||_1`, with squared loss for real targets and logistic loss for labels.
///
/// `R` says which tasks are related: the chain of consecutive tasks, all of them through their mean, or with `R = I`,
/// as SRML's authors call it, none: an elastic net a task.
pub struct Srmtl;

/// Hyperparameters of [`Srmtl`].
#[derive(Debug, Clone, Deserialize)]
struct Params {
    rho1: f64,
    rho2: f64,
    coupling: Coupling,
}

impl Method for Srmtl {
    fn info() -> Info {
        Info {
            name: "srmtl",
            aliases: &["sparse-structure"],
            family: Family::Linear,
            summary: "sparse structure: weights that vary little between related tasks, with few non-zeros",
            objective: "L + rho1 ||W R||_F^2 + rho2 ||W||_1",
            targets: composite::EITHER,
            citation: "Zhou, Chen and Ye (2011), MALSAR: Multi-task learning via structural regularization \
                       (Least_SRMTL, Logistic_SRMTL)",
            revision: 1,
        }
    }

    fn params() -> Vec<ParamSpec> {
        let own = [
            ParamSpec::strength("rho1", "strength of the differences between related tasks"),
            ParamSpec::strength("rho2", "strength of the l1 norm").walked(),
            ParamSpec::choice(
                "coupling",
                Coupling::CHOICES,
                "R: chain: consecutive tasks; mean: every task with the mean of all; identity: none, as SRML's authors \
                 call it",
            ),
        ];
        own.into_iter().chain(composite::shared_params()).collect()
    }

    fn fit_path(problem: &Problem, path: &[ParamSet], context: &Context) -> Result<Vec<Fitted>, FitError> {
        composite::fit_path(problem, path, context, |point| {
            let Params { rho1, rho2, coupling } = point.read();
            Parts {
                quadratic: Quadratic { coupling, strength: rho1 },
                penalty: Box::new(Component { entries: rho2, ..Component::default() }),
                published: None,
            }
        })
    }
}
