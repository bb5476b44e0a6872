//! `mtl replicate` from data to report, as a user sees it: threads, interruptions, skipped data, failures, bad input.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod driver;

use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use driver::{Folder, Run, export, files, spawn, spawn_nohup, workspace};

#[test]
fn threads_and_interruptions_leave_no_trace() {
    let folder = workspace();
    folder.mtl("replicate tiny --offline --jobs 1 --store one").ok();
    let reference = export(&folder, "one");
    assert!(reference.lines().count() > 500, "{reference}");

    folder.mtl("replicate tiny --offline --jobs 2 --store two --out elsewhere").ok();
    assert_eq!(export(&folder, "two"), reference);

    // Killed outright, again and again, each time a little later.
    let total = files(&folder.file("one/records")).len();
    let mut interrupted = 0;
    for part in 1..4 {
        let mut child = spawn(&folder, "replicate tiny --offline --jobs 2 --store three --out elsewhere");
        let reached = wait_for(&folder.file("three/records"), part * total / 4, &mut child);
        child.kill().unwrap();
        child.wait().unwrap();
        interrupted += usize::from(reached < total);
    }
    assert!(interrupted > 0, "the run was over before it could be killed");
    let resumed = folder.mtl("replicate tiny --offline --jobs 2 --store three --out elsewhere").ok();
    assert!(!resumed.stdout.contains(" 0 run now"), "{resumed:?}");
    assert_eq!(export(&folder, "three"), reference);
}

