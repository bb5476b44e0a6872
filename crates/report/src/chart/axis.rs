//! Axes: what they show, and where their ticks are.

use super::{label, ticks};

/// An axis has at most so many labels.
const MOST_TICKS: usize = 5;
/// A logarithmic one thins its powers of ten beyond this number.
const MOST_POWERS: i32 = 7;
/// Room beside the data as a share of their range.
const ROOM: f64 = 0.06;

/// How values are spread over an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// Evenly.
    Linear,
    /// By their decimal logarithm; what is not positive is not shown.
    Log10,
}

/// An axis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Axis {
    /// Beside it.
    pub label: String,
    /// How values are spread.
    pub scale: Scale,
}

impl Scale {
    /// Position on the axis, in no unit.
    pub(super) fn place(self, value: f64) -> Option<f64> {
        match self {
            Self::Linear => value.is_finite().then_some(value),
            Self::Log10 => (value.is_finite() && value > 0.0).then(|| value.log10()),
        }
    }
}

/// What an axis shows, as positions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Span {
    scale: Scale,
    pub low: f64,
    pub high: f64,
    /// Values are whole numbers.
    whole: bool,
}

/// Ticks of an axis.
#[derive(Debug, Default)]
pub(super) struct Ticks {
    pub labelled: Vec<(f64, String)>,
    /// Those of a logarithm, without a label.
    pub between: Vec<f64>,
}

impl Span {
    pub fn of(scale: Scale, values: impl Iterator<Item = f64>) -> Self {
        let values: Vec<f64> = values.filter(|v| scale.place(*v).is_some()).collect();
        let places = values.iter().filter_map(|v| scale.place(*v));
        let (low, high) = places.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        if values.is_empty() {
            return Self { scale, low: 0.0, high: 1.0, whole: false };
        }
        let least = match scale {
            Scale::Linear => 1e-3 * high.abs().max(low.abs()),
            Scale::Log10 => 0.02,
        };
        let room = (ROOM * (high - low)).max(least);
        let room = if room > 0.0 { room } else { 0.5 };
        Self { scale, low: low - room, high: high + room, whole: values.iter().all(|v| v.fract() == 0.0) }
    }

    /// Position between the ends; what has none is at the lower end.
    pub fn share(&self, value: f64) -> f64 {
        let place = self.scale.place(value).unwrap_or(self.low);
        ((place - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }

    pub fn ticks(&self) -> Ticks {
        match self.scale {
            Scale::Linear => Ticks { labelled: self.even(self.low, self.high), between: Vec::new() },
            Scale::Log10 => self.powers(),
        }
    }

    fn even(&self, low: f64, high: f64) -> Vec<(f64, String)> {
        let mut found = ticks(low, high, MOST_TICKS);
        if self.whole {
            found.retain(|t| (t - t.round()).abs() < 1e-9);
        }
        let largest = found.iter().fold(0.0_f64, |m, t| m.max(t.abs()));
        let far = found.len() > 1 && !(1e-3..1e6).contains(&largest);
        let text = |t: f64| {
            if !far {
                return if self.whole { format!("{t:.0}") } else { label(t, &found) };
            }
            let digits = (largest / (found[1] - found[0])).log10().ceil().clamp(0.0, 6.0) as usize;
            if t.abs() < 1e-9 * largest { "0".to_owned() } else { format!("{t:.digits$e}") }
        };
        found.iter().map(|t| (*t, text(*t))).collect()
    }

    /// Powers of ten; where there is at most one of them, what lies between.
    fn powers(&self) -> Ticks {
        let inside = |mantissas: &[u8], step: i32| -> Vec<(u8, i32)> {
            let exponents = (self.low.floor() as i32..=self.high.ceil() as i32).filter(|e| e.rem_euclid(step) == 0);
            let all = exponents.flat_map(|e| mantissas.iter().map(move |m| (*m, e)));
            all.filter(|(m, e)| (self.low..=self.high).contains(&(f64::from(*m).log10() + f64::from(*e)))).collect()
        };
        let value = |(m, e): (u8, i32)| f64::from(m) * 10f64.powi(e);
        let named = |found: Vec<(u8, i32)>| found.into_iter().map(|t| (value(t), power(t.0, t.1))).collect();
        let tens = inside(&[1], 1);
        if tens.len() > 1 {
            let step = (tens.len() as i32 + MOST_POWERS - 1) / MOST_POWERS;
            let between = if step == 1 { inside(&[2, 3, 4, 5, 6, 7, 8, 9], 1) } else { Vec::new() };
            return Ticks { labelled: named(inside(&[1], step)), between: between.into_iter().map(value).collect() };
        }
        let few = inside(&[1, 2, 5], 1);
        if few.len() > 1 {
            return Ticks { labelled: named(few), between: Vec::new() };
        }
        Ticks { labelled: self.even(10f64.powf(self.low), 10f64.powf(self.high)), between: Vec::new() }
    }
}

/// A digit times a power of ten in a few characters.
fn power(mantissa: u8, exponent: i32) -> String {
    match exponent {
        0..=3 => format!("{mantissa}{}", "0".repeat(exponent as usize)),
        -3..0 => format!("0.{}{mantissa}", "0".repeat(-exponent as usize - 1)),
        _ => format!("{mantissa}e{exponent}"),
    }
}
