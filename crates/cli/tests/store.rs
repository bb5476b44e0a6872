//! The store under attack, through the program: kills, two runs at once, a disk without room, damage; and `mtl store`.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic, and says how it went")]

mod driver;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use driver::{Folder, Numbers, export, files, spawn, workspace};

const RUN: &str = "run tiny --profile smoke --offline --jobs 2";
/// Many short cells: a run that is storing something most of the time.
const SHORT: &str = "run tiny --profile smoke --offline --jobs 2 --only table1,table1-raw,table2";
const REPLICATE: &str = "replicate tiny --profile smoke --offline --jobs 2 --out elsewhere";

/// What an undisturbed run leaves.
fn reference(folder: &Folder, run: &str) -> String {
    folder.mtl(&format!("{run} --store reference")).ok();
    export(folder, "reference")
}

fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    files(folder).into_iter().map(|f| (f.clone(), fs::read(f).unwrap())).collect()
}

/// Kills runs at random moments until `kills` of them have died, on one store after the other. Whatever was stored once has
/// to stay as it was, and what comes out in the end has to be what an undisturbed run gives.
fn kill_at_random(kills: usize) {
    let folder = workspace();
    let begin = Instant::now();
    let reference = reference(&folder, SHORT);
    // As long as an undisturbed run takes, on this machine and beside what else it has to do now.
    let mut longest = begin.elapsed();
    let mut numbers = Numbers::new(11);
    let (mut killed, mut stores, mut halfway) = (0, 0, 0);
    while killed < kills {
        stores += 1;
        let store = format!("store{stores}");
        let records = folder.file(&store).join("records");
        let mut seen: BTreeMap<PathBuf, Vec<u8>> = BTreeMap::new();
        loop {
            let mut child = spawn(&folder, &format!("{SHORT} --store {store}"));
            let moment = longest.mul_f64((1.0 + numbers.draw()) / 2.0);
            std::thread::sleep(moment);
            let ended = child.try_wait().unwrap().is_some();
            if ended && seen.is_empty() {
                longest = moment;
            }
            let over = ended || killed == kills;
            if !over {
                child.kill().unwrap();
                killed += 1;
            }
            let output = child.wait_with_output().unwrap();
            let now = contents(&records);
            for (file, bytes) in &seen {
                assert_eq!(now.get(file), Some(bytes), "{} is lost or changed after kill {killed}", file.display());
            }
            halfway += usize::from(now.len() > seen.len() && !over);
            seen = now;
            if over {
                assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
                break;
            }
        }
        let check = folder.mtl(&format!("store check --store {store}")).ok();
        assert!(check.stdout.contains("everything is sound"), "{check:?}");
        assert_eq!(export(&folder, &store), reference, "store {stores}, after {killed} kills");
    }
    assert!(4 * halfway > kills, "{halfway} of {kills} kills met a run that was storing results");
    println!(
        "{kills} kills, {halfway} of them of runs that had stored something, on {stores} stores: nothing was lost"
    );
}

#[test]
fn kills_lose_nothing() {
    kill_at_random(25);
}

/// `cargo test --release --workspace --test store -- --ignored --nocapture five_hundred`
#[test]
#[ignore = "takes a few minutes"]
fn five_hundred_kills_lose_nothing() {
    kill_at_random(500);
}