/// Waits until a folder holds so many files or the program has ended; gives their number.
fn wait_for(folder: &Path, count: usize, child: &mut Child) -> usize {
    let begin = Instant::now();
    loop {
        let found = files(folder).len();
        if found >= count || child.try_wait().unwrap().is_some() {
            return found;
        }
        assert!(begin.elapsed() < Duration::from_secs(300), "no progress");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Ctrl-C, and what schedulers send before a job's time is over; under `nohup` as well, which has signals ignored.
#[cfg(unix)]
#[test]
fn signals_end_with_130_and_say_how_to_go_on() {
    type Start = fn(&Folder, &str) -> Child;
    for (start, signal) in [(spawn as Start, "-INT"), (spawn, "-TERM"), (spawn_nohup, "-TERM")] {
        let folder = workspace();
        let mut child = start(&folder, "replicate tiny --offline --jobs 1");
        wait_for(&folder.file("store/records"), 3, &mut child);
        Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(130), "{signal}: {stderr}");
        assert!(stderr.contains("Run the same command to go on."), "{signal}: {stderr}");
        assert!(!folder.file("reports").exists(), "no report of half a run");
    }
}

/// What a report says of itself is enough to make it again; what was tampered with is found.
#[test]
fn a_report_is_reproduced_from_what_it_says() {
    let folder = workspace();
    folder.mtl("replicate tiny --profile smoke --only declared,fig3,table1 --offline").ok();
    let metadata: serde_json::Value =
        serde_json::from_str(&folder.read("reports/tiny/ro-crate-metadata.json")).unwrap();
    let graph = metadata["@graph"].as_array().unwrap();
    let entity = |id: &str| graph.iter().find(|e| e["@id"] == id).unwrap_or_else(|| panic!("no {id} in {metadata:#}"));
    assert_eq!(entity("ro-crate-metadata.json")["about"]["@id"], "./");
    let parts = entity("./")["hasPart"].as_array().unwrap();
    assert!(parts.len() > 10);
    for part in parts {
        let path = part["@id"].as_str().unwrap();
        let size = folder.read(&format!("reports/tiny/{path}")).len();
        assert_eq!(entity(path)["contentSize"], size.to_string(), "{path}");
    }
    let software = entity("#software-1")["version"].as_str().unwrap();
    for words in ["mtl ", "commit ", "rustc ", "Cargo.lock sha256 "] {
        assert!(software.contains(words), "{software}");
    }
    let page = folder.read("reports/tiny/index.md");
    assert!(page.contains("## Provenance") && page.contains(software), "{page}");

    let again = folder.mtl("reproduce reports/tiny --into again -- --offline --jobs 1").ok();
    assert!(again.stdout.contains("reproduced: all values are the same"), "{again:?}");
    assert!(again.stdout.contains("tolerance 0 (the same kind of processor)"), "{again:?}");
    // Every file but those with times is the same to the last byte.
    for table in ["table1.csv", "table1-cells.tex", "fig3.csv", "provenance-seeds.csv"] {
        let table = format!("reports/tiny/tables/{table}");
        assert_eq!(folder.read(&table), folder.read(&format!("again/{table}")));
    }

    let table = folder.read("reports/tiny/tables/table1.csv");
    folder.write("reports/tiny/tables/table1.csv", &table.replacen("0.", "0.9", 1));
    let found = folder.mtl("reproduce reports/tiny --into again -- --offline");
    assert_eq!(found.code, 1, "{found:?}");
    assert!(found.stdout.contains("DIFFERS    1 value\n") && found.stdout.contains("table1 "), "{found:?}");
    folder.mtl("reproduce experiments").refused(&["ro-crate-metadata.json", "mtl replicate"]);
    folder.mtl("reproduce reports/tiny --into .").refused(&["would overwrite the report itself"]);
}

#[test]
fn a_second_run_computes_nothing_and_writes_the_same() {
    let folder = workspace();
    let run = |arguments: &str| folder.mtl(arguments).ok().stdout;
    let first = run("replicate tiny --profile smoke --offline");
    let decided = ["0 supported, 0 contradicted, 0 inconclusive"];
    assert!(first.contains("claims ") && decided.iter().all(|none| !first.contains(none)), "{first}");
    let contents = || -> Vec<_> {
        let all = [files(&folder.file("reports")), files(&folder.file("figures"))].concat();
        all.into_iter().map(|f| (f.clone(), std::fs::read(f).unwrap())).collect()
    };
    let before = contents();
    let names: Vec<String> = before.iter().map(|(f, _)| f.file_name().unwrap().to_string_lossy().into()).collect();
    for expected in ["index.html", "index.md", "table1.csv", "table1.tex", "fig1-weights.png", "table1-published.svg"] {
        assert!(names.iter().any(|n| n == expected), "no {expected} in {names:?}");
    }
    let second = run("replicate tiny --profile smoke --offline --jobs 3");
    assert!(second.contains(" 0 run now"), "{second}");
    assert_eq!(contents(), before);
    run("report tiny --profile smoke --offline");
    assert_eq!(contents(), before);
}

#[test]
fn data_that_cannot_be_had_are_skipped_by_name() {
    let folder = workspace();
    let run = folder.mtl("replicate tiny --profile smoke --only table1 --offline").ok();
    assert!(run.stdout.contains("Parkinsons was skipped: no copy of `parkinsons_updrs.data`"), "{run:?}");
    assert!(run.stdout.contains("mtl datasets fetch parkinsons"), "{run:?}");
    let page = folder.read("reports/tiny/index.md");
    assert!(page.contains("> Parkinsons was skipped"), "{page}");
    let cells = folder.read("reports/tiny/tables/table1-cells.csv");
    let line = cells.lines().find(|l| l.starts_with("Parkinsons,nMSE,GL")).unwrap();
    assert!(line.contains("[not run]") && line.contains("the data could not be had"), "{line}");
    let line = cells.lines().find(|l| l.starts_with("Groups,nMSE,SSMTL_m")).unwrap();
    assert!(line.contains("[not comparable]") && line.contains("coarser grid"), "{line}");
}

#[test]
fn failures_are_recorded_reported_and_can_be_run_again() {
    let folder = workspace();
    let run = folder.mtl("replicate tiny --profile smoke --only table1 --offline --limit 0");
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.stdout.contains("FAILED SSMTL_m on Groups"), "{run:?}");
    assert!(folder.read("reports/tiny/index.md").contains("cells that failed"));
    let again = folder.mtl("replicate tiny --profile smoke --only table1 --offline");
    assert_eq!(again.code, 1, "a failure is a result: {again:?}");
    folder.mtl("replicate tiny --profile smoke --only table1 --offline --force ols,GL,MeTaG,SSMTL_m").ok();
}

#[test]
fn a_plan_shows_cells_and_time_and_runs_nothing() {
    let folder = workspace();
    let run = folder.mtl("replicate tiny --offline --list").ok();
    assert!(run.stdout.contains("fig1") && run.stdout.contains(" to run, about "), "{run:?}");
    assert!(run.stdout.contains("skipped") && run.stdout.contains("needs no fit"), "{run:?}");
    assert_eq!(folder.names(), ["experiments"]);
}

