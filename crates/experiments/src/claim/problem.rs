//! What parses as a claim but means nothing.

use super::evidence::Axes;
use super::schema::{Argbest, Check, Compare, Extremum, Order, Over, Ratio, Spread, Stretch};
use super::scope::{Elsewhere, Except, Names, Scope, Side, Values};

type Checked = Result<(), String>;

fn require(holds: bool, otherwise: impl Into<String>) -> Checked {
    if holds { Ok(()) } else { Err(otherwise.into()) }
}

impl Check {
    /// What makes no sense about it, and what would.
    ///
    /// # Errors
    /// In words, with the name of the primitive at fault.
    pub fn problem(&self) -> Result<(), String> {
        let (name, checked) = match self {
            Self::All(parts) | Self::Any(parts) => {
                require(!parts.is_empty(), "`all` and `any` need a part")?;
                return parts.iter().try_for_each(Self::problem);
            }
            Self::Not(part) => return part.problem(),
            Self::Manual(reason) => {
                ("manual", require(!reason.trim().is_empty(), "say why records cannot decide, and what does"))
            }
            Self::Statement(name) => {
                let two = name.split_once('/').is_some_and(|(of, id)| !of.is_empty() && !id.is_empty());
                ("statement", require(two, format!("`{name}` is not of the form description/statement")))
            }
            Self::Compare(c) => ("compare", compare(c)),
            Self::Ratio(c) => ("ratio", ratio(c)),
            Self::Equal(c) => ("equal", {
                let tolerances = [c.within, c.within_relative];
                scope(&c.on).and(sides(&c.a, &c.b)).and(bounds(&tolerances, 0.0, "`within` or `within_relative`"))
            }),
            Self::Extremum(c) => ("extremum", extremum(c)),
            Self::Order(c) => ("order", order(c)),
            Self::Spread(c) => ("spread", spread(c)),
            Self::Monotone(c) => {
                let one = require(c.along.len() == 1, "`along` names one parameter with its values in order");
                ("monotone", scope(&c.on).and(names(&c.method)).and(one).and(along(&c.along)))
            }
            Self::Argbest(c) => ("argbest", argbest(c)),
            Self::Slope(c) => {
                let named = scope(&c.on).and(names(&c.method)).and(names(&c.along));
                ("slope", named.and(range(c.low, c.high)))
            }
            Self::Recovery(c) => {
                let finite = require(c.value.is_finite(), "`value` is not a number");
                ("recovery", scope(&c.on).and(names(&c.method)).and(finite))
            }
            Self::Constant(c) => ("constant", scope(&c.on).and(names(&c.method)).and(range(c.low, c.high))),
        };
        checked.map_err(|message| format!("{name}: {message}"))
    }
}

fn names(names: &Names) -> Checked {
    require(names.iter().next().is_some(), "an empty list of names")
}

fn lists<'a>(lists: impl IntoIterator<Item = Option<&'a Names>>) -> Checked {
    lists.into_iter().flatten().try_for_each(names)
}

fn values<'a>(params: impl IntoIterator<Item = (&'a String, &'a Values)>) -> Checked {
    params
        .into_iter()
        .try_for_each(|(name, values)| require(!values.as_slice().is_empty(), format!("`{name}` has no values")))
}

fn scope(scope: &Scope) -> Checked {
    lists([scope.dataset.as_ref(), scope.metric.as_ref()]).and(values(&scope.params))
}

fn range(low: f64, high: f64) -> Checked {
    require(low <= high, format!("`low` is {low} and `high` is {high}"))
}

/// At least one bound is given, and none lies below what makes sense.
fn bounds(bounds: &[Option<f64>], least: f64, names: &str) -> Checked {
    let given: Vec<f64> = bounds.iter().copied().flatten().collect();
    require(!given.is_empty(), format!("{names} is needed"))?;
    require(given.iter().all(|b| b.is_finite() && *b >= least), format!("{names}: expected a number >= {least}"))
}

