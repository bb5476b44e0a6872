//! The data sets of a study.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;
use mtl_core::Scaling;
use mtl_data::{Catalog, DatasetSpec};
use mtl_methods::ParamValue;

use super::MethodUse;
use crate::grid::GridValue;
use crate::results::same;
use crate::study::{DataEntry, OptionValues};
use crate::yaml::{Source, Spanned, YamlError, unknown};

/// A data set as a study uses it.
#[derive(Clone)]
pub struct DataUse {
    /// The paper's name for it; of a member of a family, with what tells it from the others.
    pub label: String,
    /// Name of the family.
    pub family: String,
    /// The options that tell members of the family apart, with their values; none where the entry is no family.
    pub at: BTreeMap<String, ParamValue>,
    /// Variants to try, in order; the report says which one was used.
    pub variants: Vec<DatasetSpec>,
    /// Rows drawn per task and repeat.
    pub rows: Option<usize>,
    /// Centring and scaling, where they differ from the protocol's.
    pub scaling: Option<Scaling>,
    /// Methods that are not run here.
    pub without: Vec<String>,
    /// Values that go with this data set.
    params: IndexMap<String, IndexMap<String, Spanned<GridValue>>>,
    /// Whether the data set is another study's, whose values give way to those of this one and may be of other methods.
    borrowed: bool,
    /// The methods with these values, for which [`DataUse::method`] looks.
    methods: Vec<MethodUse>,
    /// Why results cannot be compared with the published ones.
    pub not_comparable: Option<String>,
}

/// What a study and its profile set themselves: method label -> parameters.
pub(super) type Overrides = BTreeMap<String, BTreeSet<String>>;

/// More members of a family of data sets than a figure could show.
const MOST_MEMBERS: usize = 1000;

/// The data sets that a file lists, checked.
pub(crate) fn data_uses(
    entries: Vec<DataEntry>,
    borrowed: bool,
    source: &Source,
    catalog: &Catalog,
) -> Result<Vec<DataUse>, YamlError> {
    let mut data: Vec<DataUse> = Vec::new();
    for entry in entries {
        let variant = |name: &Spanned<String>, options| {
            let spec = DatasetSpec { name: name.value.clone(), options };
            spec.canonical(catalog).map_err(|e| source.error(name, e.to_string()))
        };
        if entry.rows == Some(0) {
            return Err(source.error(&entry.dataset, "`rows` is 0; leave it out to use all rows"));
        }
        if data.iter().any(|d| d.family == entry.label) {
            return Err(source.error(&entry.dataset, format!("the label `{}` is used twice", entry.label)));
        }
        if let Some((option, _)) = entry.options.iter().find(|(_, values)| values.as_slice().is_empty()) {
            return Err(source.error(&entry.dataset, format!("`{option}` is an empty list")));
        }
        let count = entry.options.values().map(|v| v.as_slice().len()).fold(1, usize::saturating_mul);
        if count > MOST_MEMBERS {
            let message = format!("the options have {count} combinations, expected at most {MOST_MEMBERS}");
            return Err(source.error(&entry.dataset, message));
        }
        for (options, at) in members(&entry.options) {
            let mut variants = vec![variant(&entry.dataset, options)?];
            let others = entry.otherwise_options.iter().map(|(option, value)| (option.clone(), value.to_string()));
            match &entry.otherwise {
                Some(other) => variants.push(variant(other, others.collect())?),
                None if !entry.otherwise_options.is_empty() => {
                    return Err(source.error(&entry.dataset, "`otherwise_options` are options of an `otherwise`"));
                }
                None => {}
            }
            let apart: String = at.iter().map(|(option, value)| format!(", {option} {value}")).collect();
            data.push(DataUse {
                label: format!("{}{apart}", entry.label),
                family: entry.label.clone(),
                at,
                variants,
                rows: entry.rows,
                scaling: entry.scaling,
                without: entry.without.clone(),
                params: entry.params.clone(),
                borrowed,
                methods: Vec::new(),
                not_comparable: entry.not_comparable.clone(),
            });
        }
    }
    Ok(data)
}

/// Every combination of the options' values, with those that differ between members.
fn members(options: &BTreeMap<String, OptionValues>) -> Vec<(BTreeMap<String, String>, BTreeMap<String, ParamValue>)> {
    let mut members = vec![Default::default()];
    for (option, values) in options {
        let with = |(options, at): &(BTreeMap<String, String>, BTreeMap<String, ParamValue>), value: &ParamValue| {
            let (mut options, mut at) = (options.clone(), at.clone());
            options.insert(option.clone(), value.to_string());
            if matches!(values, OptionValues::Many(_)) {
                at.insert(option.clone(), value.clone());
            }
            (options, at)
        };
        members =
            members.iter().flat_map(|m| values.as_slice().iter().map(|v| with(m, v)).collect::<Vec<_>>()).collect();
    }
    members
}

impl DataUse {
    /// A method of the study as it is used here.
    pub fn method<'a>(&'a self, method: &'a MethodUse) -> &'a MethodUse {
        self.methods.iter().find(|own| own.label == method.label).unwrap_or(method)
    }

    /// Gives the methods of a study the values that go with this data set.
    pub(super) fn with_methods(
        &mut self,
        declared: &[MethodUse],
        each: &[String],
        set: &Overrides,
        source: &Source,
    ) -> Result<(), YamlError> {
        self.methods.clear();
        let known = |label: &&String| self.borrowed || declared.iter().any(|m| m.label == **label);
        if let Some(label) = self.without.iter().find(|label| !known(label)) {
            let message = unknown("method of this study", label, declared.iter().map(|m| m.label.as_str()));
            return Err(source.error_below(&["data", "without", label], message));
        }
        for (label, params) in &self.params {
            let mut params = params.clone();
            if self.borrowed {
                params.retain(|name, _| !set.get(label).is_some_and(|names| names.contains(name)));
            }
            let Some(declared) = declared.iter().find(|m| m.label == *label) else {
                if self.borrowed {
                    continue;
                }
                let valid = declared.iter().map(|m| m.label.as_str());
                let message = unknown("method of this study", label, valid);
                return Err(source.error_below(&["data", "params", label], message));
            };
            let grid = declared.grid.narrowed(&params, declared.entry, source)?;
            self.methods.extend(MethodUse { grid, ..declared.clone() }.members(each));
        }
        Ok(())
    }

    /// Whether it is the data set or a member of the family of that name.
    pub fn is(&self, name: &str) -> bool {
        self.label == name || self.family == name
    }

    /// Whether none of these values contradicts the options that tell it apart.
    pub fn is_at(&self, values: &BTreeMap<String, ParamValue>) -> bool {
        values.iter().all(|(name, value)| self.at.get(name).is_none_or(|have| same(have, value)))
    }
}
