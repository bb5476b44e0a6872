//! Choosing one point of a grid.

use std::cmp::Ordering;

use mtl_methods::{ParamSet, ParamSpec, ParamValue};

use crate::study::{Select, Ties};

/// Index of the best candidate (parameters, validation value), or `None` if there is none.
pub fn best(candidates: &[(&ParamSet, f64)], select: Select, specs: &[ParamSpec]) -> Option<usize> {
    let better = |a: f64, b: f64| if select.metric.higher_is_better() { b.total_cmp(&a) } else { a.total_cmp(&b) };
    let compare = |a: &usize, b: &usize| {
        let ((a_params, a_value), (b_params, b_value)) = (candidates[*a], candidates[*b]);
        better(a_value, b_value)
            .then_with(|| match select.ties {
                Ties::LargerPenalty => stronger(a_params, b_params, specs),
                Ties::FirstInGrid => Ordering::Equal,
            })
            .then(a.cmp(b))
    };
    (0..candidates.len()).filter(|&i| candidates[i].1.is_finite()).min_by(compare)
}

/// Less if `a` has the larger strength in the first strength that differs.
fn stronger(a: &ParamSet, b: &ParamSet, specs: &[ParamSpec]) -> Ordering {
    let value = |set: &ParamSet, name: &str| match set.get(name) {
        Some(ParamValue::Number(v)) => *v,
        _ => 0.0,
    };
    let strengths = specs.iter().filter(|s| s.strength);
    strengths.map(|s| value(b, s.name).total_cmp(&value(a, s.name))).find(|o| o.is_ne()).unwrap_or(Ordering::Equal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mtl_core::Metric;
    use std::collections::BTreeMap;

    fn points(values: &[(f64, f64)]) -> Vec<ParamSet> {
        let specs = &mtl_methods::method("rmtfl").unwrap().params;
        let set = |(a, b): &(f64, f64)| {
            let given =
                BTreeMap::from([("gamma1".into(), ParamValue::Number(*a)), ("gamma2".into(), ParamValue::Number(*b))]);
            ParamSet::new(specs, &given).unwrap()
        };
        values.iter().map(set).collect()
    }

    #[test]
    fn ties_go_where_the_rule_says() {
        let specs = &mtl_methods::method("rmtfl").unwrap().params;
        let points = points(&[(1.0, 5.0), (10.0, 1.0), (10.0, 2.0)]);
        let candidates: Vec<_> = points.iter().zip([0.5, 0.5, 0.5]).collect();
        let by = |ties| Select { metric: Metric::NMse, ties, folds: None };
        assert_eq!(best(&candidates, by(Ties::LargerPenalty), specs), Some(2));
        assert_eq!(best(&candidates, by(Ties::FirstInGrid), specs), Some(0));
        let candidates: Vec<_> = points.iter().zip([0.5, 0.4, f64::NAN]).collect();
        assert_eq!(best(&candidates, by(Ties::LargerPenalty), specs), Some(1));
        assert_eq!(best(&candidates, Select { metric: Metric::Ev, ..Select::default() }, specs), Some(0));
        assert_eq!(best(&[], by(Ties::default()), specs), None);
    }
}
