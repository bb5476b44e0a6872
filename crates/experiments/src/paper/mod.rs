//! A paper's folder, read and checked as a whole: every name in it refers to something that exists.

mod check;
mod data;
mod methods;

use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use mtl_core::{Metric, Part, Sizes};
use mtl_data::Catalog;

pub(crate) use self::check::known;
use self::check::{distinct, families, sweep};
pub use self::data::DataUse;
use self::data::Overrides;
pub(crate) use self::data::data_uses;
pub use self::methods::MethodUse;
pub(crate) use self::methods::Methods;
use self::methods::used;
use crate::description::Description;
use crate::published::Published;
use crate::results::same;
use crate::study::{
    Finding, Narrowing, OptionValues, PaperFile, Profile, Protocol, Score, Select, Show, StudyFile, Tune,
};
use crate::yaml::{Source, Spanned, YamlError, unknown};

/// More repeats than anybody waits for.
const MOST_REPEATS: u32 = 10_000;

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
    /// The method that relative measures hold the others against.
    pub against: Option<String>,
    /// Which points of a grid are scored.
    pub score: Score,
    /// How hyperparameters are chosen.
    pub select: Select,
    /// How often they are tuned, and in which stages.
    pub tune: Tune,
    /// Measures shown.
    pub metrics: Vec<Metric>,
    /// Profile this study has been narrowed to.
    pub profile: Profile,
    /// What the profile leaves out.
    pub profile_note: Option<String>,
    declared: Vec<MethodUse>,
    set: Overrides,
    each: Vec<String>,
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
        check::statements(&published, &source("published")?, &descriptions)?;
        let load = |id: &Spanned<String>| Study::load(&id.value, &source, &methods, &published, catalog);
        let studies = about.studies.iter().map(load).collect::<Result<Vec<_>, _>>()?;
        for description in &descriptions {
            check::networks(description, &studies, &source(&description.id)?)?;
        }
        let findings_file = source("findings")?;
        let findings: Vec<Finding> = findings_file.parse()?;
        findings.iter().try_for_each(|finding| finding.check(&studies, &findings_file))?;
        Ok(Self { slug: slug.into(), folder, about, published, findings, descriptions, studies })
    }
}