fn sides(a: &Side, b: &Side) -> Checked {
    require(!matches!(a, Side::Number(_)), "`a` is a number; let it be the method and `b` the number")?;
    require(!(a.follows() && b.follows()), "neither side names a method")?;
    require(!(a.follows() && matches!(b, Side::Number(_))), "`a` names no method")?;
    for side in [a, b] {
        match side {
            Side::Number(value) => require(value.is_finite(), "`b` is not a number")?,
            Side::Methods(methods) => names(methods)?,
            Side::Elsewhere(to) => {
                let Elsewhere { method, dataset, metric, params, others, .. } = to;
                lists([method.as_ref(), dataset.as_ref(), metric.as_ref()]).and(values(params))?;
                require(method.is_none() || others.is_none(), "a side has either `method` or `others`")?;
            }
        }
    }
    Ok(())
}

fn compare(c: &Compare) -> Checked {
    let empty = |e: &Except| e.method.is_none() && e.dataset.is_none();
    scope(&c.on).and(sides(&c.a, &c.b))?;
    require(c.margin.is_finite() && c.margin >= 0.0, format!("`margin` is {}, expected a number >= 0", c.margin))?;
    require(c.at_least != Some(0), "`at_least` is 0, which always holds")?;
    require(!c.except.iter().any(empty), "`except` names neither method nor data set, which leaves nothing")
}

fn ratio(c: &Ratio) -> Checked {
    scope(&c.on).and(sides(&c.a, &c.b)).and(bounds(&[c.at_least, c.at_most], 0.0, "`at_least` or `at_most`"))
}

fn extremum(c: &Extremum) -> Checked {
    scope(&c.on).and(names(&c.method)).and(lists([c.among.as_ref(), c.excluding.as_ref()]))?;
    require(c.rank >= 1, "`rank` is 0; the first has rank 1")?;
    require(c.at_least != Some(0), "`at_least` is 0, which always holds")?;
    let both = c.at_least.is_some() && c.over == Over::MeanRank;
    require(!both, "`at_least` counts cells, and `over: mean-rank` makes one of them all")?;
    let excluded = c.method.iter().find(|m| c.excluding.as_ref().is_some_and(|e| e.contains(m)));
    excluded.map_or(Ok(()), |m| Err(format!("`excluding` leaves out {m}, which the claim is about")))
}

fn order(c: &Order) -> Checked {
    scope(&c.on)?;
    require(c.ascending.is_empty() != c.descending.is_empty(), "expected either `ascending` or `descending`")?;
    let least = if c.stretch == Stretch::Among { 2 } else { 1 };
    require(c.ascending.len() + c.descending.len() >= least, "one method alone is in no order")
}

fn along(axes: &Axes) -> Checked {
    require(axes.values().map(Vec::len).product::<usize>() >= 2, "`along` needs a parameter with two values or more")
}

fn spread(c: &Spread) -> Checked {
    scope(&c.on).and(lists([c.method.as_ref(), c.excluding.as_ref()]))?;
    if c.along.is_empty() {
        let one = c.method.as_ref().is_some_and(|m| m.iter().count() < 2);
        require(!one, "expected two methods, or a parameter in `along`")?;
        require(c.less_than_along.is_empty(), "`less_than_along` needs `along` to compare with")?;
    } else {
        along(&c.along).and(c.less_than_along.iter().try_for_each(along))?;
    }
    if !c.less_than_along.is_empty() && c.difference.is_none() && c.ratio.is_none() {
        return Ok(());
    }
    bounds(&[c.difference, c.ratio], 0.0, "`difference` or `ratio`")?;
    require(c.ratio.is_none_or(|r| r >= 1.0), "`ratio` is of the largest to the smallest: expected a number >= 1")
}

fn argbest(c: &Argbest) -> Checked {
    scope(&c.on).and(names(&c.method)).and(along(&c.along)).and(values(&c.expected))?;
    require(!c.expected.is_empty() || c.below.is_some(), "`expected` or `below` is needed")?;
    for name in c.expected.keys() {
        let known: Vec<_> = c.along.keys().map(String::as_str).collect();
        require(c.along.contains_key(name), format!("`expected` names {name}; `along` has {}", known.join(", ")))?;
    }
    Ok(())
}
