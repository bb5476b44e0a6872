//! One network a task, unpenalised.

use serde::de::IgnoredAny;

use super::training::{Added, Setting, fit_path};
use super::{Options, with_options};
use crate::linear::EITHER;
use crate::method::{Context, Family, FitError, Fitted, Info, Method, Problem};
use crate::params::{ParamSet, ParamSpec};

/// The mean over tasks of `loss_t`: what the other deep methods are without what they add. Tasks have nothing in common,
/// and all of a task's randomness comes from its name.
pub struct Mlp;

impl Method for Mlp {
    fn info() -> Info {
        Info {
            name: "mlp",
            aliases: &[],
            family: Family::Deep,
            summary: "single-task networks without a penalty",
            objective: "mean_t loss_t",
            targets: EITHER,
            citation: "Rumelhart, Hinton and Williams (1986), Learning representations by back-propagating errors, Nature \
                       323",
            revision: 1,
        }
    }

    fn params() -> Vec<ParamSpec> {
        with_options(vec![])
    }

    fn fit_path(problem: &Problem, path: &[ParamSet], context: &Context) -> Result<Vec<Fitted>, FitError> {
        fit_path(problem, path, context, |setting: &Setting<'_>, options: &Options, _: &IgnoredAny| {
            let design = setting.design(options, None);
            let mut model = setting.start(&design, &setting.context.seed);
            let run = setting.train(&mut model, options, Added::default(), &setting.context.seed)?;
            setting.fitted(&model, &design, options, &run)
        })
    }
}
