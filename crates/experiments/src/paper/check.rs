//! What studies and findings name has to exist and to go together.

use super::{DataUse, MethodUse, Study};
use crate::description::{Description, Shows, statement_name};
use crate::published::Published;
use crate::study::{Families, Finding, FindingSide, Score, Show};
use crate::yaml::{Source, Spanned, YamlError, unknown};

pub(crate) fn known<'a>(
    source: &Source,
    kind: &str,
    name: &Spanned<String>,
    valid: impl IntoIterator<Item = &'a str> + Clone,
) -> Result<(), YamlError> {
    if valid.clone().into_iter().any(|v| v == name.value) {
        return Ok(());
    }
    Err(source.error(name, unknown(kind, &name.value, valid)))
}

/// Refuses a name that is listed twice.
pub(super) fn distinct(source: &Source, kind: &str, names: &[Spanned<String>]) -> Result<(), YamlError> {
    for (i, name) in names.iter().enumerate() {
        if names[..i].iter().any(|before| before.value == name.value) {
            return Err(source.error(name, format!("{kind} `{}` is listed twice", name.value)));
        }
    }
    Ok(())
}

/// Figures over hyperparameters need every point scored, other ways of showing need one; what they name has to exist, and
/// they have to say where every hyperparameter with several values is.
pub(super) fn sweep(show: &Show, score: Score, uses: &[MethodUse], source: &Source) -> Result<(), YamlError> {
    // Each frame by the hyperparameters that it runs over or holds.
    let frames: Vec<Vec<&String>> = match show {
        Show::Sensitivity(show) => {
            let panels = show.panels.iter();
            panels.map(|p| [&p.rows, &p.columns].into_iter().chain(p.at.keys()).collect()).collect()
        }
        Show::Curves(show) => vec![vec![&show.along]; show.measures.len()],
        Show::Comparison
        | Show::Recovery(_)
        | Show::Significance(_)
        | Show::Families(_)
        | Show::Traces(_)
        | Show::Layers(_)
        | Show::Topics(_) => {
            return match score {
                Score::Chosen => Ok(()),
                Score::Every => {
                    let message = "`score: every` goes with `show: sensitivity` or `show: curves`";
                    Err(source.error_below(&["score"], message))
                }
            };
        }
    };
    let wrong = |message: String| Err(source.error_below(&["show"], message));
    if score != Score::Every {
        return wrong("this figure needs `score: every`".into());
    }
    if frames.is_empty() {
        return wrong("this figure has nothing to show: `panels` or `measures` is an empty list".into());
    }
    for method in uses {
        let valid = || method.entry.params.iter().map(|p| p.name);
        if method.grid.is_relative() {
            return wrong(format!(
                "{} has strengths that depend on the data, so its points have no place",
                method.label
            ));
        }
        for frame in &frames {
            if let Some(unknown_name) = frame.iter().find(|name| !valid().any(|v| v == name.as_str())) {
                return wrong(unknown(&format!("parameter of {}", method.label), unknown_name, valid()));
            }
            if let Some((_, twice)) = frame.iter().enumerate().find(|(i, name)| frame[..*i].contains(name)) {
                return wrong(format!("`{twice}` is named twice in one panel"));
            }
            if let Some(open) = method.grid.tuned().find(|name| !frame.iter().any(|f| f == name)) {
                let label = &method.label;
                return wrong(format!(
                    "`{open}` of {label} has several values, and the figure does not say which it shows"
                ));
            }
        }
    }
    Ok(())
}

/// A figure over families needs one axis a family, and lines that are told apart.
pub(super) fn families(
    show: &Families,
    data: &[DataUse],
    uses: &[MethodUse],
    source: &Source,
) -> Result<(), YamlError> {
    let wrong = |message: String| Err(source.error_below(&["show"], message));
    if let Some(against) = show.against.as_ref().filter(|label| !uses.iter().any(|m| m.label == **label)) {
        return wrong(unknown("method of this study", against, uses.iter().map(|m| m.label.as_str())));
    }
    if show.reach.is_some() && show.against.is_some() {
        return wrong("`reach` is a value of the measure, and `against` shows differences of it".into());
    }
    for use_ in data {
        let axes = show.along.iter().filter(|option| use_.at.contains_key(*option)).count();
        if axes != 1 {
            return wrong(format!("`{}` varies in {axes} of the options of `along`, expected one", use_.family));
        }
        if show.against.is_none() && use_.at.len() > 1 {
            return wrong(format!("`{}` varies in several options; lines are methods here", use_.family));
        }
    }
    Ok(())
}

impl Finding {
    /// Checks that both sides name what exists.
    pub(super) fn check(&self, studies: &[Study], source: &Source) -> Result<(), YamlError> {
        for side in [&self.a, &self.b] {
            known(source, "study", &side.study, studies.iter().map(|s| s.id.as_str()))?;
            let study = studies.iter().find(|s| s.id == side.study.value);
            if let (Some(study), Some(method)) = (study, &side.method) {
                known(source, "method of that study", method, study.methods.iter().map(|m| m.label.as_str()))?;
            }
        }
        let one_sided = |has: fn(&FindingSide) -> bool| has(&self.a) != has(&self.b);
        if one_sided(|side| side.method.is_some()) || one_sided(|side| side.measure.is_some()) {
            return Err(source.error(&self.a.study, "`method` or `measure` is given on one side only"));
        }
        let method = |side: &FindingSide| side.method.as_ref().map(|m| m.value.clone());
        let same = |a: &FindingSide, b: &FindingSide| {
            a.study.value == b.study.value && method(a) == method(b) && a.measure == b.measure
        };
        if same(&self.a, &self.b) {
            return Err(source.error(&self.b.study, "both sides are the same"));
        }
        let score = |side: &FindingSide| studies.iter().find(|s| s.id == side.study.value).map(|s| s.score);
        if score(&self.a) != score(&self.b) {
            let message = "one side's study scores every point, the other's a chosen one";
            return Err(source.error(&self.b.study, message));
        }
        Ok(())
    }
}

/// A description of networks names a study and a method of it.
pub(super) fn networks(description: &Description, studies: &[Study], source: &Source) -> Result<(), YamlError> {
    let Shows::Networks(networks) = &description.shows else { return Ok(()) };
    known(source, "study", &networks.study, studies.iter().map(|s| s.id.as_str()))?;
    let study = studies.iter().find(|s| s.id == networks.study.value);
    let methods = study.into_iter().flat_map(|s| s.methods.iter().map(|m| m.label.as_str()));
    known(source, "method of that study", &networks.method, methods)
}

/// Claims refer to statements that descriptions make.
pub(super) fn statements(
    published: &Published,
    source: &Source,
    descriptions: &[Description],
) -> Result<(), YamlError> {
    let of = |d: &Description| d.statement_ids().into_iter().map(|id| statement_name(&d.id, id)).collect::<Vec<_>>();
    let valid: Vec<String> = descriptions.iter().flat_map(of).collect();
    for claim in &published.claims {
        if let Some(name) = claim.value.check.statements().into_iter().find(|name| !valid.iter().any(|v| v == name)) {
            return Err(source.error(claim, unknown("statement", name, valid.iter().map(String::as_str))));
        }
    }
    Ok(())
}
