//! How large the three parts of a split are: as fractions of the rows there are, or as numbers of rows.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Part;

/// How large the three parts are, as fractions of each task's rows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fractions {
    /// Fraction of rows to train on.
    pub train: f64,
    /// Fraction of rows to choose on.
    pub valid: f64,
    /// Fraction of rows to test on.
    pub test: f64,
}

impl Fractions {
    /// Sizes of the three parts of `n` rows: train and validation rounded to the nearest row, test the rest.
    /// Every part with a positive fraction gets at least one row.
    pub fn sizes(&self, n: usize) -> Result<[usize; 3], String> {
        let sum = self.train + self.valid + self.test;
        if (sum - 1.0).abs() > 1e-9 || [self.train, self.valid, self.test].iter().any(|f| !(0.0..=1.0).contains(f)) {
            return Err(format!(
                "fractions {} + {} + {} must be within 0..1 and sum to 1",
                self.train, self.valid, self.test
            ));
        }
        let part = |f: f64| if f > 0.0 { ((f * n as f64).round() as usize).max(1) } else { 0 };
        let (train, valid) = (part(self.train), part(self.valid));
        match n.checked_sub(train + valid) {
            Some(test) if test > 0 || self.test == 0.0 => Ok([train, valid, test]),
            _ => Err(format!("{n} rows are too few for a {}/{}/{} split", self.train, self.valid, self.test)),
        }
    }
}

/// Numbers of rows of each task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// Rows to train on.
    pub train: usize,
    /// Rows to choose on.
    #[serde(default)]
    pub valid: usize,
    /// Rows to test on; all that are left, if it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<usize>,
}

/// How rows are drawn for the parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Draw {
    /// Whatever their class is.
    #[default]
    Random,
    /// Each part has the shares of classes that the task has. Tasks that share inputs are drawn together, by the
    /// combinations of their labels.
    Stratified,
    /// Each task by itself draws as many positive rows as negative ones for each part. Where a class has too few, all
    /// parts of the task shrink alike.
    Balanced,
}

impl Draw {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Numbers of rows and how they are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RowSizes {
    /// How many.
    pub rows: Counts,
    /// How they are drawn.
    #[serde(skip_serializing_if = "Draw::is_default")]
    pub draw: Draw,
}

/// Fractions of the rows that a data set is sampled to, and how these rows are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct DrawnFractions {
    /// How large.
    #[serde(flatten)]
    pub fractions: Fractions,
    /// How they are drawn.
    pub draw: Draw,
}

/// Fractions taken one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct NestedFractions {
    /// `test` is a fraction of each task's rows, `train` and `valid` are fractions of the rows that it leaves.
    pub nested: Fractions,
}

impl NestedFractions {
    /// Sizes of the three parts of `n` rows, all rounded down: a row may be left over.
    pub fn sizes(&self, n: usize) -> Result<[usize; 3], String> {
        let Fractions { train, valid, test } = self.nested;
        if [train, valid, test].iter().any(|f| !(0.0..=1.0).contains(f)) || train + valid > 1.0 + 1e-9 {
            return Err(format!(
                "nested fractions {train} + {valid} of what {test} leaves must be within 0..1, the first two up to 1 together"
            ));
        }
        // 0.2 * 35 is a little more than 7, and 0.8 * 35 could as well be less than 28.
        let part = |f: f64, n: usize| (f * n as f64 + 1e-9).floor() as usize;
        let test_rows = part(test, n);
        let sizes = [part(train, n - test_rows), part(valid, n - test_rows), test_rows];
        let empty = sizes.iter().zip([train, valid, test]).any(|(size, f)| *size == 0 && f > 0.0);
        if empty {
            Err(format!("{n} rows are too few for a {train}/{valid} split of what {test} leaves"))
        } else {
            Ok(sizes)
        }
    }
}

