//! `mtl fit`: what it computes.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod driver;

use driver::*;
use mtl_core::Target;
use serde_json::Value;

const COLUMNS: &str = "--data d.csv --task school --target score";

fn with(samples: &[Sample]) -> Folder {
    let folder = Folder::new();
    folder.write("d.csv", &csv(samples));
    folder
}

fn fit(folder: &Folder, arguments: &str) -> Value {
    folder.mtl(&format!("fit {COLUMNS} --json {arguments}")).ok().json()
}

/// Whether a method that `mtl methods` lists fits numbers.
fn fits_numbers(method: &Value) -> bool {
    method["targets"].as_array().unwrap().iter().any(|target| target == "regression")
}

fn l1(weights: &Weights) -> f64 {
    weights.rows.iter().flat_map(|(_, row)| row).map(|w| w.abs()).sum()
}

fn l21(weights: &Weights) -> f64 {
    weights.rows.iter().map(|(_, row)| row.iter().map(|w| w * w).sum::<f64>().sqrt()).sum()
}

#[test]
fn the_objective_is_that_of_the_written_weights_and_cannot_be_lowered() {
    let samples = schools(8);
    let folder = with(&samples);
    for (method, penalty) in [("lasso", l1 as fn(&Weights) -> f64), ("l21", l21)] {
        for gamma in [0.0, 0.5, 20.0] {
            let found =
                fit(&folder, &format!("--method {method} --param gamma={gamma} --tol 1e-11 --weights {method}.csv"));
            let mut weights = Weights::parse(&folder.read(&format!("{method}.csv")));
            let objective = |w: &Weights| w.loss(&samples) + gamma * penalty(w);
            let best = objective(&weights);
            close(found["objective"].as_f64().unwrap(), best, 1e-12);
            close(found["loss"].as_f64().unwrap(), weights.loss(&samples), 1e-12);
            close(found["penalty"].as_f64().unwrap(), gamma * penalty(&weights), 1e-12);
            for row in 0..weights.rows.len() {
                for task in 0..weights.tasks.len() {
                    for step in [-1e-3, 1e-3] {
                        let old = weights.rows[row].1[task];
                        weights.rows[row].1[task] += step;
                        assert!(objective(&weights) >= best * (1.0 - 1e-10), "{method} {gamma}");
                        weights.rows[row].1[task] = old;
                    }
                }
            }
        }
    }
}

#[test]
fn weights_have_a_row_a_feature_and_a_column_a_task() {
    let folder = with(&schools(6));
    fit(&folder, "--method l21 --weights w.csv");
    let weights = Weights::parse(&folder.read("w.csv"));
    assert_eq!(weights.tasks, ["north", "south", "east"], "in the order of the file");
    let names: Vec<&str> = weights.rows.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, FEATURES);
    fit(&folder, "--method l21 --intercept --features noise,age --weights w.csv");
    let weights = Weights::parse(&folder.read("w.csv"));
    let names: Vec<&str> = weights.rows.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["noise", "age", "(intercept)"], "in the order asked for, the intercept last");
    fit(&folder, "--method lasso --param gamma=1e9 --weights w.csv");
    assert!(folder.read("w.csv").lines().skip(1).all(|line| line.ends_with(",0.0,0.0,0.0")), "no minus zero");
}

/// Means and population standard deviations of the features and of the target of a task.
fn statistics(samples: &[Sample], task: &str) -> (Vec<f64>, Vec<f64>, f64) {
    let own: Vec<&Sample> = samples.iter().filter(|s| s.task == task).collect();
    let n = own.len() as f64;
    let mean: Vec<f64> = (0..4).map(|j| own.iter().map(|s| s.x[j]).sum::<f64>() / n).collect();
    let sd = (0..4).map(|j| (own.iter().map(|s| (s.x[j] - mean[j]).powi(2)).sum::<f64>() / n).sqrt()).collect();
    (mean, sd, own.iter().map(|s| s.y).sum::<f64>() / n)
}