impl Study {
    fn load(
        id: &str,
        read: &impl Fn(&str) -> Result<Source, YamlError>,
        methods: &Methods,
        published: &Published,
        catalog: &Catalog,
    ) -> Result<Self, YamlError> {
        let source = read(id)?;
        let mut file: StudyFile = source.parse()?;
        let mut data = data_of(&mut file, &source, read, catalog)?;
        let lists = [("methods", file.methods.len()), ("data", data.len()), ("metrics", file.metrics.len())];
        if let Some((empty, _)) = lists.iter().find(|(_, length)| *length == 0) {
            return Err(source.error_below(&[empty], format!("`{empty}` is an empty list")));
        }
        distinct(&source, "method", &file.methods)?;
        let labelled = |label: &Spanned<String>| match file.either.get(&label.value) {
            Some(others) => MethodUse::either(&label.value, others, &file.methods, methods, &source),
            None => methods.labelled(&label.value).map_err(|e| source.error(label, e)),
        };
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
        let (declared, uses) = (uses.clone(), split(&uses, &file.each));
        known(&source, "method of this study", &file.reference, uses.iter().map(|m| m.label.as_str()))?;
        if let Some(table) = &file.published {
            known(&source, "table of published.yaml", table, published.tables.keys().map(String::as_str))?;
        }
        if let Some(unused) = file.either.keys().find(|label| !file.methods.iter().any(|m| m.value == **label)) {
            return Err(source.error_below(&["either", unused], format!("`methods` does not list `{unused}`")));
        }
        if let Some(against) = &file.against {
            known(&source, "method of this study", against, uses.iter().map(|m| m.label.as_str()))?;
        }
        if let Some(freeze) = &file.tune.freeze {
            known(&source, "method of this study", &freeze.from, uses.iter().map(|m| m.label.as_str()))?;
            for method in uses.iter().filter(|method| method.either.is_empty()) {
                let valid = || method.entry.params.iter().map(|p| p.name);
                if let Some(name) = freeze.params.iter().find(|name| !valid().any(|v| v == name.as_str())) {
                    let message = unknown(&format!("parameter of {}", method.label), name, valid());
                    return Err(source.error_below(&["freeze", "params"], message));
                }
            }
        }
        if let Some(metric) = file.metrics.iter().find(|m| m.is_relative() && file.against.is_none()) {
            return Err(source.error_below(&["metrics"], format!("{metric} needs a method in `against`")));
        }
        let set = |params: &IndexMap<String, IndexMap<String, _>>| -> Overrides {
            params.iter().map(|(label, params)| (label.clone(), params.keys().cloned().collect())).collect()
        };
        let set = set(&file.params);
        data.iter_mut().try_for_each(|data| data.with_methods(&declared, &file.each, &set, &source))?;
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
        sweep(&file.show, file.score, &uses, &source)?;
        if let Show::Families(show) = &file.show {
            families(show, &data, &uses, &source)?;
        }
        let protocol = file.protocol;
        if !(1..=MOST_REPEATS).contains(&protocol.repeats) {
            let message = format!("`repeats` is {}, expected 1 to {MOST_REPEATS}", protocol.repeats);
            return Err(source.error_below(&["protocol", "repeats"], message));
        }
        let (sizes, chooses) = (protocol.split, protocol.split.has(Part::Valid));
        let split = match sizes.check() {
            Err(message) => Err(message),
            Ok(()) if file.select.folds.is_some() && chooses => {
                Err(format!("{sizes}: folds of the training part choose, so `valid` is 0"))
            }
            Ok(())
                if file.score == Score::Chosen
                    && file.select.folds.is_none()
                    && !chooses
                    && uses.iter().any(|m| m.grid.is_tuned()) =>
            {
                Err(format!("{sizes}: hyperparameters are chosen by the validation part, which is empty"))
            }
            Ok(()) if protocol.official && matches!(sizes, Sizes::Nested(_)) => {
                Err(format!("{sizes}: splits that come with the data are not nested"))
            }
            Ok(()) => match data.iter().find(|d| d.rows.is_some() && matches!(sizes, Sizes::Rows(_))) {
                Some(data) => Err(format!(
                    "{sizes}: `{}` has `rows` of its own, which are drawn before fractions are taken of them",
                    data.label
                )),
                None => Ok(()),
            },
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
            declared,
            each: file.each,
            score: file.score,
            reference: file.reference.value,
            against: file.against.map(|label| label.value),
            set,
            select: file.select,
            tune: file.tune,
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
        let family = self.methods.iter().find(|m| m.label == method).map(|m| &m.family);
        let narrowed = |n: &Narrowing| family.is_some_and(|family| n.params.contains_key(family));
        self.profile < Profile::Paper && self.narrowings.get(&self.profile).is_some_and(narrowed)
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
            let Some(used) = study.declared.iter_mut().find(|m| m.label == *label) else {
                let valid = self.declared.iter().map(|m| m.label.as_str());
                let message = unknown(&format!("method in profile {}", profile.name()), label, valid);
                return Err(self.source_file.error_below(&["profiles", profile.name(), "params", label], message));
            };
            used.grid = used.grid.narrowed(params, used.entry, &self.source_file)?;
        }
        study.methods = split(&study.declared, &self.each);
        for (label, params) in &narrowing.params {
            study.set.entry(label.clone()).or_default().extend(params.keys().cloned());
        }
        let Self { data, declared, set, .. } = &mut study;
        data.iter_mut().try_for_each(|data| data.with_methods(declared, &self.each, set, &self.source_file))?;
        if !study.methods.iter().any(|m| m.label == self.reference) {
            let message = format!("profile {}: the reference method {} is gone", profile.name(), self.reference);
            return Err(self.source_file.error_below(&["profiles", profile.name()], message));
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

/// The data sets that a file lists, or those of the study that it borrows them from.
fn data_of(
    file: &mut StudyFile,
    source: &Source,
    read: &impl Fn(&str) -> Result<Source, YamlError>,
    catalog: &Catalog,
) -> Result<Vec<DataUse>, YamlError> {
    let Some(borrowed) = &file.data_of else {
        return data_uses(std::mem::take(&mut file.data), false, source, catalog);
    };
    let refuse = |message: &str| Err(source.error(&borrowed.study, message));
    if !file.data.is_empty() {
        return refuse("`data_of` takes the place of `data`");
    }
    // That there is such a study is checked where studies are listed; a file that is missing is named here.
    let owner = read(&borrowed.study.value)?;
    let theirs: StudyFile = owner.parse()?;
    if theirs.data_of.is_some() {
        return refuse("that study has no data sets of its own either");
    }
    let mut entries = theirs.data;
    for label in &borrowed.labels {
        known(source, "data set of that study", label, entries.iter().map(|entry| entry.label.as_str()))?;
    }
    entries.retain(|entry| borrowed.labels.is_empty() || borrowed.labels.iter().any(|l| l.value == entry.label));
    data_uses(entries, true, &owner, catalog)
}

/// Every method that lists values for one of these hyperparameters becomes a family.
fn split(methods: &[MethodUse], each: &[String]) -> Vec<MethodUse> {
    methods.iter().flat_map(|method| method.members(each)).collect()
}
