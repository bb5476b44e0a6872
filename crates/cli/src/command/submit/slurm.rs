//! Shares as an array job of Slurm, and the report as a job that waits for it.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, bail};
use clap::Args;

use super::Job;
use crate::output::{emit, write_atomically};
use crate::table::count;

#[derive(Args)]
#[command(next_help_heading = "Slurm")]
pub struct Options {
    /// Partition
    #[arg(long, value_name = "NAME")]
    partition: Option<String>,
    /// Account that pays
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// Time limit of a share, in Slurm's form
    #[arg(long, value_name = "HH:MM:SS")]
    time: Option<String>,
    /// Memory of a share
    #[arg(long, value_name = "SIZE")]
    mem: Option<String>,
    /// Any other option of sbatch, such as --sbatch=--qos=long; can be repeated
    #[arg(long, value_name = "OPTION", allow_hyphen_values = true)]
    sbatch: Vec<String>,
}

const ARRAY: &str = "array.sh";
const REPORT: &str = "report.sh";
/// Holds the number of the array job that was submitted last.
const SUBMITTED: &str = "submitted";

/// The scripts, and what would be done with them.
pub fn described(job: &Job, options: &Options) -> String {
    let [array, report] = [ARRAY, REPORT].map(|name| job.folder.join(name));
    let file = |path: &Path, text: String| format!("# {}\n{text}\n", path.display());
    let mut text = file(&array, array_script(job, options)) + &file(&report, report_script(job, options));
    text += "# submitted by\n";
    text += &format!("sbatch --parsable {}\n", quoted(&array.to_string_lossy()));
    text += &format!("sbatch --parsable --dependency=afterany:ARRAY_JOB {}\n", quoted(&report.to_string_lossy()));
    text
}