#[test]
fn intercept_and_standardize_do_what_can_be_done_by_hand() {
    let samples = schools(10);
    for (options, centre, divide) in
        [("--intercept", true, false), ("--standardize", false, true), ("--intercept --standardize", true, true)]
    {
        let by_hand = |s: &Sample| {
            let (mean, sd, y) = statistics(&samples, &s.task);
            let x = (0..4)
                .map(|j| (s.x[j] - if centre { mean[j] } else { 0.0 }) / if divide { sd[j] } else { 1.0 })
                .collect();
            Sample { task: s.task.clone(), x, y: s.y - if centre { y } else { 0.0 } }
        };
        let prepared: Vec<Sample> = samples.iter().map(by_hand).collect();
        let (folder, reference) = (with(&samples), with(&prepared));
        let method = "--method l21 --param gamma=2 --tol 1e-12 --weights w.csv";
        let found = fit(&folder, &format!("{method} {options}"));
        let expected = fit(&reference, method);
        close(found["objective"].as_f64().unwrap(), expected["objective"].as_f64().unwrap(), 1e-10);
        let [own, other] = [&folder, &reference].map(|f| Weights::parse(&f.read("w.csv")));
        assert_eq!(own.rows.last().unwrap().0 == "(intercept)", centre);
        for (sample, prepared) in samples.iter().zip(&prepared) {
            let shift = if centre { statistics(&samples, &sample.task).2 } else { 0.0 };
            close(own.predict(sample), other.predict(prepared) + shift, 1e-6);
        }
    }
}

#[test]
fn every_method_tells_the_same_things() {
    let folder = with(&schools(8));
    let methods = folder.mtl("methods --json").ok().json();
    for method in methods.as_array().unwrap() {
        let name = method["name"].as_str().unwrap();
        if name.starts_with("oracle-") {
            folder.mtl(&format!("fit {COLUMNS} --method {name}")).refused(&["true"]);
            continue;
        }
        if !fits_numbers(method) {
            folder.mtl(&format!("fit {COLUMNS} --method {name}")).refused(&[&format!("{name} does not learn numbers")]);
            continue;
        }
        // Alternations with a slow tail, which by default end where published code ends them.
        let slow = ["gbdsp", "go-mtl", "kang"].contains(&name);
        let sweeps = if slow { " --param max_iter=100000" } else { "" };
        let found = fit(&folder, &format!("--method {name} --tol 1e-9 --seed 3{sweeps}"));
        assert_eq!(found["method"], name);
        // The entropy of transport plans can be negative, and nothing else.
        let least = |number| if name == "mtw" && number != "residual" { f64::NEG_INFINITY } else { 0.0 };
        for number in ["objective", "loss", "penalty", "residual"] {
            assert!(found[number].as_f64().is_some_and(|v| v >= least(number)), "{name} {number}: {}", found[number]);
        }
        close(
            found["objective"].as_f64().unwrap(),
            found["loss"].as_f64().unwrap() + found["penalty"].as_f64().unwrap(),
            1e-12,
        );
        assert!(found["iterations"].is_u64() && found["residual_rule"].is_string(), "{name}");
        assert_eq!(found["converged"], true, "{name}");
        let parameters = found["params"].as_object().unwrap();
        assert_eq!(parameters.len(), method["parameters"].as_array().unwrap().len(), "{name}: all parameters");
        assert!(parameters.get("tol").is_none_or(|tol| tol.as_f64() == Some(1e-9)), "{name}");
        let tasks = found["tasks"].as_array().unwrap();
        assert_eq!(tasks.len(), 3);
        for task in tasks {
            assert_eq!(task["n"], 8);
            for metric in ["nMSE", "nMSE-centred", "MAE", "MSE", "EV"] {
                assert!(task[metric].is_number(), "{name} {metric}");
            }
        }
        if let Some(memberships) = found.get("memberships") {
            assert!(memberships.as_object().unwrap().values().all(|m| m.as_array().unwrap().len() == 3), "{name}");
        }
    }
    assert!(fit(&folder, "--method metag")["memberships"]["task_group"].is_array());
}

