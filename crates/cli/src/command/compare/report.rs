//! What a comparison reports.

use std::cmp::Reverse;
use std::fmt::Write;

use mtl_stats::choice::{Applicable, Resampling};
use mtl_stats::comparison::Comparison;
use mtl_stats::paired::TestResult;
use mtl_stats::sample::Interval;
use serde::Serialize;

use super::series::{Protocol, Series};
use crate::table::{Column, Table, count, number, wrap};

/// Width of running text.
const WIDTH: usize = 100;

/// Two series that may be paired.
pub struct Choice<'s> {
    a: &'s Series,
    b: &'s Series,
    /// The repeats both have.
    repeats: Vec<u32>,
}

impl<'s> Choice<'s> {
    /// Pairs two series by their repeats.
    pub fn new(a: &'s Series, b: &'s Series) -> Self {
        let repeats = a.values.keys().filter(|repeat| b.values.contains_key(repeat)).copied().collect();
        Self { a, b, repeats }
    }

    /// Number of pairs.
    pub fn n(&self) -> usize {
        self.repeats.len()
    }

    /// Less is better: honest scaling, the methods as they are now, more repeats, finer grids.
    pub fn rank(&self) -> (bool, bool, Reverse<usize>, Reverse<usize>) {
        let honest = self.protocol().is_none_or(Protocol::is_honest);
        let current = self.a.is_current() && self.b.is_current();
        (!honest, !current, Reverse(self.n()), Reverse(self.a.points() + self.b.points()))
    }

    /// The protocol, if one of the two is from the store.
    pub fn protocol(&self) -> Option<&'s Protocol> {
        self.a.protocol().or(self.b.protocol())
    }

    /// The paired values.
    pub fn values(&self) -> (Vec<f64>, Vec<f64>) {
        let of =
            |series: &Series| self.repeats.iter().filter_map(|repeat| series.values.get(repeat).copied()).collect();
        (of(self.a), of(self.b))
    }

    fn describe(&self, number: usize) -> Described {
        let protocol = self.protocol();
        Described {
            number,
            data: protocol.map(|p| p.data.to_string()),
            split: protocol.map(Protocol::split),
            scaling: protocol.map(Protocol::scaling),
            a: self.a.describe(),
            b: self.b.describe(),
            repeats: self.n(),
        }
    }
}

/// A series in words, for errors.
pub fn in_words(series: &Series) -> String {
    let repeats = count(series.values.len(), "repeat");
    match series.protocol() {
        Some(p) => format!("{}, {}, {}, {}, {repeats}", p.data, p.split(), p.scaling(), series.describe()),
        None => format!("{}, {repeats}", series.describe()),
    }
}

/// A protocol in words.
#[derive(Serialize)]
struct Described {
    number: usize,
    data: Option<String>,
    split: Option<String>,
    scaling: Option<String>,
    a: String,
    b: String,
    repeats: usize,
}

/// The JSON object, and what the text shows.
#[derive(Serialize)]
pub struct Report<'a> {
    method_a: &'a str,
    method_b: &'a str,
    dataset: &'a str,
    metric: &'a str,
    /// Position in `protocols`, counted from 1.
    protocol: usize,
    protocols: Vec<Described>,
    repeats: &'a [u32],
    values_a: Vec<f64>,
    values_b: Vec<f64>,
    #[serde(flatten)]
    comparison: &'a Comparison,
    sentence: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    #[serde(skip)]
    choice: &'a Choice<'a>,
}

impl<'a> Report<'a> {
    /// Puts a report together; `number` is the chosen protocol, counted from 1.
    pub fn new(
        [method_a, method_b]: [&'a str; 2],
        dataset: &'a str,
        metric: &'a str,
        choices: &'a [Choice<'a>],
        number: usize,
        comparison: &'a Comparison,
        note: Option<String>,
    ) -> Self {
        let choice = &choices[number - 1];
        let (values_a, values_b) = choice.values();
        Self {
            method_a,
            method_b,
            dataset,
            metric,
            protocol: number,
            protocols: choices.iter().enumerate().map(|(i, c)| c.describe(i + 1)).collect(),
            repeats: &choice.repeats,
            values_a,
            values_b,
            comparison,
            sentence: comparison.sentence_for(method_a, method_b),
            note,
            choice,
        }
    }

    /// What was left out or assumed.
    pub fn notes(&self) -> Vec<String> {
        let mut notes: Vec<String> = self.note.iter().cloned().collect();
        for (name, own, other) in
            [(self.method_a, self.choice.a, self.choice.b), (self.method_b, self.choice.b, self.choice.a)]
        {
            for (repeat, reason) in own.failures.iter().filter(|(repeat, _)| !own.values.contains_key(repeat)) {
                notes.push(format!("{name} has no value for repeat {repeat}: {reason}"));
            }
            let alone: Vec<String> =
                own.values.keys().filter(|r| !other.values.contains_key(r)).map(u32::to_string).collect();
            if !alone.is_empty() {
                notes.push(format!("left out, as only {name} has them: repeats {}", alone.join(", ")));
            }
        }
        notes
    }