/// How large the three parts of a split are: `{train: 0.6, valid: 0.2, test: 0.2}`, perhaps with a `draw`,
/// `{nested: {train: 0.8, valid: 0.2, test: 0.2}}` or `{rows: {train: 50, valid: 50}, draw: stratified}`.
///
/// Part of the identity of stored results: fractions are written as they were when there was nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(untagged, try_from = "Declared")]
pub enum Sizes {
    /// As fractions of each task's rows, whatever their class is.
    Fractions(Fractions),
    /// As fractions of each task's rows, with an eye on their classes.
    Drawn(DrawnFractions),
    /// As fractions of each task's rows and of what is left of them.
    Nested(NestedFractions),
    /// As numbers of rows.
    Rows(RowSizes),
}

/// Both ways at once, so that a mistake in one is not reported as a failure of both.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Declared {
    train: Option<f64>,
    valid: Option<f64>,
    test: Option<f64>,
    nested: Option<Fractions>,
    rows: Option<Counts>,
    draw: Option<Draw>,
}

impl TryFrom<Declared> for Sizes {
    type Error = &'static str;

    fn try_from(declared: Declared) -> Result<Self, Self::Error> {
        match declared {
            Declared { train: Some(train), valid: Some(valid), test: Some(test), nested: None, rows: None, draw } => {
                let fractions = Fractions { train, valid, test };
                Ok(match draw.unwrap_or_default() {
                    Draw::Random => Self::Fractions(fractions),
                    draw => Self::Drawn(DrawnFractions { fractions, draw }),
                })
            }
            Declared { train: None, valid: None, test: None, nested: Some(nested), rows: None, draw: None } => {
                Ok(Self::Nested(NestedFractions { nested }))
            }
            Declared { train: None, valid: None, test: None, nested: None, rows: Some(rows), draw } => {
                Ok(Self::Rows(RowSizes { rows, draw: draw.unwrap_or_default() }))
            }
            Declared { nested: Some(_), .. } => Err("parts are given as `nested` and nothing else, or not as `nested`"),
            Declared { rows: Some(_), .. } => Err("parts are given as fractions or as `rows`, not as both"),
            _ => Err("expected fractions `train`, `valid` and `test`, or `rows: {train: .., valid: ..}`"),
        }
    }
}

impl From<Fractions> for Sizes {
    fn from(fractions: Fractions) -> Self {
        Self::Fractions(fractions)
    }
}

impl fmt::Display for Sizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fractions(Fractions { train, valid, test })
            | Self::Drawn(DrawnFractions { fractions: Fractions { train, valid, test }, .. }) => {
                write!(f, "{train}/{valid}/{test}")
            }
            Self::Nested(NestedFractions { nested: Fractions { train, valid, test } }) => {
                write!(f, "{train}/{valid} of what {test} leaves")
            }
            Self::Rows(RowSizes { rows: Counts { train, valid, test: Some(test) }, .. }) => {
                write!(f, "{train}/{valid}/{test} rows")
            }
            Self::Rows(RowSizes { rows: Counts { train, valid, test: None }, .. }) => {
                write!(f, "{train}/{valid} rows and the rest")
            }
        }
    }
}

impl Sizes {
    /// The fractions, if the sizes are given as such.
    pub fn fractions(&self) -> Option<Fractions> {
        match self {
            Self::Fractions(fractions) | Self::Drawn(DrawnFractions { fractions, .. }) => Some(*fractions),
            Self::Nested(_) | Self::Rows(_) => None,
        }
    }

