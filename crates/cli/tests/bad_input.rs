//! What users get wrong: refused with exit status 2, on one screen, with nothing half-written.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod driver;

use driver::*;

const GOOD: &str = "age,school,score,size\n1,north,5,9\n2,south,6,8\n3,north,7,7\n4,south,8,6\n";

fn folder(text: &str) -> Folder {
    let folder = Folder::new();
    folder.write("d.csv", text);
    folder
}

/// Fits with good options to a file, and is refused.
#[track_caller]
fn data_refused(text: &str, words: &[&str]) {
    let folder = folder(text);
    folder
        .mtl("fit --method lasso --data d.csv --task school --target score --weights w.csv --save m.json --json")
        .refused(words);
    assert_eq!(folder.names(), ["d.csv"], "nothing is written");
}

/// Fits with other options to a good file, and is refused.
#[track_caller]
fn options_refused(options: &str, words: &[&str]) {
    let folder = folder(GOOD);
    folder.mtl(&format!("fit --data d.csv --weights w.csv {options}")).refused(words);
    assert_eq!(folder.names(), ["d.csv"], "nothing is written");
}

#[test]
fn faulty_data() {
    data_refused(&GOOD.replace("3,north", "three,north"), &["d.csv, line 4, column `age`: found `three`"]);
    data_refused(&GOOD.replace("8,6", "NaN,6"), &["d.csv, line 5, column `score`: found `NaN`", "finite number"]);
    data_refused(&GOOD.replace("8,6", "8,inf"), &["line 5, column `size`: found `inf`", "finite number"]);
    data_refused(&GOOD.replace("\n1,", "\n,"), &["line 2, column `age`: found an empty cell", "fill the cell"]);
    data_refused(&GOOD.replace("4,south", "4,east"), &["line 3: task `south` has this row only", "remove the task"]);
    data_refused(&GOOD.replace("7,7", "5,7"), &["target `score` of task `north` is 5 in all 2 rows"]);
    data_refused(&GOOD.replace("size\n", "age\n"), &["line 1: columns 1 and 4 are both called `age`"]);
    data_refused(&GOOD.replace("score", "scores"), &["no column `score`; did you mean `scores`?", "`school`"]);
    data_refused(&GOOD.replace(",9\n", "\n"), &["line 2: expected 4 cells", "found 3"]);
    data_refused(&GOOD.replace(',', ";"), &["no column `school`", "separated by commas"]);
    data_refused("", &["d.csv: the file is empty"]);
    data_refused("age,school,score\n", &["no rows below"]);
    data_refused(&GOOD.replace(",9\n", ",1e300\n"), &["lasso cannot be fitted to d.csv", "non-finite"]);
}

#[test]
fn faulty_options() {
    let all = "--task school --target score";
    options_refused(&format!("--method laso {all}"), &["unknown method `laso`; did you mean `lasso`?", "l21"]);
    options_refused(&format!("--method zebra {all}"), &["unknown method `zebra`\nvalid: constant, ols, lasso"]);
    options_refused(
        &format!("--method lasso {all} --param gama=1"),
        &["lasso has no parameter `gama`; did you mean `gamma`?\nvalid: gamma, engine"],
    );
    options_refused(&format!("--method ols {all} --param gamma=1"), &["ols has no parameter `gamma`\nvalid: none"]);
    for value in ["-1", "nan", "inf", "much"] {
        options_refused(&format!("--method lasso {all} --param gamma={value}"), &["expected a number >= 0"]);
    }
    options_refused(&format!("--method metag {all} --param h=1.5"), &["`h` is 1.5, expected a whole number >= 1"]);
    options_refused(&format!("--method lasso {all} --param solver=adam"), &["`solver` is adam, expected one of auto"]);
    options_refused(&format!("--method lasso {all} --param gamma"), &["expected NAME=VALUE"]);
    options_refused(&format!("--method lasso {all} --param gamma=1 --param gamma=2"), &["`gamma` is given twice"]);
    options_refused(&format!("--method lasso {all} --tol -1"), &["--tol -1", "expected a number > 0"]);
    options_refused(&format!("--method lasso {all} --tol 1 --param tol=1"), &["say the same thing"]);
    options_refused(&format!("--method metag {all} --param solver=fista"), &["cannot be fitted", "use admm"]);
    options_refused(&format!("--method lasso {all} --cv 1"), &["at least two folds"]);
    options_refused(&format!("--method lasso {all} --cv 3"), &["task `north`: 2 rows cannot be cut into 3 folds"]);
    options_refused(&format!("--method lasso {all} --cv 2 --cv-metric support-F1"), &["valid: nMSE"]);
    options_refused("--method lasso --task school --target age --features age,size", &["both target and feature"]);
    options_refused("--method lasso --task school --target score --features size,sze", &["did you mean `size`?"]);
    options_refused("--method lasso --task school --target school", &["both task and target"]);
}

#[test]
fn files_that_cannot_be_read_or_written() {
    let folder = folder(GOOD);
    let fit = "fit --method lasso --task school --target score --json";
    folder.mtl(&format!("{fit} --data none.csv")).refused(&["none.csv: there is no such file (looked in "]);
    folder.mtl(&format!("{fit} --data .")).refused(&[".: cannot be read: Is a directory"]);
    for option in ["--weights", "--save"] {
        folder.mtl(&format!("{fit} --data d.csv {option} /dev/full")).refused(&["/dev/full", "No space left"]);
        // A folder that takes no files, even from root.
        folder.mtl(&format!("{fit} --data d.csv {option} /proc/out")).refused(&["folder /proc", "make it writable"]);
        folder.mtl(&format!("{fit} --data d.csv {option} no/out")).refused(&["the folder no ", "does not exist"]);
        folder.mtl(&format!("{fit} --data d.csv {option} .")).refused(&["is a folder"]);
        folder.mtl(&format!("{fit} --data d.csv {option} d.csv")).refused(&["d.csv is the data file"]);
    }
    folder.mtl(&format!("{fit} --data d.csv --weights a --save a")).refused(&["both name a"]);
    assert_eq!(folder.read("d.csv"), GOOD);
    assert_eq!(folder.names(), ["d.csv"]);
}

#[test]
fn an_output_folder_is_checked_before_the_data_are_read() {
    let folder = Folder::new();
    folder
        .mtl("fit --method lasso --data none.csv --task t --target y --weights /proc/w.csv")
        .refused(&["the folder /proc"]);
}

#[test]
fn a_full_standard_output_is_an_error() {
    let folder = folder(GOOD);
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_mtl"))
        .args(["fit", "--method", "lasso", "--data", "d.csv", "--task", "school", "--target", "score"])
        .current_dir(folder.path())
        .stdout(full)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("standard output cannot be written"));
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_mtl"))
        .args(["methods", "--json"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0));
}
