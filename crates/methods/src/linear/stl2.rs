//! Squared trace norm of all tasks together.

use serde::Deserialize;

use super::EITHER;
use super::elastic_net::positive_strength;
use crate::datafit::LossScale;
use crate::grouping::kang;
use crate::method::{Context, Family, FitError, Fitted, Info, Method, Problem};
use crate::params::{ParamSet, ParamSpec};

/// `min L(W, b) + lambda (tr (W W' + eps I)^{1/2})^2`: with `eps` towards 0 the squared trace norm. A single group of
/// [`kang::Kang`], convex, and solved as its weights are: by ridge regressions in the metric of the last weights.
pub struct Stl2;

#[derive(Debug, Clone, Deserialize)]
struct Params {
    lambda: f64,
    #[serde(flatten)]
    rest: kang::Together,
}

impl Method for Stl2 {
    fn info() -> Info {
        Info {
            name: "stl2",
            aliases: &["mtl-feat", "squared-trace-norm"],
            family: Family::Linear,
            summary: "squared trace norm: the tasks' weights lie in a space of few dimensions",
            objective: "L(W, b) + lambda (tr (W W' + eps I)^{1/2})^2",
            targets: EITHER,
            citation: "Argyriou, Evgeniou and Pontil (2008), Convex multi-task feature learning, Machine Learning 73",
            revision: 1,
        }
    }

    fn params() -> Vec<ParamSpec> {
        let own = [
            positive_strength("lambda", 1.0, "strength of the squared trace norm"),
            ParamSpec::number("eps", 0.0, true, 1e-3, "smoothing"),
        ];
        own.into_iter().chain(kang::solver_params(LossScale::HalfSum)).collect()
    }

    fn fit_path(problem: &Problem, path: &[ParamSet], context: &Context) -> Result<Vec<Fitted>, FitError> {
        let fit = |point: &ParamSet| {
            let Params { lambda, rest } = point.read();
            let fitted = kang::fit(problem, &kang::Params::together(lambda, rest), context)?;
            // One group says nothing about the tasks.
            Ok(Fitted { memberships: Default::default(), shares: None, ..fitted })
        };
        path.iter().map(fit).collect()
    }
}