#[test]
fn exports_agree_with_one_another() {
    let folder = workspace();
    folder.mtl("replicate tiny --profile smoke --only fig1 --offline").ok();
    let csv = export(&folder, "store");
    let jsonl = folder.mtl("export --no-timings --format jsonl").ok().stdout;
    assert_eq!(csv.lines().count(), jsonl.lines().count() + 1);
    let header: Vec<&str> = csv.lines().next().unwrap().split(',').collect();
    let value = header.iter().position(|c| *c == "objective").unwrap();
    let first: serde_json::Value = serde_json::from_str(jsonl.lines().next().unwrap()).unwrap();
    let row = csv::Reader::from_reader(csv.as_bytes()).records().next().unwrap().unwrap();
    assert_eq!(row[value].parse::<f64>().unwrap(), first["objective"].as_f64().unwrap());
    folder.mtl("export --format parquet -o all.parquet").ok();
    let parquet = std::fs::read(folder.file("all.parquet")).unwrap();
    assert!(parquet.starts_with(b"PAR1") && parquet.ends_with(b"PAR1"));
    assert!(folder.mtl("export").ok().stdout.lines().next().unwrap().ends_with("seconds,finished,software,cpu"));
}

/// Changes a file of the workspace.
fn edit(folder: &Folder, file: &str, from: &str, to: &str) {
    let text = folder.read(file);
    assert!(text.contains(from), "{from} is not in {file}");
    folder.write(file, &text.replacen(from, to, 1));
}

#[test]
fn bad_input_is_refused_before_anything_runs() {
    let cases: [(&str, &str, &str, &[&str]); 6] = [
        ("table1.yaml", "repeats: 3", "repeat: 3", &["table1.yaml:", "repeat"]),
        ("table1.yaml", "[OLS, GL,", "[OLS, LG,", &["table1.yaml:13:", "unknown method label", "`LG`", "GL"]),
        ("methods.yaml", "l21", "l12", &["methods.yaml:2:", "unknown method `l12`", "l21"]),
        ("methods.yaml", "{gamma: \"log", "{gama: \"log", &["methods.yaml:2:", "`gama`", "gamma"]),
        ("methods.yaml", "[0.1, 1, 10]", "[-0.1, 1]", &["methods.yaml:3:", "gamma", "-0.1"]),
        ("table1.yaml", "synthetic-gl", "synthetic-lg", &["table1.yaml:", "synthetic-lg", "synthetic-gl"]),
    ];
    for (file, from, to, words) in cases {
        let folder = workspace();
        edit(&folder, &format!("experiments/tiny/{file}"), from, to);
        folder.mtl("replicate tiny --offline").refused(words);
        assert_eq!(folder.names(), ["experiments"], "nothing is written");
    }
}

#[test]
fn wrong_arguments_say_what_is_valid() {
    let folder = workspace();
    folder.mtl("replicate tinny --offline").refused(&["unknown paper `tinny`", "tiny"]);
    folder.mtl("replicate tiny --only table9 --offline").refused(&["table9", "table1-raw"]);
    folder.mtl("replicate tiny --offline --limit=-1").refused(&["--limit"]);
    folder.mtl("replicate tiny --only fig1 --offline --force lassoo").refused(&["lassoo", "lasso"]);
    let outside = Folder::new();
    outside.mtl("replicate tiny").refused(&["no workspace found"]);
}

#[test]
fn places_that_cannot_be_written_are_refused_first() {
    let folder = workspace();
    folder.write("file", "");
    let begun = |run: Run| run.refused(&["file"]);
    begun(folder.mtl("replicate tiny --offline --store file"));
    begun(folder.mtl("replicate tiny --offline --out file"));
    if cfg!(target_os = "linux") {
        folder.mtl("replicate tiny --offline --out /proc").refused(&["/proc", "choose another folder"]);
    }
    assert!(!folder.file("store").exists());
}

#[test]
fn a_damaged_copy_is_an_error_that_says_how_to_mend_it() {
    let folder = workspace();
    std::fs::create_dir_all(folder.file("mirror/parkinsons")).unwrap();
    folder.write("mirror/parkinsons/parkinsons_updrs.data", "subject#,age\n1,72\n");
    let run = folder.mtl("replicate tiny --only table1 --offline --mirror mirror");
    run.refused(&["parkinsons_updrs.data", "wrong checksum", "mirror", "mtl datasets fetch parkinsons"]);
    assert!(!folder.file("store").exists() && !folder.file("reports").exists());
}
