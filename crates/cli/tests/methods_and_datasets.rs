//! `mtl methods` and `mtl datasets`.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod driver;

use driver::*;

#[test]
fn methods_are_described() {
    let folder = Folder::new();
    let all = folder.mtl("methods --json").ok().json();
    let all = all.as_array().unwrap();
    assert!(all.len() >= 6);
    for method in all {
        for field in ["name", "family", "summary", "objective", "citation"] {
            assert!(!method[field].as_str().unwrap().is_empty(), "{field}");
        }
        assert!(method["aliases"].is_array() && method["targets"][0].is_string());
        for parameter in method["parameters"].as_array().unwrap() {
            assert!(parameter["name"].is_string() && parameter["doc"].is_string());
            assert!(!parameter["default"].is_null() && parameter["range"]["type"].is_string());
        }
    }
    let text = folder.mtl("methods").ok().stdout;
    assert!(all.iter().all(|m| text.contains(&format!("\n{} ", m["name"].as_str().unwrap()))));
    let text = folder.mtl("methods ssmtl_m").ok().stdout;
    assert!(text.starts_with("ssmtl-m: ") && text.contains("--cv tries 2, 5, 10, 50"), "{text}");
    assert_eq!(folder.mtl("methods l21 --json").ok().json()["name"], "l21");
    folder.mtl("methods l2").refused(&["unknown method `l2`; did you mean `l21`?"]);
}

#[test]
fn every_command_has_help_with_examples() {
    let folder = Folder::new();
    let datasets = ["datasets", "datasets fetch", "datasets verify", "datasets show"];
    let store = ["store", "store check", "store gc", "store diff"];
    for command in ["methods", "fit", "predict", "compare", "reproduce"].iter().chain(&datasets).chain(&store) {
        let help = folder.mtl(&format!("{command} --help")).ok().stdout;
        assert!(help.contains("Examples:\n  mtl "), "{command}: {help}");
    }
    assert_eq!(folder.mtl("fit --method lasso").code, 2, "usage errors are bad input");
}

#[test]
fn data_sets_are_listed_and_shown() {
    let folder = Folder::new();
    let list = folder.mtl("datasets --json --cache c").ok().json();
    assert_eq!(list, folder.mtl("datasets list --json --cache c").ok().json());
    let parkinsons = list.as_array().unwrap().iter().find(|d| d["name"] == "parkinsons").unwrap();
    assert_eq!((parkinsons["tasks"].as_u64(), parkinsons["cached"].as_bool()), (Some(42), Some(false)));
    assert!(folder.mtl("datasets").ok().stdout.contains("unknown"), "without a workspace there is no cache");

    let shown = folder.mtl("datasets show parkinsons --json --cache c").ok().json();
    assert_eq!(shown["licence"], "CC BY 4.0");
    assert_eq!(shown["options"][0]["name"], "target");
    let file = &shown["files"][0];
    assert!(file["path"].as_str().unwrap().ends_with("c/parkinsons/parkinsons_updrs.data"));
    assert_eq!(
        (file["cached"].as_bool(), file["sources"][1]["sha256"].as_str().map(str::len)),
        (Some(false), Some(64))
    );
    let text = folder.mtl("datasets show parkinsons --cache c").ok().stdout;
    for part in ["CC BY 4.0", "Tsanas", "https://archive.ics.uci.edu", "one of total, motor", "sha256 f2c7d"] {
        assert!(text.contains(part), "{part}");
    }
    folder.mtl("datasets show parkinson").refused(&["unknown data set `parkinson`; did you mean `parkinsons`?"]);
    assert!(!folder.file("c").exists(), "looking makes no folder");
}

#[test]
fn what_must_be_made_by_hand_says_how() {
    let folder = Folder::new();
    let list = folder.mtl("datasets --cache c").ok().stdout;
    let line = |name: &str| list.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
    assert!(line("celeba ").ends_with("no, by hand") && line("school ").ends_with("no"), "{list}");
    let text = folder.mtl("datasets show coco --cache c").ok().stdout;
    for part in ["by hand", "https://cocodataset.org", "coco/coco_x.npy in a mirror", "images x 80"] {
        assert!(text.split_whitespace().collect::<Vec<_>>().join(" ").contains(part), "`{part}` is not in {text}");
    }
    let shown = folder.mtl("datasets show traffic-sp --json --cache c").ok().json();
    let file = &shown["files"][0];
    assert!(file["by_hand"].as_str().unwrap().contains("UCI data set 483"));
    assert_eq!((file["sha256"].as_str().map(str::len), file["sources"].as_array().map(Vec::len)), (Some(64), Some(0)));
    let run = folder.mtl("datasets fetch celeba --offline --cache c");
    assert_eq!(run.code, 2);
    for part in ["no copy of `celeba_y.npy`", "cannot be downloaded: save the 40 attributes", "c/celeba/celeba_y.npy"] {
        assert!(run.stderr.contains(part), "`{part}` is not in {}", run.stderr);
    }
    let run = folder.mtl("datasets verify coco --cache c").ok();
    assert!(run.stdout.contains("mtl datasets show coco, for how to make it"), "{}", run.stdout);
}

