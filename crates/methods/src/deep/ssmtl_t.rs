//! Structured sparse multi-task learning, the deep member of the family.

use mtl_nets::penalty::Terms;
use serde::Deserialize;

use super::training::{Selection, Setting, fit_path, structured};
use super::{Options, strength, with_options};
use crate::linear::EITHER;
use crate::method::{Context, Family, FitError, Fitted, Info, Method, Problem};
use crate::params::{ParamSet, ParamSpec};

/// The mean over tasks of `loss_t`, and for each layer `l = 1, .., h` (SSMTL, Table 1)
///
/// * clustering of whole layers, `gamma1 phi^-l sum_{s<t} ||W_l,s - W_l,t||_F`
/// * selection of neurons, `gamma2 phi^+l sum_t sum_j ||w_l,t,j||`, where `w_l,t,j` leaves input `j` of the layer
/// * clustering of neurons, `gamma1 phi^+l sum_{s<t} sum_j ||w_l,s,j - w_l,t,j||`
/// * selection of weights, `gamma2 phi^-l sum_t sum |w|`
///
/// `terms` leaves half of them out (Fig. 4 and 5). The authors' demo program counts layers from 0 (`first_layer=0`), squares
/// the first norm (`squared=true`) and, in selection alone, takes the weights that enter a neuron; `groups=incoming` is that
/// reading for selection and clustering of neurons both.
pub struct SsmtlT;

#[derive(Debug, Clone, Deserialize)]
struct Params {
    gamma1: f64,
    gamma2: f64,
    phi: f64,
    terms: Which,
    selection: Selection,
    groups: Groups,
    first_layer: u32,
    squared: bool,
}

/// Which of the four terms there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Which {
    All,
    FeatureLevel,
    TaskLevel,
}

/// Which weights of a layer belong to a neuron.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Groups {
    Outgoing,
    Incoming,
}

impl Params {
    /// Strengths of the layer at this position.
    fn at(&self, layer: usize) -> Terms {
        let up = self.phi.powf(layer as f64 + f64::from(self.first_layer));
        let level = |gamma: f64, without: Which| if self.terms == without { 0.0 } else { gamma };
        let (task, feature) = (level(self.gamma1, Which::FeatureLevel), level(self.gamma2, Which::TaskLevel));
        Terms {
            nets: task / up,
            nets_squared: self.squared,
            unit_pairs: task * up,
            units: feature * up,
            weights: feature / up,
            unit_factors: Vec::new(),
            groups: match self.groups {
                Groups::Outgoing => mtl_nets::penalty::Groups::Outgoing,
                Groups::Incoming => mtl_nets::penalty::Groups::Incoming,
            },
        }
    }
}

impl Method for SsmtlT {
    fn info() -> Info {
        Info {
            name: "ssmtl-t",
            aliases: &["ssmtl_t"],
            family: Family::Deep,
            summary: "structured sparse MTL of networks: from clustering of layers to selection of neurons, layer by layer",
            objective: "mean_t loss_t + sum_l (gamma1 phi^-l sum_{s<t} ||W_l,s - W_l,t||_F + gamma2 phi^l sum_{t,j} \
                        ||w_l,t,j||_2 + gamma1 phi^l sum_{s<t} sum_j ||w_l,s,j - w_l,t,j||_2 + gamma2 phi^-l sum_t \
                        ||W_l,t||_1)",
            targets: EITHER,
            citation: "Fei, Sun, Kudo and Kimura (2023), Structured sparse multi-task learning with generalized group \
                       lasso, ECAI",
            revision: 1,
        }
    }

    fn params() -> Vec<ParamSpec> {
        with_options(vec![
            strength("gamma1", 1e-6, "task-level strength: clustering of layers and neurons"),
            strength("gamma2", 1e-5, "feature-level strength: selection of neurons and weights"),
            ParamSpec::number("phi", 1.0, false, 2.0, "factor between the strengths of neighbouring layers")
                .over(&[2.0, 5.0]),
            ParamSpec::choice(
                "terms",
                &["all", "feature-level", "task-level"],
                "all four terms, or half of them, as in the paper's variants",
            ),
            Selection::param(),
            ParamSpec::choice(
                "groups",
                &["outgoing", "incoming"],
                "which weights make a neuron: those that leave it, as in Table 1, or those that enter it",
            ),
            ParamSpec::count("first_layer", 0, 1, "exponent of the first layer: 1 in the paper, 0 in its demo program"),
            ParamSpec::flag(
                "squared",
                false,
                "squares the norm of whole layers' differences, as the demo program does",
            ),
        ])
    }

    fn fit_path(problem: &Problem, path: &[ParamSet], context: &Context) -> Result<Vec<Fitted>, FitError> {
        fit_path(problem, path, context, fit)
    }
}

fn fit(setting: &Setting<'_>, options: &Options, params: &Params) -> Result<Fitted, FitError> {
    let design = setting.design(options, None);
    let layers = design.layers.iter().enumerate().map(|(l, id)| (*id, params.at(l))).collect();
    let added = structured(design.net.layout(), layers, params.selection, options)?;
    let mut model = setting.start(&design, &setting.context.seed);
    let run = setting.train(&mut model, options, added, &setting.context.seed)?;
    setting.fitted(&model, &design, options, &run)
}