#[test]
fn learned_groups_are_written() {
    let folder = with(&schools(8));
    let found = fit(&folder, "--method kang --param n_groups=2 --groups groups.csv");
    let text = folder.read("groups.csv");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "task,group,share of group 1,share of group 2");
    assert_eq!(lines.len(), 4, "one line a task");
    for (line, group) in lines[1..].iter().zip(found["memberships"]["task_group"].as_array().unwrap()) {
        let cells: Vec<&str> = line.split(',').collect();
        assert_eq!(cells[1].parse::<u64>().unwrap(), group.as_u64().unwrap() + 1);
        let shares: f64 = cells[2..].iter().map(|s| s.parse::<f64>().unwrap()).sum();
        assert!((shares - 1.0).abs() < 1e-9);
    }
    let run = folder.mtl(&format!("fit {COLUMNS} --method ols --groups groups.csv"));
    run.refused(&["--groups", "ols learns no groups"]);
    let run = folder.mtl(&format!("fit {COLUMNS} --method kang --groups same.csv --weights same.csv"));
    run.refused(&["--weights and --groups both name"]);
}

#[test]
fn every_method_takes_one_task_and_more_features_than_rows() {
    let samples: Vec<Sample> = schools(3).into_iter().filter(|s| s.task == "east").collect();
    let folder = with(&samples);
    for method in folder.mtl("methods --json").ok().json().as_array().unwrap() {
        let name = method["name"].as_str().unwrap();
        if ["kmsv", "gbdsp"].contains(&name) {
            // One task leaves nothing to factorise.
            folder.mtl(&format!("fit {COLUMNS} --method {name}")).refused(&["4 features, 1 tasks"]);
            continue;
        }
        // The oracles need to know the truth.
        if name.starts_with("oracle-") || !fits_numbers(method) {
            continue;
        }
        let grouping = method["parameters"].as_array().unwrap().iter().any(|p| p["name"] == "n_groups");
        let groups = if grouping { " --param n_groups=1" } else { "" };
        let found = fit(&folder, &format!("--method {name}{groups}"));
        assert_eq!(found["tasks"][0]["n"], 3);
    }
}

#[test]
fn a_fit_that_stops_early_is_a_result_with_a_warning() {
    let folder = with(&schools(8));
    let run = folder.mtl(&format!("fit {COLUMNS} --method rmtfl --param max_iter=1 --json")).ok();
    assert_eq!(run.json()["converged"], false);
    assert!(run.stderr.starts_with("warning: not converged after 1 iteration"), "{}", run.stderr);
    let run = folder.mtl(&format!("fit {COLUMNS} --method ols --tol 1e-9")).ok();
    assert!(run.stderr.contains("has no tolerance"), "{}", run.stderr);
}

#[test]
fn cross_validation_chooses_the_same_whatever_the_threads() {
    let folder = with(&schools(10));
    let arguments = format!("fit {COLUMNS} --method rmtfl --intercept --cv 4 --json --param gamma2=0.5");
    let run = folder.mtl(&arguments).ok();
    for threads in ["1", "2", "7"] {
        assert_eq!(folder.mtl_with(&arguments, &[("RAYON_NUM_THREADS", threads)]).ok().stdout, run.stdout);
    }
    let found = run.json();
    let cv = &found["cv"];
    assert_eq!((cv["folds"].as_u64(), cv["points"].as_u64(), cv["metric"].as_str()), (Some(4), Some(7), Some("nMSE")));
    assert!(cv["score"].as_f64().unwrap() > 0.0);
    assert_eq!(found["params"]["gamma2"], 0.5, "what is given is held");
    let chosen = format!("--method rmtfl --intercept --param gamma2=0.5 --param gamma1={}", found["params"]["gamma1"]);
    assert_eq!(fit(&folder, &chosen)["objective"], found["objective"], "the same fit as without cross-validation");
    let mae = fit(&folder, "--method rmtfl --intercept --cv 4 --cv-metric mae --seed 1 --param gamma2=0.5");
    assert_eq!(mae["cv"]["metric"], "MAE");
    let point = fit(&folder, "--method ols --cv 4");
    assert_eq!(point["cv"]["points"], 1, "nothing to choose, but a score");
}