/// With neither network nor mirror.
#[test]
fn what_the_program_carries_needs_no_fetch() {
    let folder = Folder::new();
    let line = |list: &str| list.lines().find(|line| line.starts_with("mnist-sample ")).unwrap().to_owned();
    assert!(line(&folder.mtl("datasets --cache c").ok().stdout).ends_with("yes, carried"));
    assert!(line(&folder.mtl("datasets").ok().stdout).ends_with("yes, carried"), "without a workspace, too");
    let text = folder.mtl("datasets show covertype-sample --cache c").ok().stdout;
    for part in ["subsample. 6000 of the 581012 rows", "Blackard and Colorado State", "PyPI scikit-multiflow 0.4.1"] {
        assert!(text.split_whitespace().collect::<Vec<_>>().join(" ").contains(part), "`{part}` is not in {text}");
    }
    let sets = "mnist-sample covertype-sample";
    let states = folder.mtl(&format!("datasets verify {sets} --json --cache c")).ok().json();
    assert!(states.as_array().unwrap().iter().all(|file| file["state"] == "good"), "{states}");
    assert!(!folder.file("c").exists(), "looking makes no folder");
    let run = folder.mtl(&format!("datasets fetch {sets} --offline --cache c")).ok();
    assert_eq!(run.stdout.matches("carried by this program, checksum verified").count(), 5, "{}", run.stdout);
    let run = folder.mtl(&format!("datasets verify {sets} --cache c")).ok();
    assert_eq!(run.stdout.matches("checksum and values as in the catalog").count(), 5, "{}", run.stdout);
}

#[test]
fn numeric_options_show_their_range() {
    let folder = Folder::new();
    let text = folder.mtl("datasets show synthetic-srml").ok().stdout;
    for part in ["samples: samples of each task (a whole number from 2 to 100000; default 100)", "one of yes, no"] {
        assert!(text.contains(part), "`{part}` is not in {text}");
    }
    let shown = folder.mtl("datasets show synthetic-srml --json").ok().json();
    let noise = shown["options"].as_array().unwrap().iter().find(|o| o["name"] == "noise").unwrap().clone();
    assert_eq!((noise["range"].as_str(), noise.get("choices")), (Some("a number from 0 to 1000000"), None));
}

#[test]
fn what_cannot_be_fetched_is_explained() {
    let folder = Folder::new();
    let run = folder.mtl("datasets fetch synthetic-gl parkinsons --offline --cache c");
    assert_eq!(run.code, 2);
    assert_eq!(run.stdout, "synthetic-gl: drawn when needed, nothing to fetch\n");
    for part in [
        "no copy of `parkinsons_updrs.data`",
        "https://archive.ics.uci.edu/",
        "by hand:",
        "c/parkinsons/parkinsons_updrs.data",
        "--mirror DIR",
    ] {
        assert!(run.stderr.contains(part), "`{part}` is not in {}", run.stderr);
    }
    folder.mtl("datasets fetch parkinsons sarcs --offline --cache c").refused(&["did you mean `sarcos`?"]);
    folder.mtl("datasets fetch parkinsons --offline").refused(&["--cache DIR", "no workspace found"]);
    assert_eq!(folder.mtl("datasets fetch").code, 2);
}

#[test]
fn damaged_files_are_found() {
    let folder = Folder::new();
    let run = folder.mtl("datasets verify --cache c").ok();
    assert!(run.stdout.contains("absent  parkinsons_updrs.data"), "{}", run.stdout);
    std::fs::create_dir_all(folder.file("c/parkinsons")).unwrap();
    folder.write("c/parkinsons/parkinsons_updrs.data", "subject#,age\n1,2\n");
    let run = folder.mtl("datasets verify --cache c");
    assert_eq!(run.code, 2);
    assert!(run.stdout.contains("DAMAGED  parkinsons_updrs.data"), "{}", run.stdout);
    let run = folder.mtl("datasets verify parkinsons --json --cache c");
    assert_eq!((run.code, run.json()[0]["state"].as_str()), (2, Some("damaged")));
    folder.mtl("datasets verify sarcos --cache c").ok();
}

/// With real files, where this machine has them.
#[test]
fn files_of_a_mirror_are_verified() {
    let Ok(mirror) = std::env::var("MTL_MIRROR") else { return };
    let folder = Folder::new();
    let run = folder.mtl(&format!("datasets fetch parkinsons --offline --cache c --mirror {mirror}")).ok();
    assert!(run.stdout.contains("from the mirror") && run.stdout.contains("checksum verified"), "{}", run.stdout);
    let run = folder.mtl("datasets fetch parkinsons --offline --cache c").ok();
    assert!(run.stdout.contains("already there"), "{}", run.stdout);
    let run = folder.mtl("datasets verify parkinsons --json --cache c").ok();
    assert_eq!(run.json()[0]["state"], "good");
    let sets = "school school-argyriou computers traffic-sp cifar10-cnn128";
    folder.mtl(&format!("datasets fetch {sets} --offline --cache c --mirror {mirror}")).ok();
    let run = folder.mtl(&format!("datasets verify {sets} --json --cache c")).ok();
    let states = run.json();
    assert_eq!(states.as_array().unwrap().len(), 1 + 11 + 1 + 1 + 2);
    assert!(states.as_array().unwrap().iter().all(|file| file["state"] == "good"), "{states}");
}
