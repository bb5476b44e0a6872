//! The lasso on all weights of networks.

use mtl_nets::penalty::Terms;
use serde::Deserialize;

use super::training::{Selection, Setting, fit_path, structured};
use super::{Options, strength, with_options};
use crate::linear::EITHER;
use crate::method::{Context, Family, FitError, Fitted, Info, Method, Problem};
use crate::params::{ParamSet, ParamSpec};

/// The mean over tasks of `loss_t`, and `gamma sum_l sum_t ||W_l,t||_1`.
///
/// The SSMTL paper compares with a "Deep Lasso" that neither it nor its supplement describes; this is the plain reading.
pub struct DeepLasso;

#[derive(Debug, Clone, Deserialize)]
struct Params {
    gamma: f64,
    selection: Selection,
}

impl Method for DeepLasso {
    fn info() -> Info {
        Info {
            name: "deep-lasso",
            aliases: &[],
            family: Family::Deep,
            summary: "networks with the l1 norm of all weights",
            objective: "mean_t loss_t + gamma sum_{l,t} ||W_l,t||_1",
            targets: EITHER,
            citation: "Named, not described, in Fei, Sun, Kudo and Kimura (2023), Structured sparse multi-task learning with \
                       generalized group lasso, ECAI",
            revision: 1,
        }
    }

    fn params() -> Vec<ParamSpec> {
        with_options(vec![strength("gamma", 1e-5, "strength of the l1 norm of all weights"), Selection::param()])
    }

    fn fit_path(problem: &Problem, path: &[ParamSet], context: &Context) -> Result<Vec<Fitted>, FitError> {
        fit_path(problem, path, context, |setting: &Setting<'_>, options: &Options, params: &Params| {
            let design = setting.design(options, None);
            let terms = Terms { weights: params.gamma, ..Terms::default() };
            let layers = design.layers.iter().map(|id| (*id, terms.clone())).collect();
            let added = structured(design.net.layout(), layers, params.selection, options)?;
            let mut model = setting.start(&design, &setting.context.seed);
            let run = setting.train(&mut model, options, added, &setting.context.seed)?;
            setting.fitted(&model, &design, options, &run)
        })
    }
}
