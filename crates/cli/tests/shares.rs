//! Work in shares, as a user sees it: by hand, in processes, under a scheduler. Whatever the way, the same bytes.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod driver;

use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::{Duration, Instant};

use driver::{Folder, export, files, spawn, workspace};
use mtl_experiments::Store;
use mtl_experiments::store::{Outcome, Record};

/// A workspace, and what a run in one process and on one thread gives.
fn reference() -> (Folder, String) {
    let folder = workspace();
    folder.mtl("replicate tiny --offline --jobs 1 --store alone --out alone").ok();
    let reference = export(&folder, "alone");
    assert!(reference.lines().count() > 500, "{reference}");
    (folder, reference)
}

/// Without printing megabytes where it is not so.
#[track_caller]
fn same(folder: &Folder, store: &str, reference: &str) {
    let found = export(folder, store);
    let lines = found.lines().zip(reference.lines());
    let first = lines.filter(|(a, b)| a != b).map(|(a, _)| a.get(..100)).next();
    let [found, expected] = [&found, reference].map(|text| (text.len(), text.lines().count()));
    assert!(
        first.is_none() && found == expected,
        "{store}: {found:?}, expected {expected:?}; first difference {first:?}"
    );
}

/// A scheduler that runs every job at once and in order; it writes down how it was called.
fn fake_slurm(folder: &Folder) -> String {
    let sbatch = r#"#!/bin/bash
set -u
echo "$@" >> "$0.calls"
script="${@: -1}"
array="$(sed -n 's/^#SBATCH --array=\([^%]*\).*/\1/p' "$script")"
for range in ${array//,/ }; do
    for task in $(seq "${range%-*}" "${range#*-}"); do
        SLURM_ARRAY_TASK_ID="$task" SLURM_CPUS_PER_TASK=1 bash "$script" > "$0.log" 2>&1
    done
done
[ -n "$array" ] || bash "$script" >> "$0.log" 2>&1
wc -l < "$0.calls"
"#;
    let squeue = "#!/bin/bash\n[ ! -e \"$0.busy\" ] || echo 1_1 main mtl R\n";
    std::fs::create_dir_all(folder.file("bin")).unwrap();
    for (name, text) in [("sbatch", sbatch), ("squeue", squeue)] {
        let file = format!("bin/{name}");
        folder.write(&file, text);
        std::fs::set_permissions(folder.file(&file), std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    format!("{}:{}", folder.file("bin").display(), std::env::var("PATH").unwrap())
}

#[test]
fn every_way_gives_the_same_bytes() {
    let (folder, reference) = reference();
    let scores = folder.read("alone/reports/tiny/tables/table1.csv");

    // By hand, each share with a store of its own, on any number of threads.
    for share in [3, 1, 2] {
        folder.mtl(&format!("run tiny --offline --shard {share}/3 --jobs {share} --store part-{share}")).ok();
    }
    let merged = folder.mtl("merge part-1 part-2 part-3 --into joined").ok().stdout;
    assert!(merged.lines().all(|line| line.ends_with(" 0 there already")), "shares overlap: {merged}");
    same(&folder, "joined", &reference);
    assert_eq!(files(&folder.file("joined/artifacts")).len(), files(&folder.file("alone/artifacts")).len());
    let again = folder.mtl("merge part-2 joined --into joined").ok().stdout;
    assert!(again.lines().all(|line| line.contains(": 0 added, ")), "{again}");

    // Processes on one store.
    let local = folder.mtl("submit tiny --engine local --array 5%3 --offline --store local --out local").ok();
    assert!(!local.stdout.contains("cells    0 run now"), "{local:?}");
    same(&folder, "local", &reference);
    assert_eq!(folder.read("local/reports/tiny/tables/table1.csv"), scores);

    // A scheduler, after a share that ran elsewhere and one that was killed.
    let path = fake_slurm(&folder);
    folder.mtl("run tiny --offline --shard 2/4 --store array").ok();
    let mut killed = spawn(&folder, "run tiny --offline --shard 1/4 --store array");
    wait_for(&folder, "array/records", files(&folder.file("array/records")).len() + 3, &mut killed);
    killed.kill().unwrap();
    killed.wait().unwrap();
    let submit = "submit tiny --engine slurm --array 4 --offline --store array --out array";
    let run = folder.mtl_with(submit, &[("PATH", &path)]).ok();
    assert!(run.stdout.contains("as array job 1, the report as job 2"), "{run:?}");
    same(&folder, "array", &reference);
    assert_eq!(folder.read("array/reports/tiny/tables/table1.csv"), scores);
    assert!(folder.read("bin/sbatch.calls").contains("--dependency=afterany:1 "));

    let done = folder.mtl_with(submit, &[("PATH", &path)]).ok();
    assert!(done.stdout.contains("all is stored"), "{done:?}");
    assert_eq!(folder.read("bin/sbatch.calls").lines().count(), 2);
}

/// Waits until a folder holds so many files.
fn wait_for(folder: &Folder, name: &str, count: usize, child: &mut std::process::Child) {
    let begin = Instant::now();
    while files(&folder.file(name)).len() < count {
        assert!(child.try_wait().unwrap().is_none(), "it is over already");
        assert!(begin.elapsed() < Duration::from_secs(300), "no progress");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn shares_that_are_complete_are_not_submitted_again() {
    let folder = workspace();
    let path = fake_slurm(&folder);
    let work = "--profile smoke --only table1,fig1 --offline --store s";
    let submit = format!("submit tiny --engine slurm --array 3%1 {work}");
    let script = folder.mtl(&format!("{submit} --dry-run")).ok().stdout;
    assert!(script.contains("#SBATCH --array=1-3%1\n"), "{script}");
    assert_eq!(folder.names(), ["bin", "experiments"], "a dry run writes nothing");
    folder.mtl_with(&submit, &[("PATH", &path)]).ok();

    // Something is to run again, while the job is in the queue.
    folder.write("bin/squeue.busy", "");
    let record = files(&folder.file("s/records")).remove(0);
    std::fs::remove_file(record).unwrap();
    let busy = folder.mtl_with(&submit, &[("PATH", &path)]);
    busy.refused(&["job 1 runs these shares already", "scancel 1"]);
    std::fs::remove_file(folder.file("bin/squeue.busy")).unwrap();
    let again = folder.mtl_with(&submit, &[("PATH", &path)]).ok();
    assert!(again.stdout.contains("submitted  1 of 3 shares"), "{again:?}");
    let status = folder.mtl(&format!("status tiny {work}")).ok().stdout;
    assert!(!status.contains("to run, about"), "{status}");
}

#[test]
fn scripts_are_readable() {
    let folder = workspace();
    let options = "--time 02:00:00 --mem 4G --partition cpu --cpus 2 --sbatch=--constraint=avx2 --sbatch --qos=long";
    let all = format!("submit tiny --only table1,fig1 --offline --engine slurm --array 6%4 {options} --dry-run");
    let text = folder.mtl(&all).ok().stdout;
    let here = folder.path().display().to_string();
    let text = text.replace(&here, "/home/me/mtl-repro").replace(env!("CARGO_BIN_EXE_mtl"), "/home/me/bin/mtl");
    // What tells this work from other work changes with the data sets' revisions.
    let name = "tiny-quick-6-";
    let start = text.find(name).unwrap() + name.len();
    insta::assert_snapshot!(text.replace(&text[start..start + 8], "ID"));
}

#[test]
fn a_plan_is_shown_and_kept() {
    let folder = workspace();
    let run = folder.mtl("plan tiny --offline --shards 4").ok();
    assert!(run.stdout.contains(" parts, about ") && run.stdout.lines().count() == 7, "{run:?}");
    assert_eq!(folder.names(), ["experiments"]);
    folder.mtl("plan tiny --offline --shards 4 --output plan.json").ok();
    folder
        .mtl("run tiny --offline --profile smoke --shard 1/4 --plan plan.json --store none")
        .refused(&["plan.json: the plan was made for other work", "make a new plan"]);
    folder.mtl("run tiny --offline --shard 1/3 --plan plan.json").refused(&["the plan is of 4 shares, expected 3"]);
    folder.write("plan.json", "[]");
    folder.mtl("run tiny --offline --shard 1/4 --plan plan.json").refused(&["expected a plan written by"]);
    assert_eq!(folder.names(), ["experiments", "plan.json"], "nothing ran");
}

#[test]
fn bad_shares_are_refused() {
    let folder = workspace();
    for shard in ["0/3", "4/3", "3", "a/b", "1/0"] {
        let run = folder.mtl(&format!("run tiny --shard {shard}"));
        assert!(run.code == 2 && run.stderr.contains("such as 3/8"), "{run:?}");
    }
    for array in ["0", "8%0", "8%", "%8"] {
        let run = folder.mtl(&format!("submit tiny --engine local --array {array}"));
        assert!(run.code == 2 && run.stderr.contains("64%8"), "{run:?}");
    }
    folder.mtl("merge experiments --into s").refused(&["experiments is no results store", "`records`"]);
    assert_eq!(folder.names(), ["experiments"]);
    let nowhere =
        folder.mtl_with("submit tiny --engine slurm --array 2 --only fig1 --offline", &[("PATH", "/nowhere")]);
    nowhere.refused(&["sbatch cannot be started", "--engine local"]);
}

#[test]
fn the_end_of_a_jobs_time_stops_in_order() {
    let folder = workspace();
    let mut child = spawn(&folder, "run tiny --offline --jobs 1");
    wait_for(&folder, "store/records", 3, &mut child);
    let status = folder.mtl("status tiny --offline").ok().stdout;
    assert!(status.contains("running  share 1 of 1 on ") && status.contains("left on 1 thread"), "{status}");
    Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{stderr}");
    assert!(stderr.contains("Run the same command to go on."), "{stderr}");
    let status = folder.mtl("status tiny --offline").ok().stdout;
    assert!(status.contains("nobody is at work on it"), "{status}");
}

#[test]
fn two_results_of_one_cell_are_a_conflict() {
    let folder = workspace();
    folder.mtl("run tiny --profile smoke --only fig1 --offline --store a").ok();
    let changed = Store::open(&folder.file("b")).unwrap();
    let record = Store::reading(&folder.file("a")).all().remove(0);
    let mut other = Record::clone(&record);
    let Outcome::Done(points) = &mut other.outcome else { panic!("{other:?}") };
    points[0].objective.total += 1e-9;
    changed.put(other).unwrap();
    let before = export(&folder, "a");
    let run = folder.mtl("merge b --into a");
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.stdout.contains("0 added, 0 there already, 1 conflict"), "{run:?}");
    assert!(run.stderr.contains(&format!("cell {}", record.key.id().short())), "{run:?}");
    assert_eq!(export(&folder, "a"), before, "what was there stays");
    // A failure gives way to a result, and not the other way round.
    folder.mtl("run tiny --profile smoke --only fig1 --offline --limit 0 --store failed");
    let failed = export(&folder, "failed");
    assert!(folder.mtl("merge failed --into a").ok().stdout.contains("0 added"));
    assert_eq!(export(&folder, "a").len(), before.len());
    let mended = folder.mtl("merge a --into failed").ok().stdout;
    assert!(mended.contains("in place of failures") && export(&folder, "failed") != failed, "{mended}");
}
