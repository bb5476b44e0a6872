//! `mtl fit --save` and `mtl predict`.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod driver;

use driver::*;

fn fitted() -> (Vec<Sample>, Folder) {
    let samples = schools(8);
    let folder = Folder::new();
    folder.write("d.csv", &csv(&samples));
    folder
        .mtl("fit --method l21 --data d.csv --task school --target score --intercept --standardize --save m.json --weights w.csv --json")
        .ok();
    (samples, folder)
}

/// Task, row and prediction.
fn predictions(text: &str) -> Vec<(String, usize, f64)> {
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("task,row,prediction"));
    let parse = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        (cells[0].to_owned(), cells[1].parse().unwrap(), cells[2].parse().unwrap())
    };
    lines.map(parse).collect()
}

#[test]
fn a_saved_model_predicts_what_its_weights_say() {
    let (samples, folder) = fitted();
    let run = folder.mtl("predict --model m.json --data d.csv").ok();
    let weights = Weights::parse(&folder.read("w.csv"));
    let found = predictions(&run.stdout);
    assert_eq!(found.len(), samples.len());
    for (i, ((task, row, prediction), sample)) in found.iter().zip(&samples).enumerate() {
        assert_eq!((task, *row), (&sample.task, i + 1));
        close(*prediction, weights.predict(sample), 1e-12);
    }
    assert!(run.stderr.starts_with("task"), "measures go to standard error: {}", run.stderr);

    let fit = "fit --method l21 --data d.csv --task school --target score --intercept --standardize --json";
    let (trained, judged) =
        (folder.mtl(fit).ok().json(), folder.mtl("predict --model m.json --data d.csv --json").ok());
    let judged = judged.json();
    assert_eq!(judged["n"], samples.len());
    for (a, b) in trained["tasks"].as_array().unwrap().iter().zip(judged["tasks"].as_array().unwrap()) {
        assert_eq!((&a["name"], &a["n"]), (&b["name"], &b["n"]));
        close(a["MSE"].as_f64().unwrap(), b["MSE"].as_f64().unwrap(), 1e-12);
    }
    assert_eq!(judged["predictions"][1]["prediction"].as_f64().unwrap(), found[1].2);
}

#[test]
fn models_of_two_classes_are_judged_by_labels() {
    let (samples, folder) = fitted();
    // A model that was fitted to labels, with weights that a test can follow.
    let mut model: serde_json::Value = serde_json::from_str(&folder.read("m.json")).unwrap();
    assert_eq!(model["target_kind"], "regression");
    model["target_kind"] = "binary".into();
    folder.write("b.json", &model.to_string());
    let scores = predictions(&folder.mtl("predict --model m.json --data d.csv").ok().stdout);
    let labelled = |zero: &str| {
        let lines = folder.read("d.csv");
        let mut lines = lines.lines();
        let header = lines.next().unwrap();
        let target = header.split(',').position(|name| name == "score").unwrap();
        let row = |(i, line): (usize, &str)| {
            let mut cells: Vec<&str> = line.split(',').collect();
            // Every third label is wrong.
            cells[target] = if (scores[i].2 > 0.0) == (i % 3 > 0) { "1" } else { zero };
            cells.join(",")
        };
        [header.to_owned()].into_iter().chain(lines.enumerate().map(row)).collect::<Vec<_>>().join("\n")
    };
    for zero in ["0", "-1"] {
        folder.write("l.csv", &labelled(zero));
        let run = folder.mtl("predict --model b.json --data l.csv --json").ok().json();
        let (mut right, mut n) = (0.0, 0.0);
        for task in run["tasks"].as_array().unwrap() {
            let size = task["n"].as_f64().unwrap();
            right += task["accuracy"].as_f64().unwrap() * size;
            n += size;
            assert!(task["AUC"].is_f64() && task["AUC-hard"].is_f64() && task.get("MSE").is_none(), "{task}");
        }
        assert_eq!(n, samples.len() as f64);
        close(right, (0..samples.len()).filter(|i| i % 3 > 0).count() as f64, 1e-9);
        assert_eq!(run["predictions"][3]["prediction"].as_f64().unwrap(), scores[3].2, "scores, not labels");
    }
    let run = folder.mtl("predict --model b.json --data d.csv").ok();
    assert!(run.stderr.contains("note: the predictions are not judged") && run.stderr.contains("label of two classes"));
    // Models from before there were classes predict numbers.
    model.as_object_mut().unwrap().remove("target_kind");
    model["version"] = 1.into();
    folder.write("old.json", &model.to_string());
    let run = folder.mtl("predict --model old.json --data d.csv --json").ok().json();
    assert!(run["tasks"][0]["MSE"].is_f64() && run["pooled"]["MSE-pooled"].is_f64(), "{run}");
}

