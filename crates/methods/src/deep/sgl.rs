//! Sparse group lasso on the neurons of networks.

use mtl_nets::penalty::Terms;
use serde::Deserialize;

use super::training::{Selection, Setting, fit_path, structured};
use super::{Options, strength, with_options};
use crate::linear::EITHER;
use crate::method::{Context, Family, FitError, Fitted, Info, Method, Problem};
use crate::params::{ParamSet, ParamSpec};

/// The mean over tasks of `loss_t`, and `sum_l phi^-l (gamma1 sum_t sum_j ||w_l,t,j|| + gamma2 sum_t ||W_l,t||_1)`, where
/// `w_l,t,j` leaves input `j` of layer `l`: the form of SSMTL's Table 1, two strengths, `phi = 1` if nobody says otherwise.
///
/// The original has one strength and weighs a group's norm with the root of its size (`by_size`, with `gamma1 = gamma2`);
/// its groups of single biases are left out here, as biases are not penalised.
pub struct Sgl;

#[derive(Debug, Clone, Deserialize)]
struct Params {
    gamma1: f64,
    gamma2: f64,
    phi: f64,
    by_size: bool,
    selection: Selection,
}

impl Method for Sgl {
    fn info() -> Info {
        Info {
            name: "sgl",
            aliases: &["sparse-group-lasso"],
            family: Family::Deep,
            summary: "networks with the sparse group lasso on the weights that leave each input and neuron",
            objective: "mean_t loss_t + sum_l phi^-l (gamma1 sum_{t,j} ||w_l,t,j||_2 + gamma2 sum_t ||W_l,t||_1)",
            targets: EITHER,
            citation: "Scardapane, Comminiello, Hussain and Uncini (2017), Group sparse regularization for deep neural \
                       networks, Neurocomputing 241",
            revision: 1,
        }
    }

    fn params() -> Vec<ParamSpec> {
        with_options(vec![
            strength("gamma1", 1e-5, "strength of the groups' norms: selection of neurons"),
            strength("gamma2", 1e-5, "strength of the l1 norm: selection of weights"),
            ParamSpec::number("phi", 1.0, false, 1.0, "factor between the strengths of neighbouring layers"),
            ParamSpec::flag(
                "by_size",
                false,
                "weighs a group's norm with the root of its size, as originally published",
            ),
            Selection::param(),
        ])
    }

    fn fit_path(problem: &Problem, path: &[ParamSet], context: &Context) -> Result<Vec<Fitted>, FitError> {
        fit_path(problem, path, context, fit)
    }
}

fn fit(setting: &Setting<'_>, options: &Options, params: &Params) -> Result<Fitted, FitError> {
    let design = setting.design(options, None);
    let mut up = 1.0;
    let mut layers = Vec::new();
    for id in &design.layers {
        up *= params.phi;
        let size = design.net.layout().place(*id).shape[2] as f64;
        let units = params.gamma1 / up * if params.by_size { size.sqrt() } else { 1.0 };
        layers.push((*id, Terms { units, weights: params.gamma2 / up, ..Terms::default() }));
    }
    let added = structured(design.net.layout(), layers, params.selection, options)?;
    let mut model = setting.start(&design, &setting.context.seed);
    let run = setting.train(&mut model, options, added, &setting.context.seed)?;
    setting.fitted(&model, &design, options, &run)
}
