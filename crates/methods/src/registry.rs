//! Every method, one line each.

use std::sync::LazyLock;

use crate::deep::bottom::{cross_stitch, inter_task_l2, mmoe, mrn, separate, shared_bottom, single, tomato, tucker};
use crate::deep::{deep_lasso, dmtrl, gl_agl, mlp, sgl, ssmtl_t, stg};
use crate::grouping::{bigmtl, clus_mtl, go_mtl, kang, oracle_groups, sg_mtl};
use crate::linear::{
    Decomposition, GenGlMethod, StrengthMax, all_tasks, caso, constant, gbdsp, kmsv, l21, lasso, metag, mtw,
    multi_level_lasso, ols, oracle_support, rmtfl, rmtl, srml, srmtl, ssml, ssmtl_m, stl, stl2, trace_norm,
};
use crate::method::{Context, FitError, Fitted, Info, Method, Problem};
use crate::params::{ParamSet, ParamSpec};

type FitPath = fn(&Problem, &[ParamSet], &Context) -> Result<Vec<Fitted>, FitError>;

/// The methods, in the order of listings.
static METHODS: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    vec![
        plain::<constant::Constant>(),
        plain::<ols::Ols>(),
        gengl::<lasso::Lasso>(),
        gengl::<l21::L21>(),
        gengl::<rmtfl::RMtfl>(),
        gengl::<metag::MeTaG>(),
        gengl::<ssmtl_m::SsmtlM>(),
        plain::<kmsv::Kmsv>(),
        plain::<gbdsp::Gbdsp>(),
        gengl::<trace_norm::TraceNorm>(),
        gengl::<rmtl::Rmtl>(),
        plain::<srmtl::Srmtl>(),
        plain::<caso::Caso>(),
        plain::<srml::Srml>(),
        plain::<ssml::Ssml>(),
        plain::<multi_level_lasso::MultiLevelLasso>(),
        plain::<mtw::Mtw>(),
        plain::<stl::Stl>(),
        plain::<stl2::Stl2>(),
        plain::<all_tasks::AllTasks>(),
        plain::<clus_mtl::ClusMtl>(),
        plain::<go_mtl::GoMtl>(),
        plain::<kang::Kang>(),
        plain::<oracle_groups::OracleGroups>(),
        plain::<oracle_support::OracleSupport>(),
        plain::<sg_mtl::SgMtl>(),
        plain::<sg_mtl::FusionSgMtl>(),
        plain::<bigmtl::BiGmtl>(),
        plain::<bigmtl::Alternate>(),
        plain::<mlp::Mlp>(),
        plain::<deep_lasso::DeepLasso>(),
        plain::<sgl::Sgl>(),
        plain::<gl_agl::GlAgl>(),
        plain::<dmtrl::Dmtrl>(),
        plain::<stg::Stg>(),
        plain::<ssmtl_t::SsmtlT>(),
        plain::<separate::Separate>(),
        plain::<shared_bottom::SharedBottom>(),
        plain::<single::Single>(),
        plain::<inter_task_l2::InterTaskL2>(),
        plain::<tucker::SharedBottomTucker>(),
        plain::<mrn::Mrn>(),
        plain::<cross_stitch::CrossStitch>(),
        plain::<mmoe::Mmoe>(),
        plain::<tomato::TomatoEl>(),
        plain::<tomato::TomatoEx>(),
    ]
});

/// A registered method.
pub struct Entry {
    /// How it is described.
    pub info: Info,
    /// Hyperparameters with defaults and ranges.
    pub params: Vec<ParamSpec>,
    /// Components and penalties at given hyperparameters, for methods of the generalized group lasso.
    pub decomposition: Option<fn(&ParamSet) -> Decomposition>,
    /// The strength whose grids can be given as fractions of the value that leaves nothing but zero.
    pub strength_max: Option<StrengthMax>,
    fit_path: FitPath,
}

impl Entry {
    /// Fits a path of hyperparameter points, each free to start from the one before.
    ///
    /// # Errors
    /// If the method cannot learn such targets, or one of the points has no result.
    pub fn fit_path(&self, problem: &Problem, path: &[ParamSet], context: &Context) -> Result<Vec<Fitted>, FitError> {
        let target = problem.train.target;
        if !self.info.learns(target) {
            let message = format!("{} does not learn {}", self.info.name, target.described());
            return Err(FitError::NotApplicable(message));
        }
        (self.fit_path)(problem, path, context)
    }
}

fn plain<M: Method>() -> Entry {
    Entry { info: M::info(), params: M::params(), decomposition: None, strength_max: None, fit_path: M::fit_path }
}

fn gengl<M: GenGlMethod>() -> Entry {
    let decomposition: fn(&ParamSet) -> Decomposition = |point| M::decomposition(&point.read());
    Entry { decomposition: Some(decomposition), strength_max: M::strength_max(), ..plain::<M>() }
}

/// All methods.
pub fn methods() -> &'static [Entry] {
    &METHODS
}

/// The method of that name or alias.
///
/// # Errors
/// Lists the valid names.
pub fn method(name: &str) -> Result<&'static Entry, String> {
    let matches = |entry: &&Entry| entry.info.name == name || entry.info.aliases.contains(&name);
    METHODS.iter().find(matches).ok_or_else(|| {
        let valid: Vec<_> = METHODS.iter().map(|m| m.info.name).collect();
        format!("unknown method `{name}`; valid: {}", valid.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, HashSet};

    #[test]
    fn names_are_unique_and_defaults_valid() {
        let mut names = HashSet::new();
        for entry in methods() {
            for name in entry.info.aliases.iter().chain([&entry.info.name]) {
                assert!(names.insert(*name), "{name} is used twice");
            }
            for spec in &entry.params {
                assert_eq!(spec.check(&spec.default).as_ref(), Ok(&spec.default), "{} {}", entry.info.name, spec.name);
                for value in spec.grid {
                    spec.check(&crate::params::ParamValue::Number(*value)).unwrap();
                }
            }
            assert!(entry.params.iter().filter(|s| s.walk).count() <= 1, "{}: one walked parameter", entry.info.name);
            let defaults = ParamSet::new(&entry.params, &BTreeMap::new()).unwrap();
            if let Some(decomposition) = entry.decomposition {
                assert!(!decomposition(&defaults).is_empty());
            }
        }
        assert!(method("group-lasso").is_ok());
        assert!(method("grouplasso").err().unwrap().contains("l21"));
    }
}