/// Writes the scripts and submits them.
pub fn submit(job: &Job, options: &Options) -> anyhow::Result<ExitCode> {
    refuse_while_queued(job)?;
    let [array, report] = [ARRAY, REPORT].map(|name| job.folder.join(name));
    std::fs::create_dir_all(job.logs()).with_context(|| format!("{} cannot be made", job.logs().display()))?;
    write_atomically(&array, array_script(job, options).as_bytes())?;
    write_atomically(&report, report_script(job, options).as_bytes())?;
    let first = sbatch(&[array.as_os_str()])?;
    write_atomically(&job.folder.join(SUBMITTED), first.as_bytes())?;
    let dependency = format!("--dependency=afterany:{first}");
    let second = sbatch(&[OsStr::new(&dependency), report.as_os_str()])
        .with_context(|| format!("array job {first} is submitted, but not the report"))?;
    let (name, folder) = (&job.name, job.folder.display());
    emit(format!(
        "{}\nsubmitted  {} of {} as array job {first}, the report as job {second}\nscripts    {folder}\nwatch      mtl status \
         {}; squeue -j {first},{second}\nlogs       {folder}/logs\nstop       scancel {first} {second}\ncontinue   the same \
         command, when they have ended\n",
        job.about,
        job.pending.len(),
        count(job.shares, "share"),
        status_arguments(name),
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// `ssmtl paper fig2` as arguments of a command.
fn status_arguments(name: &str) -> String {
    let words: Vec<&str> = name.split(' ').collect();
    match words.as_slice() {
        [paper, profile] => format!("{paper} --profile {profile}"),
        [paper, profile, only @ ..] => format!("{paper} --profile {profile} --only {}", only.join(",")),
        _ => name.to_owned(),
    }
}

/// Two array jobs would do the same work.
fn refuse_while_queued(job: &Job) -> anyhow::Result<()> {
    let Ok(earlier) = std::fs::read_to_string(job.folder.join(SUBMITTED)) else { return Ok(()) };
    // A job that is long over is unknown, which is an error.
    let Ok(output) = Command::new("squeue").args(["--noheader", "--jobs", &earlier]).output() else { return Ok(()) };
    if output.status.success() && !output.stdout.trim_ascii().is_empty() {
        bail!(
            "job {earlier} runs these shares already: wait for it (squeue -j {earlier}) or end it (scancel {earlier})"
        );
    }
    Ok(())
}

/// Submits a script and gives the number of its job.
fn sbatch(arguments: &[&OsStr]) -> anyhow::Result<String> {
    let output = Command::new("sbatch")
        .arg("--parsable")
        .args(arguments)
        .output()
        .context("sbatch cannot be started: submit where Slurm is, or try --dry-run or --engine local")?;
    if !output.status.success() {
        bail!("sbatch refused the job: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    // `id` or `id;cluster`.
    let answer = String::from_utf8_lossy(&output.stdout);
    Ok(answer.trim().split(';').next().unwrap_or_default().to_owned())
}

fn array_script(job: &Job, options: &Options) -> String {
    let at_once = job.at_once.map_or_else(String::new, |n| format!("%{n}"));
    let array = format!("--array={}{at_once}", ranges(&job.pending));
    let own = [
        vec!["--shard".into(), format!("\"$SLURM_ARRAY_TASK_ID/{}\"", job.shares)],
        vec!["--jobs".into(), "\"$SLURM_CPUS_PER_TASK\"".into()],
    ];
    let command = [quoted_all(&job.run), own.into()].concat();
    let about =
        format!("{}.\n# Each task runs one share; `mtl submit` again submits those that are not complete.", job.about);
    script(job, options, &about, &[array, format!("--cpus-per-task={}", job.cpus)], "%A_%a", &command)
}

fn report_script(job: &Job, options: &Options) -> String {
    let about = format!(
        "{}: the report, when all shares have ended. They share a store, so nothing is left to merge.",
        job.name
    );
    script(job, options, &about, &["--cpus-per-task=1".into()], "report_%j", &quoted_all(&job.report))
}

fn script(job: &Job, options: &Options, about: &str, own: &[String], log: &str, command: &[Vec<String>]) -> String {
    let option = |name: &str, value: &Option<String>| value.as_ref().map(|value| format!("--{name}={value}"));
    let given = [
        option("partition", &options.partition),
        option("account", &options.account),
        option("time", &options.time),
        option("mem", &options.mem),
    ];
    let directives = [format!("--job-name=mtl-{}", job.name.replace(' ', "-"))]
        .into_iter()
        .chain(own.iter().cloned())
        .chain(given.into_iter().flatten())
        .chain(options.sbatch.iter().cloned())
        .chain([format!("--output={}", quoted(&job.logs().join(format!("{log}.log")).to_string_lossy()))]);
    let directives: String = directives.map(|line| format!("#SBATCH {line}\n")).collect();
    let command: Vec<String> = command.iter().map(|group| group.join(" ")).collect();
    format!(
        "#!/bin/bash\n# {about}\n{directives}set -euo pipefail\ncd {}\nexec {}\n",
        quoted(&job.workspace.to_string_lossy()),
        command.join(" \\\n    ")
    )
}

fn quoted_all(command: &[Vec<String>]) -> Vec<Vec<String>> {
    command.iter().map(|group| group.iter().map(|word| quoted(word)).collect()).collect()
}

/// A word as a shell takes it. File names and arguments have no NUL in them.
pub fn quoted(word: &str) -> String {
    shlex::try_quote(word).map_or_else(|_| word.replace('\0', ""), |word| word.into_owned())
}

/// `1-3,5`.
fn ranges(numbers: &[usize]) -> String {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for &n in numbers {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == n => *last = n,
            _ => runs.push((n, n)),
        }
    }
    let text =
        |(first, last): &(usize, usize)| if first == last { first.to_string() } else { format!("{first}-{last}") };
    runs.iter().map(text).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_listed_as_ranges() {
        assert_eq!(ranges(&[1, 2, 3, 5, 8, 9]), "1-3,5,8-9");
        assert_eq!(ranges(&[7]), "7");
    }

    #[test]
    fn names_become_arguments() {
        assert_eq!(status_arguments("ssmtl paper"), "ssmtl --profile paper");
        assert_eq!(status_arguments("ssmtl quick fig2 tableA4"), "ssmtl --profile quick --only fig2,tableA4");
    }
}