#[test]
fn two_runs_on_one_store_agree() {
    let folder = workspace();
    let reference = reference(&folder, RUN);
    let runs = [(); 2].map(|()| {
        let child = spawn(&folder, "run tiny --profile smoke --offline --jobs 1 --store both");
        std::thread::sleep(Duration::from_millis(100));
        child
    });
    // Nothing is thrown away under their feet.
    let refused = folder.mtl("store gc --delete --store both");
    refused.refused(&["a run is using it"]);
    for run in runs {
        let output = run.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!(export(&folder, "both"), reference);
    let same = folder.mtl("store diff reference both").ok();
    assert!(same.stdout.contains(" 0 cells with another\n0 cells only in reference, 0 cells only in both"), "{same:?}");
    assert!(folder.mtl("store gc --store both").ok().stdout.contains("nothing to delete"));
}

/// Files above 20 KiB do not fit, as on a disk that is nearly full.
#[cfg(target_os = "linux")]
#[test]
fn a_disk_without_room_is_reported_and_loses_nothing() {
    let folder = workspace();
    let reference = reference(&folder, RUN);
    let limited = format!("trap '' XFSZ; ulimit -f 40; exec {} {RUN} --store full", env!("CARGO_BIN_EXE_mtl"));
    for _ in 0..2 {
        let mut shell = Command::new("sh");
        shell.env_remove("MTL_MIRROR").env_remove("MTL_CACHE").env_remove("MTL_STORE");
        let output = shell.args(["-c", &limited]).current_dir(folder.path()).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        for words in ["error: results store full: cannot write a", "File too large", "free some space"] {
            assert!(stderr.contains(words), "`{words}` is not in {stderr}");
        }
        assert!(files(&folder.file("full/tmp")).is_empty(), "no half file is left");
    }
    let there = contents(&folder.file("full/records"));
    assert!(!there.is_empty(), "what fitted is stored");
    folder.mtl("store check --store full").ok();
    folder.mtl(&format!("{RUN} --store full")).ok();
    let now = contents(&folder.file("full/records"));
    assert!(there.iter().all(|(file, bytes)| now.get(file) == Some(bytes)), "what was stored was not run again");
    assert_eq!(export(&folder, "full"), reference);
}

/// A file system of 400 KiB in a name space of its own.
#[cfg(target_os = "linux")]
#[test]
#[ignore = "needs leave to mount"]
fn a_full_disk_is_reported_and_loses_nothing() {
    let folder = workspace();
    let reference = reference(&folder, RUN);
    fs::create_dir(folder.file("disk")).unwrap();
    let mtl = env!("CARGO_BIN_EXE_mtl");
    let script = format!(
        "mount -t tmpfs -o size=400k none disk || exit 99
         {mtl} {RUN} --store disk/store && exit 98
         {mtl} store check --store disk/store >&2 || exit 97
         mount -o remount,size=50m disk && {mtl} {RUN} --store disk/store >&2 || exit 96
         {mtl} export --no-timings --store disk/store"
    );
    let output = Command::new("unshare")
        .args(["-rm", "sh", "-c", &script])
        .env_remove("MTL_MIRROR")
        .current_dir(folder.path())
        .output()
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert!(stderr.contains("No space left on device") && stderr.contains("everything is sound"), "{stderr}");
    assert_eq!(String::from_utf8(output.stdout).unwrap(), reference);
}

#[test]
fn damage_is_found_named_and_mended() {
    let folder = workspace();
    let reference = reference(&folder, RUN);
    let record = files(&folder.file("reference/records")).remove(0);
    let other = files(&folder.file("reference/records")).remove(1);
    let whole = fs::read_to_string(&record).unwrap();
    fs::write(&record, &whole[..whole.len() / 2]).unwrap();
    fs::write(&other, fs::read_to_string(&other).unwrap().replacen("e", "E", 1)).unwrap();

    let check = folder.mtl("store check --store reference");
    assert_eq!(check.code, 1, "{check:?}");
    for words in
        ["DAMAGED    records/", "it is cut short", "it is not what its checksum says", "mtl store check --mend"]
    {
        assert!(check.stdout.contains(words), "{check:?}");
    }
    let json = folder.mtl("store check --store reference --json").json();
    assert_eq!(json["damaged"].as_array().map(Vec::len), Some(2), "{json}");
    // Who only reads, says so and goes on.
    let run = folder.mtl("export --store reference").ok();
    assert_eq!(run.stderr.matches("warning: results store: records/").count(), 2, "{run:?}");
    assert_eq!(
        folder.mtl(&format!("{REPLICATE} --store reference --list")).ok().stdout.matches("quarantine").count(),
        0
    );

    // A run moves it out of the way, and runs its cells again.
    let run = folder.mtl(&format!("{REPLICATE} --store reference")).ok();
    assert_eq!(run.stderr.matches("moved to quarantine/").count(), 2, "{run:?}");
    assert!(run.stdout.contains(" 2 run now, 0 of them failed"), "{run:?}");
    assert_eq!(export(&folder, "reference"), reference);

    // Without their artifacts figures cannot be drawn.
    let artifact = files(&folder.file("reference/artifacts")).remove(0);
    fs::remove_file(&artifact).unwrap();
    let check = folder.mtl("store check --store reference");
    assert!(check.code == 1 && check.stdout.contains("INCOMPLETE record "), "{check:?}");
    let check = folder.mtl("store check --store reference --mend").ok();
    assert!(check.stdout.contains("mended"), "{check:?}");
    folder.mtl(&format!("{REPLICATE} --store reference")).ok();
    assert!(artifact.is_file());
    assert_eq!(export(&folder, "reference"), reference);

    let garbage = folder.mtl("store gc --store reference").ok();
    assert!(
        garbage.stdout.contains("in quarantine") && garbage.stdout.contains("mtl store gc --delete"),
        "{garbage:?}"
    );
    let records = contents(&folder.file("reference/records"));
    let deleted = folder.mtl("store gc --store reference --delete").ok();
    assert!(deleted.stdout.contains("files deleted"), "{deleted:?}");
    assert_eq!(contents(&folder.file("reference/records")), records);
    assert!(files(&folder.file("reference/quarantine")).is_empty());
}

#[test]
fn stores_are_compared_by_their_results() {
    let folder = workspace();
    folder.mtl(&format!("{RUN} --store a --only fig3")).ok();
    folder.mtl(&format!("{RUN} --store b --only fig3,table1")).ok();
    let diff = folder.mtl("store diff a b");
    assert_eq!(diff.code, 1, "{diff:?}");
    assert!(diff.stdout.contains("0 cells only in a") && diff.stdout.contains("\nonly in b:\n"), "{diff:?}");
    folder.mtl("store diff a a").ok();
    folder.mtl("store diff a none").refused(&["no results store at none"]);
    folder.mtl("store diff a b --tolerance=-1").refused(&["--tolerance"]);
    folder.mtl("store check --store none").refused(&["there is no results store", "--store DIR"]);
    assert!(!folder.file("none").exists());
}