#[test]
fn cross_validation_agrees_with_refitting_by_hand() {
    // As many folds as rows: every fold is known, whatever the shuffle. Fold k holds one row of each task.
    let samples = schools(5);
    let folder = with(&samples);
    let found = fit(&folder, "--method lasso --param gamma=0.3 --intercept --cv 5 --cv-metric MSE --tol 1e-10");
    // Means over folds of means over tasks are means over all rows here: every row is held out once.
    let mut errors = 0.0;
    for (i, out) in samples.iter().enumerate() {
        let rest: Vec<Sample> =
            samples.iter().enumerate().filter(|(j, s)| *j != i && s.task == out.task).map(|(_, s)| s.clone()).collect();
        let one = with(&rest);
        fit(&one, "--method lasso --param gamma=0.3 --intercept --tol 1e-10 --weights w.csv");
        errors += (out.y - Weights::parse(&one.read("w.csv")).predict(out)).powi(2);
    }
    close(found["cv"]["score"].as_f64().unwrap(), errors / samples.len() as f64, 1e-6);
}

#[test]
fn ties_go_to_the_stronger_penalty() {
    // Targets that have nothing to do with the features: best is no weight at all, which several strengths give.
    let mut numbers = Numbers::new(3);
    let noise = |mut s: Sample| {
        s.x.iter_mut().for_each(|x| *x -= 2.0);
        s.y = numbers.draw();
        s
    };
    let samples: Vec<Sample> = schools(6).into_iter().map(noise).collect();
    let run = with(&samples).mtl(&format!("fit {COLUMNS} --method lasso --cv 3 --json")).ok();
    let found = run.json();
    assert_eq!(found["cv"]["score"], 1.0, "the error of predicting zero");
    assert_eq!(found["params"]["gamma"], 1000.0);
    assert_eq!(found["cv"]["at_edge"], serde_json::json!(["gamma"]));
    assert!(run.stderr.contains("at an end of its grid"));
}

#[test]
fn points_that_the_data_rule_out_are_left_out() {
    // Three tasks and four features: of k = 1, 3, 5, 7, 9 KMSV can have 1 only, which is less than both.
    let found = fit(&with(&schools(8)), "--method kmsv --param ridge=1 --param rho0=100 --cv 2");
    assert_eq!((&found["cv"]["points"], &found["params"]["k"]), (&serde_json::json!(1), &serde_json::json!(1)));
    let none = with(&schools(8)).mtl(&format!("fit {COLUMNS} --method kmsv --param k=3 --cv 2"));
    assert!(none.stderr.contains("kmsv needs k < min(features, tasks); k = 3"), "{none:?}");
}

#[test]
fn pooled_measures_weigh_rows_and_can_choose() {
    let folder = with(&schools(8));
    let run = fit(&folder, "--method l21 --cv 3 --cv-metric MSE-pooled");
    let tasks = run["tasks"].as_array().unwrap();
    let sum = |key: &str| tasks.iter().map(|t| t["n"].as_f64().unwrap() * t[key].as_f64().unwrap()).sum::<f64>();
    let n: f64 = tasks.iter().map(|t| t["n"].as_f64().unwrap()).sum();
    close(run["pooled"]["MSE-pooled"].as_f64().unwrap(), sum("MSE") / n, 1e-12);
    close(run["pooled"]["MAE-pooled"].as_f64().unwrap(), sum("MAE") / n, 1e-12);
    assert_eq!(run["cv"]["metric"], "MSE-pooled");
}

