//! A paper's folder, read and checked as a whole: every name in it refers to something that exists.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use mtl_core::{Fractions, Metric, Scaling};
use mtl_data::{Catalog, DatasetSpec};
use mtl_methods::{Entry, ParamValue};

use crate::description::{Description, statement_name};
use crate::grid::Grid;
use crate::published::Published;
use crate::results::same;
use crate::study::{
    DataEntry, Families, Finding, FindingSide, MethodFile, Narrowing, OptionValues, PaperFile, Profile, Protocol,
    Score, Select, Show, StudyFile,
};
use crate::yaml::{Source, Spanned, YamlError, unknown};

/// A paper and everything its folder says.
pub struct Paper {
    /// Name of the folder.
    pub slug: String,
    /// The folder.
    pub folder: PathBuf,
    /// `paper.yaml`.
    pub about: PaperFile,
    /// `published.yaml`.
    pub published: Published,
    /// `findings.yaml`.
    pub findings: Vec<Finding>,
    /// Tables and figures that need no fit.
    pub descriptions: Vec<Description>,
    /// The studies, in the order of the report.
    pub studies: Vec<Study>,
}

/// A method as a paper uses it.
#[derive(Clone)]
pub struct MethodUse {
    /// The paper's name for it.
    pub label: String,
    /// The method.
    pub entry: &'static Entry,
    /// Its grid.
    pub grid: Grid,
    /// Centring and scaling, where they differ from the protocol's.
    pub scaling: Option<Scaling>,
    /// How our parameters relate to the paper's.
    pub note: Option<String>,
}

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
    /// Why results cannot be compared with the published ones.
    pub not_comparable: Option<String>,
}

/// A checked study.
#[derive(Clone)]
pub struct Study {
    /// File name without its ending.
    pub id: String,
    /// Title.
    pub title: String,
    /// What it is in the paper.
    pub source: String,
    /// What a reader should know before looking at it.
    pub note: Option<String>,
    /// How it is shown.
    pub show: Show,
    /// Table of `published.yaml` to compare with.
    pub published: Option<String>,
    /// Data sets.
    pub data: Vec<DataUse>,
    /// Sampling, splitting, scaling, repeats.
    pub protocol: Protocol,
    /// Methods.
    pub methods: Vec<MethodUse>,
    /// Label of the proposed method.
    pub reference: String,
    /// Which points of a grid are scored.
    pub score: Score,
    /// How hyperparameters are chosen.
    pub select: Select,
    /// Measures shown.
    pub metrics: Vec<Metric>,
    /// Profile this study has been narrowed to.
    pub profile: Profile,
    /// What the profile leaves out.
    pub profile_note: Option<String>,
    narrowings: IndexMap<Profile, Narrowing>,
    source_file: Source,
}

const RESERVED: [&str; 4] = ["paper", "methods", "published", "findings"];

impl Paper {
    /// Names of the papers in a folder of experiments.
    pub fn list(experiments: &Path) -> Vec<String> {
        let folders = std::fs::read_dir(experiments).into_iter().flatten().flatten();
        let mut slugs: Vec<String> = folders
            .filter(|f| f.path().join("paper.yaml").is_file())
            .map(|f| f.file_name().to_string_lossy().into_owned())
            .collect();
        slugs.sort();
        slugs
    }