    /// The report for readers.
    pub fn text(&self) -> String {
        let better = if self.comparison.higher_is_better { "higher" } else { "lower" };
        let mut text = format!(
            "{} and {} on {}: {} ({better} is better), {}\n",
            self.method_a,
            self.method_b,
            self.dataset,
            self.metric,
            count(self.comparison.n, "pair")
        );
        for line in self.protocols.get(self.protocol - 1).iter().flat_map(|p| self.protocol_lines(p)) {
            text.push_str(&format!("  {line}\n"));
        }
        let parts =
            [self.values_table(), self.tests(), self.effects(), self.posterior(), self.paragraph(), self.others()];
        for part in parts.into_iter().filter(|part| !part.is_empty()) {
            // Writing to a string cannot fail.
            let _ = write!(text, "\n{part}");
        }
        text
    }

    fn protocol_lines(&self, protocol: &Described) -> Vec<String> {
        let stored = [&protocol.data, &protocol.split, &protocol.scaling].into_iter().flatten().cloned();
        let methods = [(self.method_a, &protocol.a), (self.method_b, &protocol.b)];
        stored.chain(methods.map(|(name, how)| format!("{name}: {how}"))).collect()
    }

    fn values_table(&self) -> String {
        let columns = [Column::Left, Column::Right, Column::Right, Column::Left];
        let mut table = Table::new(["", "mean", "sd", ""].into_iter().zip(columns));
        let c = self.comparison;
        for (name, side) in [(self.method_a, &c.a), (self.method_b, &c.b)] {
            table.row([name.to_owned(), number(side.mean), side.std.map_or("".into(), number)]);
        }
        let interval = c.interval.as_ref().map_or(String::new(), interval);
        table.row(["difference".to_owned(), number(c.difference), String::new(), interval]);
        table.to_string()
    }

    fn tests(&self) -> String {
        let columns = [Column::Left, Column::Right, Column::Right, Column::Right, Column::Left];
        let mut table = Table::new(["test", "statistic", "df", "p", ""].into_iter().zip(columns));
        let c = self.comparison;
        let all = [
            (Some(&c.paired_t), Applicable::PairedT),
            (c.corrected_t.as_ref(), Applicable::CorrectedT),
            (Some(&c.wilcoxon), Applicable::Wilcoxon),
        ];
        for (test, kind) in all {
            let Some(test) = test else { continue };
            table.row(test_row(test, if c.applies == kind { "<- applies" } else { "" }));
        }
        table.row(test_row(&c.sign, ""));
        let why = wrap(&c.why, WIDTH).join("\n");
        let ratio = match c.resampling {
            Resampling::Independent => String::new(),
            Resampling::Overlapping { test_over_train } => {
                format!("\nTest rows over training rows: {}.", number(test_over_train))
            }
            Resampling::KFold { k } => format!("\nFolds: {k}."),
        };
        format!("{table}{why}{ratio}\n")
    }

    fn effects(&self) -> String {
        let c = self.comparison;
        let effect = |effect: Option<mtl_stats::effect::Effect>| {
            effect.map_or("undefined".to_owned(), |e| format!("{:.2} ({})", e.value, e.magnitude))
        };
        format!(
            "Cohen's d_z {}, Cliff's delta {}; signs are those of {} - {}\n",
            effect(c.cohen_dz),
            effect(c.cliffs_delta),
            self.method_a,
            self.method_b
        )
    }

    fn posterior(&self) -> String {
        let Some(p) = &self.comparison.bayes else { return String::new() };
        let (a_better, b_better) = if self.comparison.higher_is_better { (p.right, p.left) } else { (p.left, p.right) };
        format!(
            "Posterior probability: {} better {a_better:.3}, equal within {} {:.3}, {} better {b_better:.3}\n",
            self.method_a,
            number(p.half_width),
            p.rope,
            self.method_b
        )
    }

    fn paragraph(&self) -> String {
        format!("{}\n", wrap(&self.sentence, WIDTH).join("\n"))
    }

    fn others(&self) -> String {
        /// More would push the result off the screen; JSON has them all.
        const SHOWN: usize = 12;
        let others: Vec<&Described> = self.protocols.iter().filter(|p| p.number != self.protocol).collect();
        if others.is_empty() {
            return String::new();
        }
        let columns = [Column::Right, Column::Right, Column::Wrapped(84)];
        let mut table = Table::new(["--protocol", "pairs", ""].into_iter().zip(columns));
        for other in others.iter().take(SHOWN) {
            let text = self.protocol_lines(other).join("; ");
            table.row([other.number.to_string(), other.repeats.to_string(), text]);
        }
        let more = match others.len().saturating_sub(SHOWN) {
            0 => String::new(),
            more => format!("and {more} more (--json lists all)\n"),
        };
        format!("Also stored:\n{table}{more}")
    }
}

fn test_row(test: &TestResult, mark: &str) -> [String; 5] {
    let statistic = if test.statistic.is_finite() { format!("{:.3}", test.statistic) } else { "infinite".into() };
    let df = test.df.map_or(String::new(), |df| df.to_string());
    let p = if test.p < 1e-4 && test.p > 0.0 { format!("{:.1e}", test.p) } else { format!("{:.4}", test.p) };
    [test.name.to_owned(), statistic, df, p, mark.to_owned()]
}

fn interval(interval: &Interval) -> String {
    format!("{:.0} % interval [{}, {}]", 100.0 * interval.level, number(interval.low), number(interval.high))
}
