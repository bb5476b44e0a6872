//! Variants of a data set.

use std::fmt;

use serde::Deserialize;

/// One way in which a data set can be varied.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Declared")]
pub struct OptionEntry {
    /// What can be asked for.
    pub values: Values,
    /// What is taken if nothing is asked for.
    pub default: String,
    /// What the option means.
    pub doc: String,
}

/// What can be asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// One of several words.
    Choices(Vec<String>),
    /// A whole number in a range, its ends included.
    Whole(u64, u64),
    /// A number in a range, its ends included.
    Number(f64, f64),
}

/// An option as the catalog declares it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Declared {
    choices: Option<Vec<String>>,
    whole: Option<(u64, u64)>,
    number: Option<(f64, f64)>,
    default: String,
    doc: String,
}

impl TryFrom<Declared> for OptionEntry {
    type Error = &'static str;

    fn try_from(declared: Declared) -> Result<Self, Self::Error> {
        let Declared { choices, whole, number, default, doc } = declared;
        let values = match (choices, whole, number) {
            (Some(choices), None, None) => Values::Choices(choices),
            (None, Some((min, max)), None) => Values::Whole(min, max),
            (None, None, Some((min, max))) => Values::Number(min, max),
            _ => return Err("an option has one of `choices`, `whole` and `number`"),
        };
        Ok(Self { values, default, doc })
    }
}

impl Values {
    /// The one spelling of a value, so that `1e-1` and `0.1` are the same variant; `None` for what cannot be asked for.
    pub fn canonical(&self, text: &str) -> Option<String> {
        match self {
            Self::Choices(choices) => choices.iter().find(|c| *c == text).cloned(),
            Self::Whole(min, max) => {
                text.parse::<u64>().ok().filter(|v| (*min..=*max).contains(v)).map(|v| v.to_string())
            }
            // Adding 0 turns -0 into 0.
            Self::Number(min, max) => {
                text.parse::<f64>().ok().filter(|v| (*min..=*max).contains(v)).map(|v| (v + 0.0).to_string())
            }
        }
    }
}

impl fmt::Display for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Choices(choices) => write!(f, "one of {}", choices.join(", ")),
            Self::Whole(min, max) => write!(f, "a whole number from {min} to {max}"),
            Self::Number(min, max) => write!(f, "a number from {min} to {max}"),
        }
    }
}

impl OptionEntry {
    /// Whether the declaration makes sense.
    pub(super) fn check(&self) -> Result<(), String> {
        let empty = match &self.values {
            Values::Choices(_) => false,
            Values::Whole(min, max) => min > max,
            Values::Number(min, max) => !(min <= max && min.is_finite() && max.is_finite()),
        };
        if empty {
            return Err(format!("there is no {}", self.values.to_string().trim_start_matches("a ")));
        }
        match self.values.canonical(&self.default) {
            Some(canonical) if canonical == self.default => Ok(()),
            Some(canonical) => Err(format!("the default `{}` is spelled `{canonical}`", self.default)),
            None if matches!(self.values, Values::Choices(_)) => {
                Err(format!("the default `{}` is not a choice", self.default))
            }
            None => Err(format!("the default `{}` is not {}", self.default, self.values)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_one_spelling() {
        let number = Values::Number(0.0, 1e6);
        for (text, canonical) in [("0.1", "0.1"), ("1e-1", "0.1"), ("1e-4", "0.0001"), ("50", "50"), ("-0", "0")] {
            assert_eq!(number.canonical(text).as_deref(), Some(canonical));
        }
        for wrong in ["-1", "1e7", "NaN", "inf", "x", ""] {
            assert_eq!(number.canonical(wrong), None, "{wrong}");
        }
        let whole = Values::Whole(2, 100);
        assert_eq!((whole.canonical("075").as_deref(), whole.canonical("+7").as_deref()), (Some("75"), Some("7")));
        for wrong in ["1", "101", "7.0", "-3"] {
            assert_eq!(whole.canonical(wrong), None, "{wrong}");
        }
    }
}
