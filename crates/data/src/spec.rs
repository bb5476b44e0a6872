//! Which variant of which data set is meant.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::catalog::{Catalog, OptionEntry, UnknownDataset, Values};
use crate::suggest::{did_you_mean, listed};

/// A data set and its options. Two spellings of one variant are equal once they are [canonical](Self::canonical).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatasetSpec {
    /// Name in the catalog.
    pub name: String,
    /// Options and their choices, numbers as text; what is left out takes its default.
    #[serde(default)]
    pub options: BTreeMap<String, String>,
}

/// A specification that names something that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// No such data set.
    #[error(transparent)]
    UnknownDataset(#[from] UnknownDataset),
    /// The data set has no such option.
    #[error("data set `{dataset}` has no option `{option}`{}\noptions: {}", did_you_mean(option, valid), listed(valid))]
    UnknownOption {
        /// The data set.
        dataset: String,
        /// The option asked for.
        option: String,
        /// The options it has.
        valid: Vec<String>,
    },
    /// The option has no such choice.
    #[error(
        "data set `{dataset}`, option `{option}`: `{choice}` is not a choice{}\nchoices: {}",
        did_you_mean(choice, valid),
        listed(valid)
    )]
    UnknownChoice {
        /// The data set.
        dataset: String,
        /// The option.
        option: String,
        /// The choice asked for.
        choice: String,
        /// The choices there are.
        valid: Vec<String>,
    },
    /// The option takes other numbers.
    #[error("data set `{dataset}`, option `{option}`: found `{choice}`, expected {range}")]
    OutOfRange {
        /// The data set.
        dataset: String,
        /// The option.
        option: String,
        /// What was asked for.
        choice: String,
        /// What can be asked for.
        range: String,
    },
}

impl DatasetSpec {
    /// The data set with every option at its default.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), options: BTreeMap::new() }
    }

    /// The same with one option chosen.
    #[must_use]
    pub fn with(mut self, option: impl Into<String>, choice: impl Into<String>) -> Self {
        self.options.insert(option.into(), choice.into());
        self
    }

    /// Checks the names and fills every option in.
    pub fn canonical(&self, catalog: &Catalog) -> Result<Self, SpecError> {
        let entry = catalog.get(&self.name)?;
        for (option, choice) in &self.options {
            let Some(known) = entry.options.get(option) else {
                return Err(SpecError::UnknownOption {
                    dataset: self.name.clone(),
                    option: option.clone(),
                    valid: entry.options.keys().cloned().collect(),
                });
            };
            if known.values.canonical(choice).is_none() {
                return Err(self.refused(option, choice, &known.values));
            }
        }
        let chosen = |(option, known): (&String, &OptionEntry)| {
            let asked = self.options.get(option).and_then(|choice| known.values.canonical(choice));
            (option.clone(), asked.unwrap_or_else(|| known.default.clone()))
        };
        Ok(Self { name: self.name.clone(), options: entry.options.iter().map(chosen).collect() })
    }

    fn refused(&self, option: &str, choice: &str, values: &Values) -> SpecError {
        let (dataset, option, choice) = (self.name.clone(), option.to_owned(), choice.to_owned());
        match values {
            Values::Choices(valid) => SpecError::UnknownChoice { dataset, option, choice, valid: valid.clone() },
            range => SpecError::OutOfRange { dataset, option, choice, range: range.to_string() },
        }
    }
}

impl fmt::Display for DatasetSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let options: Vec<String> = self.options.iter().map(|(option, choice)| format!("{option}={choice}")).collect();
        match options.as_slice() {
            [] => f.pad(&self.name),
            _ => f.pad(&format!("{} ({})", self.name, options.join(", "))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(spec: &DatasetSpec) -> Result<DatasetSpec, SpecError> {
        spec.canonical(&Catalog::embedded())
    }

    #[test]
    fn spellings_of_one_variant_are_equal() {
        let short = canonical(&DatasetSpec::new("parkinsons")).unwrap();
        let long = DatasetSpec::new("parkinsons").with("features", "voice").with("target", "total");
        assert_eq!(short, canonical(&long).unwrap());
        assert_eq!(short, long);
        assert_eq!(canonical(&short).unwrap(), short);
        assert_ne!(short, canonical(&DatasetSpec::new("parkinsons").with("target", "motor")).unwrap());
        assert_eq!(short.to_string(), "parkinsons (features=voice, target=total)");
        assert_eq!(canonical(&DatasetSpec::new("sarcos")).unwrap().to_string(), "sarcos");
        let noise = |text: &str| canonical(&DatasetSpec::new("synthetic-srml").with("noise", text)).unwrap();
        assert_eq!(
            (noise("1e-4"), noise("1e-1")),
            (noise("0.00010"), canonical(&DatasetSpec::new("synthetic-srml")).unwrap())
        );
    }

    #[test]
    fn wrong_names_get_help() {
        let message = |spec: DatasetSpec| canonical(&spec).unwrap_err().to_string();
        assert_eq!(
            message(DatasetSpec::new("parkinsons").with("taget", "motor")),
            "data set `parkinsons` has no option `taget`; did you mean `target`?\noptions: `target`, `features`"
        );
        assert_eq!(
            message(DatasetSpec::new("parkinsons").with("target", "motr")),
            "data set `parkinsons`, option `target`: `motr` is not a choice; did you mean `motor`?\n\
             choices: `total`, `motor`"
        );
        assert_eq!(
            message(DatasetSpec::new("sarcos").with("target", "motor")),
            "data set `sarcos` has no option `target`\noptions: none"
        );
        assert_eq!(
            message(DatasetSpec::new("synthetic-srml").with("samples", "1.5")),
            "data set `synthetic-srml`, option `samples`: found `1.5`, expected a whole number from 2 to 100000"
        );
        assert!(message(DatasetSpec::new("sarco")).contains("did you mean `sarcos`?"));
    }

    #[test]
    fn yaml_with_unknown_fields_is_refused() {
        let spec: DatasetSpec = serde_yaml::from_str("name: parkinsons\noptions: {target: motor}\n").unwrap();
        assert_eq!(spec, DatasetSpec::new("parkinsons").with("target", "motor"));
        let error = serde_yaml::from_str::<DatasetSpec>("name: parkinsons\noption: {}\n").unwrap_err();
        assert!(error.to_string().contains("option"), "{error}");
    }
}