    /// Reads a paper's folder and checks all of it.
    ///
    /// # Errors
    /// With file, line and the valid choices of the first thing that is wrong.
    pub fn load(experiments: &Path, slug: &str, catalog: &Catalog) -> Result<Self, YamlError> {
        let folder = experiments.join(slug);
        let source = |name: &str| Source::read(&folder.join(format!("{name}.yaml")));
        let about_file = source("paper")?;
        let about: PaperFile = about_file.parse()?;
        let published = Published::load(&source("published")?)?;
        let methods = Methods::load(source("methods")?)?;
        let ids: Vec<Spanned<String>> = about.studies.iter().chain(&about.descriptions).cloned().collect();
        let listed: Vec<&str> = ids.iter().map(|s| s.value.as_str()).collect();
        distinct(&about_file, "study", &ids)?;
        if let Some(reserved) = ids.iter().find(|s| RESERVED.contains(&s.value.as_str())) {
            return Err(about_file.error(reserved, format!("{}.yaml is no study", reserved.value)));
        }
        for file in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let name = file.path();
            let stem = name.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            if name.extension().is_some_and(|e| e == "yaml") && !RESERVED.contains(&&*stem) && !listed.contains(&&*stem)
            {
                let message = format!("`studies` and `descriptions` do not list {stem}.yaml, which is in this folder");
                return Err(about_file.error_below(&["studies"], message));
            }
        }
        if let Some(id) = ids.iter().find(|id| !folder.join(format!("{}.yaml", id.value)).is_file()) {
            return Err(about_file.error(id, format!("there is no {}.yaml in this folder", id.value)));
        }
        let describe =
            |id: &Spanned<String>| Description::load(&id.value, &source(&id.value)?, &methods, &published, catalog);
        let descriptions = about.descriptions.iter().map(describe).collect::<Result<Vec<_>, _>>()?;
        check_statements(&published, &source("published")?, &descriptions)?;
        let load = |id: &Spanned<String>| Study::load(&id.value, source(&id.value)?, &methods, &published, catalog);
        let studies = about.studies.iter().map(load).collect::<Result<Vec<_>, _>>()?;
        let findings_file = source("findings")?;
        let findings: Vec<Finding> = findings_file.parse()?;
        findings.iter().try_for_each(|finding| finding.check(&studies, &findings_file))?;
        Ok(Self { slug: slug.into(), folder, about, published, findings, descriptions, studies })
    }
}

/// Claims refer to statements that descriptions make.
fn check_statements(published: &Published, source: &Source, descriptions: &[Description]) -> Result<(), YamlError> {
    let of = |d: &Description| d.statement_ids().into_iter().map(|id| statement_name(&d.id, id)).collect::<Vec<_>>();
    let valid: Vec<String> = descriptions.iter().flat_map(of).collect();
    for claim in &published.claims {
        if let Some(name) = claim.value.check.statements().into_iter().find(|name| !valid.iter().any(|v| v == name)) {
            return Err(source.error(claim, unknown("statement", name, valid.iter().map(String::as_str))));
        }
    }
    Ok(())
}