#[test]
fn labels_are_fitted_by_logistic_loss() {
    let mut samples = schools(20);
    let middle = |task: &str, samples: &[Sample]| {
        let mut scores: Vec<f64> = samples.iter().filter(|s| s.task == task).map(|s| s.y).collect();
        scores.sort_by(f64::total_cmp);
        scores[scores.len() / 3]
    };
    let cuts = ["north", "south", "east"].map(|task| (task, middle(task, &samples)));
    for (i, sample) in samples.iter_mut().enumerate() {
        let cut = cuts.iter().find(|(task, _)| *task == sample.task).unwrap().1;
        // Some labels are wrong, so that no task can be separated.
        sample.y = f64::from((sample.y > cut) != (i % 7 == 0));
    }
    let folder = with(&samples);
    let margin = |w: &Weights, s: &Sample| (2.0 * s.y - 1.0) * w.predict(s);
    let loss = |w: &Weights| samples.iter().map(|s| (-margin(w, s)).exp().ln_1p()).sum::<f64>();
    let mut objectives = Vec::new();
    for (method, params, penalty) in [
        ("lasso", "--param gamma=0.5", (|w: &Weights| 0.5 * l1(w)) as fn(&Weights) -> f64),
        ("l21", "--param gamma=0.5", |w: &Weights| 0.5 * l21(w)),
        ("srmtl", "--param rho1=0 --param rho2=0.5", |w: &Weights| 0.5 * l1(w)),
    ] {
        for intercept in ["", "--intercept"] {
            let options = format!("--method {method} {params} {intercept} --loss logistic --tol 1e-10 --weights w.csv");
            let found = fit(&folder, &options);
            let mut weights = Weights::parse(&folder.read("w.csv"));
            let own = |w: &Weights| loss(w) + penalty(&without_intercept(w));
            let best = own(&weights);
            close(found["objective"].as_f64().unwrap(), best, 1e-9);
            for row in 0..weights.rows.len() {
                for task in 0..weights.tasks.len() {
                    for step in [-1e-3, 1e-3] {
                        weights.rows[row].1[task] += step;
                        assert!(own(&weights) >= best * (1.0 - 1e-9), "{method} {intercept}");
                        weights.rows[row].1[task] -= step;
                    }
                }
            }
            objectives.push(best);
        }
    }
    assert!(objectives.chunks(2).all(|pair| pair[1] < pair[0] - 1e-3), "an intercept helps: {objectives:?}");
    close(objectives[0], objectives[4], 1e-8);
    folder
        .mtl("fit --data d.csv --task school --target score --method srml --loss logistic --intercept")
        .refused(&["srml", "intercept"]);
}

/// The weights that penalties see.
fn without_intercept(weights: &Weights) -> Weights {
    let rows = weights.rows.iter().filter(|(name, _)| name != "(intercept)").cloned().collect();
    Weights { tasks: weights.tasks.clone(), rows }
}

#[test]
fn a_loss_goes_with_its_methods_and_measures() {
    let folder = with(&schools(8));
    let refused = |arguments: &str, parts: &[&str]| {
        folder.mtl(&format!("fit --data d.csv --task school --target score {arguments}")).refused(parts);
    };
    let mut seen = 0;
    for entry in mtl_methods::methods().iter().filter(|m| !m.info.learns(Target::Binary)) {
        let name = entry.info.name;
        let message = format!("--loss logistic: {name} does not learn labels of two classes");
        refused(&format!("--method {name} --loss logistic"), &[&message, "methods that do: "]);
        seen += 1;
    }
    assert!(seen > 0, "ordinary least squares at least");
    refused("--method ols --loss hinge", &["squared", "logistic"]);
    refused("--method l21 --cv 3 --cv-metric AUC", &["cannot be computed from these predictions; valid: nMSE"]);
}

#[test]
fn the_summary_is_readable() {
    let folder = with(&schools(8));
    let text = folder.mtl(&format!("fit {COLUMNS} --method metag --param gamma=0.25 --intercept")).ok().stdout;
    for part in [
        "metag on d.csv: 3 tasks, 24 rows, 4 features and an intercept",
        "gamma = 0.25",
        "converged after",
        "task_group",
        "(mean)",
    ] {
        assert!(text.contains(part), "`{part}` is not in\n{text}");
    }
    assert!(text.lines().all(|line| line == line.trim_end()));
}
