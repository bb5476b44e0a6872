//! Hyperparameters from the command line.

use std::collections::BTreeMap;

use anyhow::{anyhow, bail};
use mtl_data::suggest::did_you_mean;
use mtl_methods::params::Kind;
use mtl_methods::{Entry, Family, ParamSet, ParamSpec, ParamValue};

/// The parameter that `--tol` sets.
const TOLERANCE: &str = "tol";
/// The parameter that `--intercept` sets where labels are learned.
const INTERCEPT: &str = "intercept";

/// Values given by the user, checked; what is not given may be tuned.
pub fn given(entry: &Entry, pairs: &[String], tol: Option<f64>) -> anyhow::Result<BTreeMap<String, ParamValue>> {
    let mut given = BTreeMap::new();
    for pair in pairs {
        let Some((name, text)) = pair.split_once('=') else {
            bail!("--param {pair}: expected NAME=VALUE, as in --param gamma=0.5");
        };
        let name = name.trim();
        let spec = find(entry, name)?;
        let value = spec.parse(text).map_err(|message| anyhow!("--param {pair}: {message}"))?;
        if given.insert(name.to_owned(), value).is_some() {
            bail!("--param {pair}: `{name}` is given twice");
        }
    }
    if let Some(tol) = tol {
        set_tolerance(entry, &mut given, tol)?;
    }
    Ok(given)
}

fn find<'a>(entry: &'a Entry, name: &str) -> anyhow::Result<&'a ParamSpec> {
    let valid: Vec<&str> = entry.params.iter().map(|s| s.name).collect();
    entry.params.iter().find(|s| s.name == name).ok_or_else(|| {
        let method = entry.info.name;
        let valid_or_none = if valid.is_empty() { "none".to_owned() } else { valid.join(", ") };
        anyhow!("{method} has no parameter `{name}`{}\nvalid: {valid_or_none}", did_you_mean(name, &valid))
    })
}

/// Switches the method's own intercept on, where centring is no way to one.
pub fn set_intercept(entry: &Entry, given: &mut BTreeMap<String, ParamValue>) -> anyhow::Result<()> {
    // Networks have biases anyway.
    if entry.info.family == Family::Deep {
        return Ok(());
    }
    if !entry.params.iter().any(|s| s.name == INTERCEPT && s.kind == Kind::Flag) {
        bail!(
            "--intercept: {} has no intercept of its own with --loss logistic; add a column of ones to the data, which \
             is penalised like any other feature, or leave --intercept out",
            entry.info.name
        );
    }
    if given.insert(INTERCEPT.to_owned(), ParamValue::Flag(true)) == Some(ParamValue::Flag(false)) {
        bail!("--intercept and --param {INTERCEPT}=false contradict each other; give one of them");
    }
    Ok(())
}

fn set_tolerance(entry: &Entry, given: &mut BTreeMap<String, ParamValue>, tol: f64) -> anyhow::Result<()> {
    let Some(spec) = entry.params.iter().find(|s| s.name == TOLERANCE) else {
        eprintln!("note: {} is solved in closed form and has no tolerance; --tol does nothing", entry.info.name);
        return Ok(());
    };
    let value = spec.check(&ParamValue::Number(tol)).map_err(|message| anyhow!("--tol {tol}: {message}"))?;
    if given.insert(TOLERANCE.to_owned(), value).is_some() {
        bail!("--tol and --param {TOLERANCE}=.. say the same thing; give one of them");
    }
    Ok(())
}

/// Parameters that cross-validation chooses: those with a grid that the user has not fixed.
pub fn tuned<'a>(entry: &'a Entry, given: &BTreeMap<String, ParamValue>) -> Vec<&'a ParamSpec> {
    entry.params.iter().filter(|s| !s.grid.is_empty() && !given.contains_key(s.name)).collect()
}

/// The grid over everything that is not given, cut into paths: points that differ in the walked parameter only, from
/// its largest value down, so that each fit can start from the one before.
pub fn paths(entry: &Entry, given: &BTreeMap<String, ParamValue>) -> anyhow::Result<Vec<Vec<ParamSet>>> {
    let (walked, others): (Vec<_>, Vec<_>) = tuned(entry, given).into_iter().partition(|s| s.walk);
    let mut bases = vec![ParamSet::new(&entry.params, given)?];
    for spec in others {
        bases = bases.iter().flat_map(|base| along(spec, base, spec.grid)).collect();
    }
    Ok(bases
        .iter()
        .map(|base| match walked.first() {
            Some(spec) => {
                let mut falling = spec.grid.to_vec();
                falling.sort_by(|a, b| b.total_cmp(a));
                along(spec, base, &falling)
            }
            None => vec![base.clone()],
        })
        .collect())
}

fn along(spec: &ParamSpec, base: &ParamSet, values: &[f64]) -> Vec<ParamSet> {
    // The registry's tests check every value of every grid.
    let value = |v: f64| spec.check(&ParamValue::Number(v)).unwrap_or(ParamValue::Number(v));
    values.iter().map(|&v| base.clone().with(spec.name, value(v))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_is_held_and_the_rest_is_walked_from_strong_to_weak() {
        let entry = mtl_methods::method("ssmtl-m").unwrap();
        let all = paths(entry, &given(entry, &[], None).unwrap()).unwrap();
        assert_eq!((all.len(), all.iter().map(Vec::len).sum::<usize>()), (28, 196));
        assert_eq!(all[0][0].get("gamma2"), Some(&ParamValue::Number(1e3)));
        assert!(all.iter().all(|path| path.iter().all(|point| point.get("gamma1") == path[0].get("gamma1"))));
        let some = given(entry, &["gamma2=0.5".into(), "phi=2".into()], Some(1e-4)).unwrap();
        let held = paths(entry, &some).unwrap();
        assert_eq!((held.len(), held[0].len()), (7, 1), "without its walked parameter a path is a point");
        assert!(held.iter().flatten().all(|p| p.get("gamma2") == Some(&ParamValue::Number(0.5))));
        let ols = mtl_methods::method("ols").unwrap();
        assert_eq!(paths(ols, &BTreeMap::new()).unwrap(), [[ParamSet::new(&[], &BTreeMap::new()).unwrap()]]);
    }
}