#[test]
fn columns_are_found_by_name_and_the_target_may_be_missing() {
    let (_, folder) = fitted();
    let all = predictions(&folder.mtl("predict --model m.json --data d.csv").ok().stdout);
    // Columns in another order, one more, no target, one row.
    folder.write("e.csv", "noise,extra,income,age,class,size\n0.5,text,1.5,2.5,east,3.5\n");
    let run = folder.mtl("predict --model m.json --data e.csv --task class -o p.csv").ok();
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("", ""));
    let one = predictions(&folder.read("p.csv"));
    let sample = Sample { task: "east".into(), x: vec![2.5, 3.5, 1.5, 0.5], y: 0.0 };
    close(one[0].2, Weights::parse(&folder.read("w.csv")).predict(&sample), 1e-12);
    assert_eq!(all.len(), 24);
    // A target column without numbers is no obstacle unless asked for.
    folder.write("f.csv", "noise,income,age,school,size,score\n0.5,1.5,2.5,east,3.5,\n");
    let run = folder.mtl("predict --model m.json --data f.csv --json").ok();
    assert!(run.stderr.starts_with("note: the predictions are not judged: f.csv, line 2, column `score`"));
    assert_eq!(run.json()["tasks"], serde_json::json!([]));
    folder.mtl("predict --model m.json --data f.csv --target score").refused(&["line 2, column `score`", "empty cell"]);
    folder.mtl("predict --model m.json --data d.csv --features size,noise,age,income").ok();
}

#[test]
fn what_does_not_suit_the_model_is_named() {
    let (samples, folder) = fitted();
    let predict = "predict --model m.json --data e.csv -o p.csv";
    folder.write("e.csv", &csv(&samples).replace("north", "west"));
    folder.mtl(predict).refused(&["e.csv, line 2: the model m.json has no task `west`", "its tasks: `north`, `south`"]);
    folder.write("e.csv", &csv(&samples).replace("income", "incme"));
    folder.mtl(predict).refused(&["do not suit the model m.json", "no column `income`; did you mean `incme`?"]);
    folder.write("e.csv", &csv(&samples).replace("school", "class"));
    folder.mtl(predict).refused(&["no column `school`"]);
    folder.write("e.csv", "");
    folder.mtl(predict).refused(&["e.csv: the file is empty"]);
    folder.mtl("predict --model m.json --data d.csv --features age,sze").refused(&["no feature `sze`; did you mean"]);
    folder.mtl("predict --model m.json --data d.csv --features age,size").refused(&["also needs `income`"]);
    folder.mtl("predict --model m.json --data d.csv --target grade").refused(&["no column `grade`"]);
    folder.mtl("predict --model m.json --data d.csv -o /dev/full").refused(&["/dev/full", "No space left"]);
    folder.mtl("predict --model m.json --data d.csv -o /proc/p.csv").refused(&["folder /proc"]);
    assert!(!folder.file("p.csv").exists(), "nothing is written");
}

#[test]
fn what_is_no_model_is_refused() {
    let (_, folder) = fitted();
    let predict = |model: &str| folder.mtl(&format!("predict --model {model} --data d.csv"));
    predict("none.json").refused(&["none.json: cannot be read"]);
    predict("d.csv").refused(&["d.csv is no model that `mtl fit --save` wrote"]);
    let model = folder.read("m.json");
    folder.write("x.json", &model.replace("\"version\": 2", "\"version\": 99"));
    predict("x.json").refused(&["found a model of format version 99, expected at most 3"]);
    folder.write("x.json", &model.replace("\"age\",", ""));
    predict("x.json").refused(&["x.json is no model", "rows of weights (one a feature)`: found 4, expected 3"]);
    folder.write("x.json", &model[..model.len() / 2]);
    predict("x.json").refused(&["x.json is no model", "EOF"]);
}