    /// Whether the sizes make sense, whatever the data; the message says what does not.
    pub fn check(&self) -> Result<(), String> {
        if let Some(fractions) = self.fractions() {
            fractions.sizes(1_000_000)?;
        }
        if let Self::Nested(nested) = self {
            nested.sizes(1_000_000)?;
        }
        if !(self.has(Part::Train) && self.has(Part::Test)) {
            let what = if matches!(self, Self::Rows(_)) { "at least one row" } else { "a fraction above 0" };
            return Err(format!("{self}: training and test part need {what}"));
        }
        match self {
            Self::Rows(RowSizes { rows, draw: Draw::Balanced }) => match *rows {
                Counts { test: None, .. } => Err(format!("{self}: `draw: balanced` needs a number for `test`")),
                Counts { train, valid, test: Some(test) } if [train, valid, test].contains(&1) => {
                    Err(format!("{self}: a balanced part has at least two rows, one of each class"))
                }
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }

    /// Whether a part gets any rows.
    pub fn has(&self, part: Part) -> bool {
        match (self, part) {
            (
                Self::Fractions(f)
                | Self::Drawn(DrawnFractions { fractions: f, .. })
                | Self::Nested(NestedFractions { nested: f }),
                part,
            ) => match part {
                Part::Train => f.train > 0.0,
                Part::Valid => f.valid > 0.0,
                Part::Test => f.test > 0.0,
            },
            (Self::Rows(RowSizes { rows, .. }), Part::Train) => rows.train > 0,
            (Self::Rows(RowSizes { rows, .. }), Part::Valid) => rows.valid > 0,
            (Self::Rows(RowSizes { rows, .. }), Part::Test) => rows.test != Some(0),
        }
    }

    /// Test rows over training rows; `None` where the test rows are those that are left. Balanced parts that have to
    /// shrink keep it.
    pub fn test_over_train(&self) -> Option<f64> {
        match self {
            Self::Fractions(f) | Self::Drawn(DrawnFractions { fractions: f, .. }) => Some(f.test / f.train),
            Self::Nested(NestedFractions { nested: f }) => Some(f.test / ((1.0 - f.test) * f.train)),
            Self::Rows(RowSizes { rows, .. }) => Some(rows.test? as f64 / rows.train as f64),
        }
    }

    /// Rows that train of a task with `n` rows.
    pub fn training_rows(&self, n: usize) -> Option<usize> {
        match self {
            Self::Fractions(fractions) | Self::Drawn(DrawnFractions { fractions, .. }) => {
                fractions.sizes(n).ok().map(|[train, _, _]| train)
            }
            Self::Nested(nested) => nested.sizes(n).ok().map(|[train, _, _]| train),
            Self::Rows(RowSizes { rows, .. }) => Some(rows.train),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Sizes, String> {
        serde_json::from_str(json).map_err(|e| e.to_string())
    }

    fn rows(train: usize, valid: usize, test: Option<usize>, draw: Draw) -> Sizes {
        Sizes::Rows(RowSizes { rows: Counts { train, valid, test }, draw })
    }

    #[test]
    fn fractions_are_written_as_ever() {
        let fractions = Fractions { train: 0.6, valid: 0.2, test: 0.2 };
        let text = r#"{"train":0.6,"valid":0.2,"test":0.2}"#;
        assert_eq!(serde_json::to_string(&Sizes::from(fractions)).unwrap(), text);
        assert_eq!(serde_json::to_string(&fractions).unwrap(), text);
        assert_eq!(read(text), Ok(fractions.into()));
    }

    #[test]
    fn fractions_can_say_how_rows_are_drawn() {
        let fractions = Fractions { train: 0.5, valid: 0.25, test: 0.25 };
        let sizes = Sizes::Drawn(DrawnFractions { fractions, draw: Draw::Balanced });
        let text = r#"{"train":0.5,"valid":0.25,"test":0.25,"draw":"balanced"}"#;
        assert_eq!((serde_json::to_string(&sizes).unwrap().as_str(), read(text)), (text, Ok(sizes)));
        assert_eq!(read(&text.replace("balanced", "random")), Ok(fractions.into()), "one spelling for one thing");
        assert!(sizes.check().is_ok() && sizes.has(Part::Valid));
        assert_eq!((sizes.test_over_train(), sizes.training_rows(40)), (Some(0.5), Some(20)));
        assert_eq!(sizes.to_string(), "0.5/0.25/0.25");
    }

    #[test]
    fn nested_fractions_are_rounded_down() {
        let nested = NestedFractions { nested: Fractions { train: 0.8, valid: 0.2, test: 0.2 } };
        let sizes = Sizes::Nested(nested);
        let text = r#"{"nested":{"train":0.8,"valid":0.2,"test":0.2}}"#;
        assert_eq!((serde_json::to_string(&sizes).unwrap().as_str(), read(text)), (text, Ok(sizes)));
        assert_eq!(nested.sizes(1800), Ok([1152, 288, 360]));
        assert_eq!(nested.sizes(22), Ok([14, 3, 4]), "one row is left over");
        assert_eq!(nested.sizes(35), Ok([22, 5, 7]));
        assert!(nested.sizes(4).unwrap_err().contains("too few"));
        assert!(sizes.check().is_ok() && sizes.has(Part::Valid));
        assert_eq!((sizes.test_over_train(), sizes.training_rows(22)), (Some(0.2 / (0.8 * 0.8)), Some(14)));
        assert_eq!(sizes.to_string(), "0.8/0.2 of what 0.2 leaves");
        assert!(read(&text.replace("0.8", "0.9")).unwrap().check().unwrap_err().contains("up to 1 together"));
        assert!(
            read(r#"{"nested":{"train":0.8,"valid":0.2,"test":0.2},"train":0.5}"#)
                .unwrap_err()
                .contains("nothing else")
        );
    }

    #[test]
    fn rows_are_written_without_defaults_and_read_again() {
        for (sizes, text) in [
            (rows(50, 50, None, Draw::Random), r#"{"rows":{"train":50,"valid":50}}"#),
            (rows(9, 0, Some(7), Draw::Random), r#"{"rows":{"train":9,"valid":0,"test":7}}"#),
            (rows(4, 4, Some(4), Draw::Balanced), r#"{"rows":{"train":4,"valid":4,"test":4},"draw":"balanced"}"#),
            (rows(4, 4, None, Draw::Stratified), r#"{"rows":{"train":4,"valid":4},"draw":"stratified"}"#),
        ] {
            assert_eq!(serde_json::to_string(&sizes).unwrap(), text);
            assert_eq!(read(text), Ok(sizes));
        }
        assert_eq!(read(r#"{"rows":{"train":9}}"#), Ok(rows(9, 0, None, Draw::Random)));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let fails = |json: &str, part: &str| {
            let error = read(json).and_then(|sizes| sizes.check()).unwrap_err();
            assert!(error.contains(part), "{json}: {error}");
        };
        fails(r#"{"train":0.6,"valid":0.4}"#, "expected fractions `train`, `valid` and `test`, or `rows");
        fails(r#"{"train":0.6,"valid":0.2,"test":0.3,"draw":"balanced"}"#, "sum to 1");
        fails(r#"{"train":0.6,"draw":"balanced"}"#, "expected fractions `train`, `valid` and `test`, or `rows");
        fails(r#"{"train":0.6,"rows":{"train":5}}"#, "not as both");
        fails(r#"{"train":0.6,"valid":0.2,"tset":0.2}"#, "tset");
        fails(r#"{"rows":{"train":-5}}"#, "-5");
        fails(r#"{"rows":{"train":5},"draw":"even"}"#, "even");
        fails(r#"{"train":0.6,"valid":0.2,"test":0.3}"#, "sum to 1");
        fails(r#"{"train":0.0,"valid":0.5,"test":0.5}"#, "0/0.5/0.5: training and test part need a fraction above 0");
        fails(r#"{"rows":{"train":0,"valid":5}}"#, "0/5 rows and the rest: training and test part need at least one");
        fails(r#"{"rows":{"train":5,"test":0}}"#, "need at least one row");
        fails(r#"{"rows":{"train":4,"valid":4},"draw":"balanced"}"#, "needs a number for `test`");
        fails(r#"{"rows":{"train":4,"valid":1,"test":4},"draw":"balanced"}"#, "at least two rows");
    }

    #[test]
    fn what_is_known_without_the_data() {
        let fractions = Sizes::from(Fractions { train: 0.5, valid: 0.25, test: 0.25 });
        assert_eq!((fractions.test_over_train(), fractions.training_rows(40)), (Some(0.5), Some(20)));
        let counts = rows(50, 20, Some(100), Draw::Random);
        assert_eq!((counts.test_over_train(), counts.training_rows(40)), (Some(2.0), Some(50)));
        assert_eq!(rows(50, 20, None, Draw::Random).test_over_train(), None);
        assert!(counts.has(Part::Valid) && !rows(50, 0, None, Draw::Random).has(Part::Valid));
        assert!(rows(50, 0, None, Draw::Random).check().is_ok());
    }
}
