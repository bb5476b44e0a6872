//! `mtl replicate`: from data to verdict.

use std::collections::HashSet;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use mtl_data::Library;
use mtl_experiments::drive::drive;
use mtl_experiments::paper::{DataUse, MethodUse};
use mtl_experiments::plan::{Outlook, Resolved, resolve, units};
use mtl_experiments::results::Results;
use mtl_experiments::run::Tally;
use mtl_experiments::{Paper, Profile, Runner, Store, Study};
use mtl_report::{Described, Report};

use crate::args::{DataArgs, StoreArgs, warn};
use crate::output::{check_writable, emit, write_atomically};
use crate::progress::Bars;
use crate::software;
use crate::table::{Column, Table, count};
use crate::workspace::Workspace;

/// Exit status of a program that was interrupted, as shells expect it.
const INTERRUPTED: u8 = 130;

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
    /// Threads [default: one a core]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    jobs: usize,
    /// Print what would run, cells and rough time, and run nothing
    #[arg(long)]
    list: bool,
    /// Forget the stored results of these methods in the studies at hand, and run them again
    #[arg(long, value_delimiter = ',', value_name = "METHOD,..")]
    force: Vec<String>,
    /// Minutes one cell may take before it is recorded as a failure
    #[arg(long, value_name = "MINUTES", default_value_t = 60.0)]
    limit: f64,
}

/// Which tables and figures, from which data and results, and where they go.
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
    /// Folder that reports/PAPER and figures/PAPER are written to [default: the workspace]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
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
    /// Folder that report and figures go to.
    pub out: PathBuf,
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
        let out = self.out.clone().unwrap_or_else(|| workspace.root().to_owned());
        Ok(Found { paper, described, studies, library, store, out })
    }
}

impl Found {
    /// Writes the report and says what came out; the exit status tells whether cells failed.
    pub fn finish(self, store: &Store, tally: &Tally) -> anyhow::Result<ExitCode> {
        let collect = |(study, data)| Results::collect(study, data, store);
        let results: Vec<Results> = self.studies.into_iter().map(collect).collect();
        let report = Report::build(&self.paper, &self.described, &results, store)?;
        for file in report.files()? {
            write_atomically(&self.out.join(&file.path), &file.bytes)?;
        }
        let mut text = report.summary().to_owned();
        text += &format!("cells    {} run now, {} of them failed\n", tally.done + tally.failed, tally.failed);
        text += &format!("report   {}\n", self.out.join(report.page()).display());
        text += &format!("figures  {}\n", self.out.join(report.figures()).display());
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
        let limit = Duration::try_from_secs_f64(60.0 * self.limit)
            .with_context(|| format!("--limit {}: expected a number of minutes", self.limit))?;
        let jobs = if self.jobs == 0 { std::thread::available_parallelism()?.get() } else { self.jobs };
        let found = self.wanted.find()?;
        if self.list {
            emit(plan(&found, &Store::reading(&found.store).telling(warn), jobs))?;
            return Ok(ExitCode::SUCCESS);
        }
        check_writable(&found.out)?;
        let store = Store::open(&found.store)?.telling(warn);
        forget(&self.force, &found.studies, &store)?;
        let stop = stop_on_interrupt();
        let (software, limit) = (software::describe(), Some(limit));
        let runner = Runner { library: &found.library, store: &store, jobs, stop, limit, software: &software };
        let tally = drive(&found.studies, &runner, &Bars::default())?;
        if tally.interrupted {
            eprintln!("stopped; {} cells are stored. Run the same command to go on.", tally.done);
            return Ok(ExitCode::from(INTERRUPTED));
        }
        found.finish(&store, &tally)
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

fn stop_on_interrupt() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    // Without a handler Ctrl-C still ends the program, and the store still resumes.
    let _ = ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::Relaxed) {
            std::process::exit(INTERRUPTED.into());
        }
        eprintln!("stopping; press Ctrl-C again to stop at once");
    });
    stop
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
                let outlook: Outlook = own.map(|unit| unit.outlook(store, &mut seen)).sum();
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

fn rough(seconds: f64) -> String {
    match seconds {
        s if s < 0.5 => "-".into(),
        s if s < 90.0 => format!("{s:.0} s"),
        s => format!("{:.0} min", s / 60.0),
    }
}
