//! The methods of a paper and of its studies.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use mtl_core::Scaling;
use mtl_methods::{Entry, ParamValue};

use super::known;
use crate::grid::Grid;
use crate::results::same;
use crate::study::MethodFile;
use crate::yaml::{Source, Spanned, YamlError, unknown};

/// A method as a paper uses it.
#[derive(Clone)]
pub struct MethodUse {
    /// The paper's name for it; of a member of a family, with what tells it from the others.
    pub label: String,
    /// Name of the family.
    pub family: String,
    /// The hyperparameters that tell members of the family apart, with their values; none where it is no family.
    pub at: BTreeMap<String, ParamValue>,
    /// The method.
    pub entry: &'static Entry,
    /// Its grid.
    pub grid: Grid,
    /// Centring and scaling, where they differ from the protocol's.
    pub scaling: Option<Scaling>,
    /// How our parameters relate to the paper's.
    pub note: Option<String>,
    /// Labels of the methods whose best it stands for, if it is none of its own.
    pub either: Vec<String>,
}

impl MethodUse {
    /// A label for the best of other methods of a study.
    pub(super) fn either(
        label: &str,
        others: &[Spanned<String>],
        listed: &[Spanned<String>],
        methods: &Methods,
        source: &Source,
    ) -> Result<Self, YamlError> {
        for other in others {
            known(source, "method of this study", other, listed.iter().map(|m| m.value.as_str()))?;
        }
        let (first, either) = match others {
            [first, _, ..] => (first, others.iter().map(|m| m.value.clone()).collect()),
            _ => return Err(source.error_below(&["either", label], "expected at least two methods")),
        };
        let first = methods.labelled(&first.value).map_err(|e| source.error(first, e))?;
        let grid = Grid::parse(&IndexMap::new(), &[], first.entry, source)?;
        Ok(Self { label: label.into(), family: label.into(), either, grid, ..first })
    }

    /// Whether it is the method or a member of the family of that name.
    pub fn is(&self, name: &str) -> bool {
        self.label == name || self.family == name
    }

    /// Whether none of these values contradicts the hyperparameters that tell it apart.
    pub fn is_at(&self, values: &BTreeMap<String, ParamValue>) -> bool {
        values.iter().all(|(name, value)| self.at.get(name).is_none_or(|have| same(have, value)))
    }

    /// The members of its family: one for every combination of the values it has for these hyperparameters, or itself.
    pub(super) fn members(&self, each: &[String]) -> Vec<Self> {
        let mut members = vec![self.clone()];
        for name in each {
            let values = self.grid.values(name);
            if !values.is_empty() {
                let with = |member: &Self| values.iter().map(|v| member.held(name, v)).collect::<Vec<_>>();
                members = members.iter().flat_map(with).collect();
            }
        }
        members
    }

    fn held(&self, name: &str, value: &ParamValue) -> Self {
        let mut member = self.clone();
        member.label = format!("{}, {name} {value}", self.label);
        member.at.insert(name.to_owned(), value.clone());
        member.grid = self.grid.held(name, value);
        member
    }
}

/// `methods.yaml`.
pub(crate) struct Methods {
    source: Source,
    uses: IndexMap<String, MethodUse>,
}

impl Methods {
    pub(super) fn load(source: Source) -> Result<Self, YamlError> {
        let files: IndexMap<String, MethodFile> = source.parse()?;
        let mut uses = IndexMap::new();
        for (label, file) in files {
            let entry =
                mtl_methods::method(&file.method.value).map_err(|message| source.error(&file.method, message))?;
            let grid = Grid::parse(&file.params, &file.conditions, entry, &source)?;
            let (family, at) = (label.clone(), BTreeMap::new());
            let used = MethodUse {
                label: label.clone(),
                family,
                at,
                entry,
                grid,
                scaling: None,
                note: file.note,
                either: Vec::new(),
            };
            uses.insert(label, used);
        }
        Ok(Self { source, uses })
    }

    /// The method of that label.
    pub(crate) fn labelled(&self, label: &str) -> Result<MethodUse, String> {
        let kind = format!("method label of {}", self.source.name());
        self.uses.get(label).cloned().ok_or_else(|| unknown(&kind, label, self.uses.keys().map(String::as_str)))
    }
}

/// The method of that label among those of a study.
pub(super) fn used<'u>(
    uses: &'u mut [MethodUse],
    label: &str,
    source: &Source,
    path: &[&str],
) -> Result<&'u mut MethodUse, YamlError> {
    let place = uses.iter().position(|m| m.label == label);
    let valid: Vec<String> = uses.iter().map(|m| m.label.clone()).collect();
    match place {
        Some(place) => Ok(&mut uses[place]),
        None => {
            let message = unknown("method of this study", label, valid.iter().map(String::as_str));
            Err(source.error_below(path, message))
        }
    }
}
