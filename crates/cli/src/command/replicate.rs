//! `mtl replicate`: from data to verdict.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use mtl_data::Library;
use mtl_experiments::cost::Costs;
use mtl_experiments::drive::drive;
use mtl_experiments::paper::{DataUse, MethodUse};
use mtl_experiments::plan::{Outlook, Resolved, resolve, units, units_of};
use mtl_experiments::results::Results;
use mtl_experiments::run::Tally;
use mtl_experiments::{Paper, Profile, Runner, Store, Study};
use mtl_report::{Described, Report};

use crate::args::{ComputeArgs, DataArgs, OutArgs, StoreArgs, warn};
use crate::interrupt;
use crate::output::{check_writable, emit, write_atomically};
use crate::progress::Bars;
use crate::software;
use crate::table::{Column, Table, count, rough};
use crate::workspace::Workspace;

#[derive(Args)]
#[command(after_help = "Examples:
  mtl replicate ssmtl                            everything, the documented subset (a coffee)
  mtl replicate ssmtl --profile paper            the full protocol
  mtl replicate ssmtl --only fig2 --offline      one figure, no network
  mtl replicate ssmtl --list                     what would run and how long it takes
  mtl replicate ssmtl --force ssmtl-m            run a method again

Results are stored as soon as they are computed. Stop with Ctrl-C and run the same command to go on.")]
pub struct Replicate {
    #[command(flatten)]
    wanted: Wanted,
    #[command(flatten)]
    out: OutArgs,
    #[command(flatten)]
    compute: ComputeArgs,
    /// Print what would run, cells and rough time, and run nothing
    #[arg(long)]
    list: bool,
    /// Forget the stored results of these methods in the studies at hand, and run them again
    #[arg(long, value_delimiter = ',', value_name = "METHOD,..")]
    force: Vec<String>,
}

/// Which tables and figures, from which data and results.
#[derive(Args)]
pub struct Wanted {
    /// Paper: the name of a folder in experiments/
    paper: String,
    /// How much of the protocol
    #[arg(long, value_enum, default_value_t = ProfileArg::Quick)]
    profile: ProfileArg,
    /// Tables and figures, by the names of their files [default: all]
    #[arg(long, value_delimiter = ',', value_name = "ID,..")]
    only: Vec<String>,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    data: DataArgs,
}

/// What was asked for, found and checked.
pub struct Found {
    /// The paper.
    pub paper: Paper,
    /// Its tables and figures that need no fit, with their data.
    pub described: Vec<Described>,
    /// Its studies as the profile runs them, with their data.
    pub studies: Vec<(Study, Vec<Resolved>)>,
    /// Where data come from.
    pub library: Library,
    /// Folder of the results store.
    pub store: PathBuf,
}

impl Wanted {
    /// Reads the paper and looks for its data.
    pub fn find(&self) -> anyhow::Result<Found> {
        let workspace = Workspace::find()?;
        let paper = workspace.paper(&self.paper)?;
        let studies = selected(&paper, self.profile.into(), &self.only)?;
        let (store, library) = (self.store.folder()?, self.data.library()?);
        let find = |data: &[DataUse]| data.iter().map(|data| resolve(data, &library)).collect::<Result<Vec<_>, _>>();
        let with_data = |study: Study| find(&study.data).map(|resolved| (study, resolved));
        let studies = studies.into_iter().map(with_data).collect::<Result<_, _>>()?;
        let wanted = paper.descriptions.iter().filter(|d| self.only.is_empty() || self.only.contains(&d.id));
        let described = wanted.map(|d| find(d.data()).map(|data| (d.clone(), data))).collect::<Result<_, _>>()?;
        Ok(Found { paper, described, studies, library, store })
    }

    /// How much of the protocol.
    pub fn profile(&self) -> Profile {
        self.profile.into()
    }

    /// The work in a word: paper, profile and, if it is not all, which tables and figures.
    pub fn name(&self) -> String {
        let all = [vec![self.paper.as_str(), self.profile().name()], self.only.iter().map(String::as_str).collect()];
        all.concat().join(" ")
    }

    /// Name of the paper.
    pub fn paper(&self) -> &str {
        &self.paper
    }

    /// The options that say the same to a process elsewhere, which has no network but the same disk; each with its value.
    pub fn options(&self) -> anyhow::Result<Vec<Vec<String>>> {
        let folder = |option: &str, folder: PathBuf| -> anyhow::Result<Vec<String>> {
            Ok(vec![option.into(), std::path::absolute(folder)?.to_string_lossy().into_owned()])
        };
        let mut options = vec![vec!["--profile".into(), self.profile().name().into()]];
        if !self.only.is_empty() {
            options.push(vec!["--only".into(), self.only.join(",")]);
        }
        options.push(folder("--store", self.store.folder()?)?);
        options.push(folder("--cache", self.data.folder()?)?);
        options.push(vec!["--offline".into()]);
        Ok(options)
    }
}

