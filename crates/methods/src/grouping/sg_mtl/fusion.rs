//! SG-MTL whose tasks are drawn into few groups.

use super::{SgMtl, fit_path, shared_params};
use crate::method::{Context, FitError, Fitted, Info, Method, Problem};
use crate::params::{ParamSet, ParamSpec};

/// `min L + lambda sum_g (sum_j ||W_{j,g}||_2)^2 + mu (m^2 - sum_g n_g^2)` over weights and `n_groups` groups of sizes
/// `n_g`: [`SgMtl`] with the fusion term of equation 6, `mu sum_{s<t} ||u_s - u_t||^2`, at hard groups. It counteracts
/// the squared norms, which are never lower for two tasks together than apart.
///
/// `preset: code` takes the gradient of the released program, whose sign is wrong for tasks further on.
pub struct FusionSgMtl;

impl Method for FusionSgMtl {
    fn info() -> Info {
        Info {
            name: "fusion-sg-mtl",
            aliases: &["fusion-sparsity-grouped"],
            summary: "learns groups of tasks that use the same features, with a pull towards few groups",
            objective: "L + lambda sum_g (sum_j ||W_{j,g}||_2)^2 + mu (m^2 - sum_g n_g^2) over W and n_groups groups",
            ..SgMtl::info()
        }
    }

    fn params() -> Vec<ParamSpec> {
        let [lambda, rest @ ..] = shared_params();
        let mu = ParamSpec::number("mu", 0.0, false, 0.1, "strength of the fusion term");
        let mu = mu.over(&[0.0, 1e-3, 1e-2, 0.1, 0.5, 1.0]);
        [lambda, mu].into_iter().chain(rest).collect()
    }

    fn fit_path(problem: &Problem, path: &[ParamSet], context: &Context) -> Result<Vec<Fitted>, FitError> {
        fit_path(problem, path, context)
    }
}