/// Figures over hyperparameters need every point scored, other ways of showing need one; what they name has to exist, and
/// they have to say where every hyperparameter with several values is.
fn check_sweep(show: &Show, score: Score, uses: &[MethodUse], source: &Source) -> Result<(), YamlError> {
    // Each frame by the hyperparameters that it runs over or holds.
    let frames: Vec<Vec<&String>> = match show {
        Show::Sensitivity(show) => {
            let panels = show.panels.iter();
            panels.map(|p| [&p.rows, &p.columns].into_iter().chain(p.at.keys()).collect()).collect()
        }
        Show::Curves(show) => vec![vec![&show.along]; show.measures.len()],
        Show::Comparison | Show::Recovery(_) | Show::Significance(_) | Show::Families(_) | Show::Traces(_) => {
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
fn check_families(show: &Families, data: &[DataUse], uses: &[MethodUse], source: &Source) -> Result<(), YamlError> {
    let wrong = |message: String| Err(source.error_below(&["show"], message));
    if let Some(against) = show.against.as_ref().filter(|label| !uses.iter().any(|m| m.label == **label)) {
        return wrong(unknown("method of this study", against, uses.iter().map(|m| m.label.as_str())));
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

/// The method of that label among those of a study.
fn used<'u>(
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
fn distinct(source: &Source, kind: &str, names: &[Spanned<String>]) -> Result<(), YamlError> {
    for (i, name) in names.iter().enumerate() {
        if names[..i].iter().any(|before| before.value == name.value) {
            return Err(source.error(name, format!("{kind} `{}` is listed twice", name.value)));
        }
    }
    Ok(())
}

impl Finding {
    /// Checks that both sides name what exists.
    fn check(&self, studies: &[Study], source: &Source) -> Result<(), YamlError> {
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

/// `methods.yaml`.
pub(crate) struct Methods {
    source: Source,
    uses: IndexMap<String, MethodUse>,
}

impl Methods {
    fn load(source: Source) -> Result<Self, YamlError> {
        let files: IndexMap<String, MethodFile> = source.parse()?;
        let mut uses = IndexMap::new();
        for (label, file) in files {
            let entry =
                mtl_methods::method(&file.method.value).map_err(|message| source.error(&file.method, message))?;
            let grid = Grid::parse(&file.params, &file.conditions, entry, &source)?;
            let used = MethodUse { label: label.clone(), entry, grid, scaling: None, note: file.note };
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

/// The data sets that a file lists, checked.
pub(crate) fn data_uses(
    entries: Vec<DataEntry>,
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
        for (options, at) in members(&entry.options) {
            let mut variants = vec![variant(&entry.dataset, options)?];
            if let Some(other) = &entry.otherwise {
                variants.push(variant(other, Default::default())?);
            }
            let apart: String = at.iter().map(|(option, value)| format!(", {option} {value}")).collect();
            data.push(DataUse {
                label: format!("{}{apart}", entry.label),
                family: entry.label.clone(),
                at,
                variants,
                rows: entry.rows,
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
    /// Whether it is the data set or a member of the family of that name.
    pub fn is(&self, name: &str) -> bool {
        self.label == name || self.family == name
    }

    /// Whether none of these values contradicts the options that tell it apart.
    pub fn is_at(&self, values: &BTreeMap<String, ParamValue>) -> bool {
        values.iter().all(|(name, value)| self.at.get(name).is_none_or(|have| same(have, value)))
    }
}

impl Study {
    fn load(
        id: &str,
        source: Source,
        methods: &Methods,
        published: &Published,
        catalog: &Catalog,
    ) -> Result<Self, YamlError> {
        let file: StudyFile = source.parse()?;
        let lists = [("methods", file.methods.len()), ("data", file.data.len()), ("metrics", file.metrics.len())];
        if let Some((empty, _)) = lists.iter().find(|(_, length)| *length == 0) {
            return Err(source.error_below(&[empty], format!("`{empty}` is an empty list")));
        }
        distinct(&source, "method", &file.methods)?;
        let labelled = |label: &Spanned<String>| methods.labelled(&label.value).map_err(|e| source.error(label, e));
        let mut uses = file.methods.iter().map(labelled).collect::<Result<Vec<_>, _>>()?;
        for (label, params) in &file.params {
            let used = used(&mut uses, label, &source, &["params", label])?;
            used.grid = used.grid.narrowed(params, used.entry, &source)?;
        }
        for (label, conditions) in &file.conditions {
            let used = used(&mut uses, label, &source, &["where", label])?;
            used.grid = used.grid.clone().with(conditions, &source)?;
        }
        for (label, scaling) in &file.scaling {
            used(&mut uses, label, &source, &["scaling", label])?.scaling = Some(*scaling);
        }
        known(&source, "method of this study", &file.reference, file.methods.iter().map(|m| m.value.as_str()))?;
        if let Some(table) = &file.published {
            known(&source, "table of published.yaml", table, published.tables.keys().map(String::as_str))?;
        }
        let data = data_uses(file.data, &source, catalog)?;
        if let Show::Recovery(maps) = &file.show {
            for (dataset, method) in &maps.standard {
                if !data.iter().any(|d| d.label == *dataset) {
                    let valid = data.iter().map(|d| d.label.as_str());
                    let message = unknown("data set in `standard`", dataset, valid);
                    return Err(source.error_below(&["standard", dataset], message));
                }
                if !uses.iter().any(|m| m.label == *method) {
                    let valid = uses.iter().map(|m| m.label.as_str());
                    let message = unknown("method in `standard`", method, valid);
                    return Err(source.error_below(&["standard", dataset, method], message));
                }
            }
        }
        check_sweep(&file.show, file.score, &uses, &source)?;
        if let Show::Families(show) = &file.show {
            check_families(show, &data, &uses, &source)?;
        }
        let protocol = file.protocol;
        if protocol.repeats == 0 {
            return Err(source.error_below(&["protocol", "repeats"], "`repeats` is 0, expected at least 1"));
        }
        let Fractions { train, valid, test } = protocol.split;
        let split = match protocol.split.sizes(1_000_000) {
            Err(message) => Err(message),
            Ok(_) if train.min(test) == 0.0 => {
                Err(format!("{train}/{valid}/{test}: training and test part need a fraction above 0"))
            }
            Ok(_) if file.select.folds.is_some() && valid > 0.0 => {
                Err(format!("{train}/{valid}/{test}: folds of the training part choose, so `valid` is 0"))
            }
            Ok(_)
                if file.score == Score::Chosen
                    && file.select.folds.is_none()
                    && valid == 0.0
                    && uses.iter().any(|m| m.grid.is_tuned()) =>
            {
                Err(format!(
                    "{train}/{valid}/{test}: hyperparameters are chosen by the validation part, which is empty"
                ))
            }
            Ok(_) => Ok(()),
        };
        split.map_err(|message| source.error_below(&["protocol", "split"], format!("`split`: {message}")))?;
        let study = Self {
            id: id.into(),
            title: file.title,
            source: file.source,
            note: file.note,
            show: file.show,
            published: file.published.map(|p| p.value),
            data,
            protocol,
            methods: uses,
            score: file.score,
            reference: file.reference.value,
            select: file.select,
            metrics: file.metrics,
            profile: Profile::Paper,
            profile_note: None,
            narrowings: file.profiles,
            source_file: source,
        };
        for profile in study.narrowings.keys() {
            study.narrowed(*profile)?;
        }
        Ok(study)
    }

    /// Whether the profile tunes a method over fewer values than the paper's protocol.
    pub fn coarsened(&self, method: &str) -> bool {
        self.profile < Profile::Paper
            && self.narrowings.get(&self.profile).is_some_and(|n| n.params.contains_key(method))
    }

    /// The study as a profile runs it.
    ///
    /// # Errors
    /// If the profile names a method or parameter that does not exist, or a value out of range.
    pub fn narrowed(&self, profile: Profile) -> Result<Self, YamlError> {
        let mut study = Self { profile, ..self.clone() };
        let Some(narrowing) = self.narrowings.get(&profile) else { return Ok(study) };
        if let Some(repeats) = narrowing.repeats {
            if repeats == 0 {
                let message = format!("profile {}: `repeats` is 0, expected at least 1", profile.name());
                return Err(self.source_file.error_below(&["profiles", profile.name(), "repeats"], message));
            }
            study.protocol.repeats = repeats.min(self.protocol.repeats);
        }
        for (label, params) in &narrowing.params {
            let Some(used) = study.methods.iter_mut().find(|m| m.label == *label) else {
                let valid = self.methods.iter().map(|m| m.label.as_str());
                let message = unknown(&format!("method in profile {}", profile.name()), label, valid);
                return Err(self.source_file.error_below(&["profiles", profile.name(), "params", label], message));
            };
            used.grid = used.grid.narrowed(params, used.entry, &self.source_file)?;
        }
        for (family, options) in &narrowing.data {
            let at = ["profiles", profile.name(), "data", family];
            let known = study.data.iter().any(|d| d.family == *family);
            let keeps = |d: &DataUse| {
                let has = |values: &OptionValues, have| values.as_slice().iter().any(|v| same(v, have));
                options.iter().all(|(name, values)| d.at.get(name).is_some_and(|have| has(values, have)))
            };
            study.data.retain(|d| d.family != *family || keeps(d));
            if !known || !study.data.iter().any(|d| d.family == *family) {
                let message = format!("profile {}: no data set `{family}` with these options", profile.name());
                return Err(self.source_file.error_below(&at, message));
            }
        }
        study.profile_note.clone_from(&narrowing.note);
        Ok(study)
    }
}