impl Found {
    /// Writes the report and says what came out; the exit status tells whether cells failed.
    pub fn finish(self, store: &Store, tally: &Tally, out: &Path) -> anyhow::Result<ExitCode> {
        let collect = |(study, data)| Results::collect(study, data, store);
        let results: Vec<Results> = self.studies.into_iter().map(collect).collect();
        let report = Report::build(&self.paper, &self.described, &results, store)?;
        for file in report.files()? {
            write_atomically(&out.join(&file.path), &file.bytes)?;
        }
        let mut text = report.summary().to_owned();
        text += &format!("cells    {} run now, {} of them failed\n", tally.done + tally.failed, tally.failed);
        text += &format!("report   {}\n", out.join(report.page()).display());
        text += &format!("figures  {}\n", out.join(report.figures()).display());
        emit(&text)?;
        Ok(if report.failures() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// How much of a study is run.
#[derive(Clone, Copy, clap::ValueEnum)]
pub enum ProfileArg {
    /// One or two repeats on coarse grids: that everything runs
    Smoke,
    /// The documented subset
    Quick,
    /// The full protocol
    Paper,
    /// More than the protocol: grids that `paper` ties or holds
    Exhaustive,
}

impl From<ProfileArg> for Profile {
    fn from(arg: ProfileArg) -> Self {
        match arg {
            ProfileArg::Smoke => Self::Smoke,
            ProfileArg::Quick => Self::Quick,
            ProfileArg::Paper => Self::Paper,
            ProfileArg::Exhaustive => Self::Exhaustive,
        }
    }
}

impl Replicate {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let (limit, jobs) = (self.compute.limit()?, self.compute.threads()?);
        let found = self.wanted.find()?;
        if self.list {
            emit(plan(&found, &Store::reading(&found.store).telling(warn), jobs))?;
            return Ok(ExitCode::SUCCESS);
        }
        let out = self.out.folder()?;
        check_writable(&out)?;
        let store = Store::open(&found.store)?.telling(warn);
        forget(&self.force, &found.studies, &store)?;
        let stop = interrupt::flag();
        let (software, limit) = (software::describe(), Some(limit));
        let runner = Runner { library: &found.library, store: &store, jobs, stop, limit, software: &software };
        let tally = drive(&units_of(&found.studies), &runner, &Bars::default())?;
        if tally.interrupted {
            return Ok(interrupt::stopped(&tally));
        }
        found.finish(&store, &tally, &out)
    }
}

/// The studies asked for, as the profile runs them.
fn selected(paper: &Paper, profile: Profile, only: &[String]) -> anyhow::Result<Vec<Study>> {
    let valid: Vec<&str> =
        paper.descriptions.iter().map(|d| d.id.as_str()).chain(paper.studies.iter().map(|s| s.id.as_str())).collect();
    if let Some(wrong) = only.iter().find(|id| !valid.contains(&id.as_str())) {
        bail!("--only {wrong}: there is no such table or figure of {}; valid: {}", paper.slug, valid.join(", "));
    }
    let wanted = paper.studies.iter().filter(|s| only.is_empty() || only.contains(&s.id));
    Ok(wanted.map(|s| s.narrowed(profile)).collect::<Result<_, _>>()?)
}

/// Removes what the studies have of these methods, by their labels or names.
fn forget(methods: &[String], studies: &[(Study, Vec<Resolved>)], store: &Store) -> anyhow::Result<()> {
    for name in methods {
        let labelled = studies.iter().flat_map(|(s, _)| &s.methods).any(|m| m.is(name));
        let entry =
            if labelled { None } else { Some(mtl_methods::method(name).map_err(anyhow::Error::msg)?.info.name) };
        for (study, found) in studies {
            let meant = |m: &MethodUse| m.is(name) || entry == Some(m.entry.info.name);
            for unit in units(study, found).iter().filter(|unit| meant(unit.method)) {
                for record in unit.records(store) {
                    store.forget(&record.key.id())?;
                }
            }
        }
    }
    Ok(())
}

/// The plan: what needs no fit; per study, data set and method the cells that are there and those that are missing. Cells that several
/// studies share are listed with the first.
fn plan(found: &Found, store: &Store, jobs: usize) -> String {
    use Column::{Left, Right};
    let mut table = Table::new([
        ("study", Left),
        ("data set", Left),
        ("method", Left),
        ("repeats", Right),
        ("cells stored", Right),
        ("to run", Right),
        ("about", Right),
    ]);
    let mut total = Outlook::default();
    let mut seen = HashSet::new();
    let costs = Costs::measured(store);
    for (described, _) in &found.described {
        table.row([&described.id, "-", "needs no fit"]);
    }
    for (study, found) in &found.studies {
        let units = units(study, found);
        for data in found {
            let Some(variant) = &data.variant else {
                table.row([&study.id, &data.label, "skipped: its files cannot be had here"]);
                continue;
            };
            for method in &study.methods {
                let own = units.iter().filter(|u| u.dataset() == data.label && u.method.label == method.label);
                let outlook: Outlook = own.map(|unit| unit.outlook(Some(store), &costs, &mut seen)).sum();
                table.row([
                    study.id.clone(),
                    variant.spec.name.clone(),
                    method.label.clone(),
                    study.protocol.repeats.to_string(),
                    outlook.stored.to_string(),
                    outlook.missing.to_string(),
                    rough(outlook.seconds / jobs as f64),
                ]);
                total = total + outlook;
            }
        }
    }
    let time = rough(total.seconds / jobs as f64);
    format!(
        "{table}\n{} stored, {} to run, about {time} on {}\n",
        count(total.stored, "cell"),
        total.missing,
        count(jobs, "thread")
    )
}
