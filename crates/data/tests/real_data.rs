//! The real files, where a mirror has them: `MTL_MIRROR=DIR cargo test -p mtl-data --test real_data`.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic, and says when it is skipped")]

use std::path::Path;

use mtl_core::{
    Counts, Draw, DrawnFractions, Fractions, NestedFractions, RowSizes, Scaler, Scaling, Seed, Split, Target, Task,
};
use mtl_data::fetch::Trust;
use mtl_data::fingerprint::{Fingerprint, TOLERANCE};
use mtl_data::{DatasetSpec, FetchOptions, Fetcher, Library, LoadError, Mirror};
use ndarray::{Axis, s};

/// A library that sees only the mirror, or `None` without one.
fn library(cache: &Path) -> Option<Library> {
    let Ok(mirror) = std::env::var("MTL_MIRROR") else {
        println!("skipped: MTL_MIRROR not set");
        return None;
    };
    let mirror = Some(Mirror::from(mirror.as_str()));
    let offline = !matches!(mirror, Some(Mirror::Url(_)));
    Some(Library::new(Fetcher::new(FetchOptions { mirror, offline, ..FetchOptions::new(cache) })))
}

fn seed() -> Seed {
    Seed::of(&"real data")
}

#[test]
fn parkinsons() {
    let cache = tempfile::tempdir().unwrap();
    let Some(library) = library(cache.path()) else { return };
    let spec = DatasetSpec::new("parkinsons");
    let data = library.load(&spec, &seed()).unwrap();
    assert_eq!((data.n_tasks(), data.n_features(), data.n_samples()), (42, 16, 5875));
    let sizes: Vec<usize> = data.tasks.iter().map(|t| t.n()).collect();
    assert_eq!((sizes.iter().min(), sizes.iter().max()), (Some(&101), Some(&168)));
    assert_eq!((data.task_names()[0].as_str(), data.task_names()[41].as_str()), ("subject 1", "subject 42"));
    assert_eq!(library.files(&spec).unwrap()[0].checksum, Trust::Verified);

    let targets = |target: &str| -> f64 {
        let data = library.load(&spec.clone().with("target", target), &seed()).unwrap();
        data.tasks.iter().map(|t| t.y.sum()).sum()
    };
    let entry = library.catalog().get("parkinsons").unwrap().file("parkinsons_updrs.data").unwrap();
    let sums = entry.fingerprint.clone().unwrap().column_sums.unwrap();
    assert!((targets("motor") / sums[4] - 1.0).abs() < 1e-12);
    assert!((targets("total") / sums[5] - 1.0).abs() < 1e-12);
    for (feature, sum) in sums[6..].iter().enumerate() {
        let found: f64 = data.tasks.iter().map(|t| t.x.column(feature).sum()).sum();
        assert!((found / sum - 1.0).abs() < 1e-12, "{}", data.features[feature]);
    }
    let all = library.load(&spec.with("features", "all"), &seed()).unwrap();
    assert_eq!(all.n_features(), 19);
}

/// What the BiGMTL paper does: 50 rows train and 50 choose, and each person is standardised by the rows that train.
#[test]
fn parkinsons_of_one_person_have_an_age_and_a_sex_that_do_not_vary() {
    let cache = tempfile::tempdir().unwrap();
    let Some(library) = library(cache.path()) else { return };
    let data = library.load(&DatasetSpec::new("parkinsons").with("features", "all"), &seed()).unwrap();
    let sizes = RowSizes { rows: Counts { train: 50, valid: 50, test: None }, draw: Draw::Random };
    let split = Split::counted(&data, None, sizes, &seed()).unwrap();
    assert!(split.train.iter().chain(&split.valid).all(|rows| rows.len() == 50));
    let tests: Vec<usize> = split.test.iter().map(|rows| rows.len()).collect();
    assert_eq!((tests.iter().min(), tests.iter().max()), (Some(&1), Some(&68)), "68 is the paper's mean");
    let train = data.select(&split.train);
    let scaler = Scaler::fit(&train, Scaling { x: true, y: true, ..Scaling::default() });
    for rows in [&split.train, &split.valid, &split.test] {
        let scaled = scaler.transform(&data.select(rows));
        for task in &scaled.tasks {
            assert!(task.x.slice(s![.., 17..]).iter().all(|v| v.abs() < 1e-9), "{}: age and sex become 0", task.name);
            assert!(task.x.iter().chain(&task.y).all(|v| v.is_finite()));
        }
    }
    for task in &scaler.transform(&train).tasks {
        for column in task.x.slice(s![.., ..17]).columns().into_iter().chain([task.y.view()]) {
            assert!(column.mean().unwrap().abs() < 1e-9 && (column.std(0.0) - 1.0).abs() < 1e-9, "{}", task.name);
        }
    }
}

#[test]
fn sarcos_test_file() {
    let cache = tempfile::tempdir().unwrap();
    let Some(library) = library(cache.path()) else { return };
    let spec = DatasetSpec::new("sarcos-test");
    let data = library.load(&spec, &seed()).unwrap();
    assert_eq!((data.n_tasks(), data.tasks[0].x.dim()), (7, (4449, 21)));
    assert!(data.shares_inputs());
    assert_eq!(library.files(&spec).unwrap()[0].checksum, Trust::Verified);
}

#[test]
fn rf1() {
    let cache = tempfile::tempdir().unwrap();
    let Some(library) = library(cache.path()) else { return };
    let spec = DatasetSpec::new("rf1");
    let load = |spec: &DatasetSpec| library.load(spec, &seed()).unwrap();
    let data = load(&spec);
    assert_eq!((data.n_tasks(), data.tasks[0].x.dim()), (8, (9005, 64)));
    assert!(data.shares_inputs());
    assert_eq!((data.task_names()[0].as_str(), data.task_names()[7].as_str()), ("CHSI2", "DLDI4"));
    assert_eq!((data.features[0].as_str(), data.features[63].as_str()), ("CHSI2 0 h ago", "DLDI4 60 h ago"));
    // Rows are hours: the target is what the same site reads 48 rows on.
    let (x, y) = (&data.tasks[2].x, &data.tasks[2].y);
    assert_eq!(x.column(2).to_vec()[48..1000], y.to_vec()[..952]);
    assert_eq!(library.files(&spec).unwrap()[0].checksum, Trust::Verified);

    let filled = load(&spec.clone().with("missing", "mean"));
    assert_eq!(filled.tasks[0].x.dim(), (9125, 64));
    assert_eq!(load(&spec.with("missing", "drop")).tasks[0].n(), 9005);
    let sums = library.catalog().get("rf1").unwrap().files[0].fingerprint.clone().unwrap().column_sums.unwrap();
    for (task, sum) in filled.tasks.iter().zip(&sums[64..]) {
        assert!((task.y.sum() / sum - 1.0).abs() < 1e-12, "{}", task.name);
    }
    let mean = filled.tasks[0].x.column(63).mean().unwrap();
    assert!((mean / (sums[63] / 9005.0) - 1.0).abs() < 1e-12, "filling changes no mean");
}

#[test]
fn isolet() {
    let cache = tempfile::tempdir().unwrap();
    let Some(library) = library(cache.path()) else { return };
    let spec = DatasetSpec::new("isolet");
    let data = library.load(&spec, &seed()).unwrap();
    assert_eq!((data.n_tasks(), data.n_features(), data.n_samples()), (5, 617, 7797));
    let sizes: Vec<usize> = data.tasks.iter().map(|t| t.n()).collect();
    assert_eq!(sizes, [1560, 1560, 1560, 1558, 1559]);
    assert_eq!((data.task_names()[4].as_str(), data.features[616].as_str()), ("group 5", "f617"));
    assert!(data.tasks.iter().all(|t| t.x.iter().all(|v| v.abs() <= 1.0)));
    for (group, task) in data.tasks.iter().enumerate() {
        for letter in 1..=26_u8 {
            let expected = match (group, letter) {
                (3, 6) => 58,
                (4, 13) => 59,
                _ => 60,
            };
            let found = task.y.iter().filter(|&&y| y == f64::from(letter)).count();
            assert_eq!(found, expected, "{}, letter {letter}", task.name);
        }
    }
    let files = library.files(&spec).unwrap();
    assert!(files.len() == 5 && files.iter().all(|f| f.checksum == Trust::Verified));
}

/// Number of features that are constant within a task.
fn constant_columns(task: &Task) -> usize {
    task.x.columns().into_iter().filter(|column| column.iter().all(|v| *v == column[0])).count()
}

#[test]
fn school() {
    let cache = tempfile::tempdir().unwrap();
    let Some(library) = library(cache.path()) else { return };
    let data = library.load(&DatasetSpec::new("school"), &seed()).unwrap();
    assert_eq!((data.n_tasks(), data.n_features(), data.n_samples()), (139, 28, 15362));
    let sizes: Vec<usize> = data.tasks.iter().map(Task::n).collect();
    assert_eq!((sizes.iter().min(), sizes.iter().max()), (Some(&22), Some(&251)));
    let constant: Vec<usize> = data.tasks.iter().map(constant_columns).collect();
    assert_eq!((constant.iter().min(), constant.iter().max()), (Some(&7), Some(&22)));
    assert!((constant.iter().sum::<usize>() as f64 / 139.0 - 13.7).abs() < 0.05);
    let scores: Vec<f64> = data.tasks.iter().flat_map(|t| t.y.to_vec()).collect();
    let mean = scores.iter().sum::<f64>() / 15362.0;
    let variance = scores.iter().map(|y| (y - mean).powi(2)).sum::<f64>() / 15362.0;
    assert!((mean - 20.6).abs() < 0.05 && (variance - 161.8).abs() < 0.05, "{mean} {variance}");
    for task in &data.tasks {
        assert!(task.x.column(27).iter().all(|&v| v == 1.0) && task.y.iter().all(|y| (1.0..=70.0).contains(y)));
        // A year, a gender, an ethnic group, a kind of school, a denomination.
        for group in [0..3, 5..7, 10..21, 21..24, 24..27] {
            assert!(task.x.slice(s![.., group]).sum_axis(Axis(1)).iter().all(|&v| v == 1.0), "{}", task.name);
        }
    }
}

#[test]
fn school_with_its_splits_holds_the_same_rows() {
    let cache = tempfile::tempdir().unwrap();
    let Some(library) = library(cache.path()) else { return };
    let cells = library.load(&DatasetSpec::new("school"), &seed()).unwrap();
    let data = library.load(&DatasetSpec::new("school-argyriou"), &seed()).unwrap();
    assert_eq!((data.task_names(), &data.features), (cells.task_names(), &cells.features));
    assert!(data.tasks.iter().zip(&cells.tasks).all(|(a, b)| a.x == b.x && a.y == b.y));
    assert!(cells.official.is_none());
    assert_eq!(data.official.as_ref().unwrap().len(), 10);
    let mut tests = Vec::new();
    for repeat in 0..10 {
        let split = Split::official(&data, repeat, 0.0, &seed()).unwrap();
        let rows = |part: &[std::sync::Arc<[usize]>]| part.iter().map(|rows| rows.len()).sum::<usize>();
        assert_eq!((rows(&split.train), rows(&split.valid), rows(&split.test)), (11472, 0, 3890));
        for (t, task) in data.tasks.iter().enumerate() {
            // Parts are disjoint, so these are all rows of the school.
            let train = 3 * task.n() / 4;
            assert_eq!((split.train[t].len(), split.test[t].len()), (train, task.n() - train), "{}", task.name);
        }
        assert!(!tests.contains(&split.test), "no split is there twice");
        tests.push(split.test);
    }
    let drawn = Split::official(&data, 12, 0.2, &seed()).unwrap();
    assert_eq!(drawn.test, tests[2]);
}

#[test]
fn computers() {
    let cache = tempfile::tempdir().unwrap();
    let Some(library) = library(cache.path()) else { return };
    let data = library.load(&DatasetSpec::new("computers"), &seed()).unwrap();
    assert_eq!((data.n_tasks(), data.tasks[0].x.dim(), data.shares_inputs()), (190, (20, 14), true));
    let ratings: Vec<f64> = data.tasks.iter().flat_map(|t| t.y.to_vec()).collect();
    let n = ratings.len() as f64;
    let (mean, square) = (ratings.iter().sum::<f64>() / n, ratings.iter().map(|y| y * y).sum::<f64>() / n);
    assert!((square - 30.5).abs() < 0.05 && (square - mean * mean - 7.9).abs() < 0.05, "{square} {mean}");
    // The first sixteen computers are an orthogonal design.
    let design = data.tasks[0].x.slice(s![..16, ..]);
    assert_eq!(design.t().dot(&design), ndarray::Array2::<f64>::eye(14) * 16.0);
}

#[test]
fn traffic() {
    let cache = tempfile::tempdir().unwrap();
    let Some(library) = library(cache.path()) else { return };
    let load = |tasks: &str| library.load(&DatasetSpec::new("traffic-sp").with("tasks", tasks), &seed()).unwrap();
    for (grouping, tasks) in [("halves", 2), ("days", 5), ("day-parts", 3), ("slots", 27)] {
        let data = load(grouping);
        assert_eq!((data.n_tasks(), data.n_features(), data.n_samples()), (tasks, 17, 135));
        let y: Vec<f64> = data.tasks.iter().flat_map(|t| t.y.to_vec()).collect();
        // The summary that is published of the official file.
        assert!((y.iter().sum::<f64>() / 135.0 - 10.052).abs() < 5e-4);
        assert_eq!((y.iter().copied().fold(f64::MAX, f64::min), y.iter().copied().fold(0.0, f64::max)), (3.4, 23.4));
    }
    let default = library.load(&DatasetSpec::new("traffic-sp"), &seed()).unwrap();
    assert_eq!(default.task_names(), ["hour codes 1-13", "hour codes 14-27"]);
    assert_eq!((default.features[0].as_str(), default.features[1].as_str()), ("Hour (Coded)", "Immobilized bus"));
}

#[test]
fn image_features() {
    let cache = tempfile::tempdir().unwrap();
    let Some(library) = library(cache.path()) else { return };
    let data = library.load(&DatasetSpec::new("cifar10-cnn128"), &seed()).unwrap();
    assert_eq!((data.n_tasks(), data.tasks[0].x.dim(), data.shares_inputs()), (10, (10000, 128), true));
    assert_eq!((data.target, data.task_names()[9].as_str()), (Target::Binary, "truck"));
    for (t, task) in data.tasks.iter().enumerate() {
        let positive: Vec<usize> = (0..10000).filter(|&row| task.y[row] == 1.0).collect();
        assert_eq!(positive, (1000 * t..1000 * (t + 1)).collect::<Vec<_>>(), "sorted by class");
    }
    assert!(data.tasks[0].x.iter().all(|&v| v >= 0.0));
    for name in ["celeba", "coco"] {
        let Err(LoadError::Unavailable(error)) = library.load(&DatasetSpec::new(name), &seed()) else {
            println!("somebody has made {name}");
            continue;
        };
        let reason = error.in_one_line();
        assert!(reason.contains("cannot be downloaded: take the images of https://"), "{reason}");
        assert!(reason.contains(&format!("{name}/{name}_y.npy")) && !reason.contains('\n'), "{reason}");
    }
}

#[test]
fn mnist() {
    let cache = tempfile::tempdir().unwrap();
    let Some(library) = library(cache.path()) else { return };
    let begun = std::time::Instant::now();
    let data = library.load(&DatasetSpec::new("mnist"), &seed()).unwrap();
    println!("mnist, 64 components: {:?}", begun.elapsed());
    assert_eq!((data.n_tasks(), data.tasks[0].x.dim(), data.shares_inputs()), (10, (70000, 64), true));
    let of = |rows: std::ops::Range<usize>| -> Vec<usize> {
        data.tasks.iter().map(|t| t.y.slice(s![rows.clone()]).iter().filter(|y| **y == 1.0).count()).collect()
    };
    assert_eq!(of(0..60000), [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]);
    assert_eq!(of(60000..70000), [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]);
    let split = &data.official.as_ref().unwrap()[0];
    assert_eq!((split.train[3].len(), split.valid[3].len(), split.test[3].len()), (60000, 0, 10000));
    // Shares of the variance of pixels that others report of the first components: 9.7, 7.1 and 6.2 of 52.7.
    let train = data.tasks[0].x.slice(s![..60000, ..]);
    let variances: Vec<f64> = train.columns().into_iter().map(|c| c.var(0.0)).collect();
    assert!(variances.windows(2).all(|two| two[0] > two[1]));
    let shares: Vec<f64> = variances.iter().map(|v| v / 52.725).collect();
    assert!((shares[0] - 0.097).abs() < 5e-4 && (shares[1] - 0.071).abs() < 5e-4, "{shares:?}");
    assert!(train.mean_axis(Axis(0)).unwrap().iter().all(|m| m.abs() < 1e-9));
    let begun = std::time::Instant::now();
    let more = library.load(&DatasetSpec::new("mnist").with("pca", "154"), &seed()).unwrap();
    println!("mnist, 154 components: {:?}", begun.elapsed());
    assert_eq!((more.n_features(), more.tasks[0].x[[69999, 63]]), (154, data.tasks[0].x[[69999, 63]]));
    let x = more.tasks[0].x.slice(s![..60000, ..]);
    let kept: f64 = x.columns().into_iter().map(|c| c.var(0.0)).sum::<f64>() / 52.725;
    assert!((kept - 0.95).abs() < 1e-3, "154 components are known to keep 95 %: {kept}");
    let pixels = library.load(&DatasetSpec::new("mnist").with("pca", "0"), &seed()).unwrap();
    assert!(pixels.n_features() == 784 && pixels.tasks[0].x.iter().all(|v| (0.0..=1.0).contains(v)));
}

fn positives(data: &mtl_core::MultiTask) -> Vec<usize> {
    data.tasks.iter().map(|task| task.y.iter().filter(|y| **y > 0.0).count()).collect()
}

#[test]
fn covertype() {
    let cache = tempfile::tempdir().unwrap();
    let Some(library) = library(cache.path()) else { return };
    let spec = DatasetSpec::new("covertype");
    let begun = std::time::Instant::now();
    let data = library.load(&spec, &seed()).unwrap();
    println!("covertype: {:?}", begun.elapsed());
    assert_eq!((data.n_tasks(), data.tasks[0].x.dim(), data.shares_inputs()), (7, (581_012, 54), true));
    // As `covtype.info` has them, and its first row.
    assert_eq!(positives(&data), [211_840, 283_301, 35_754, 2747, 9493, 17_367, 20_510]);
    let first = [2596.0, 51.0, 3.0, 258.0, 0.0, 510.0, 221.0, 232.0, 148.0, 6279.0, 1.0];
    assert_eq!((data.tasks[0].x.row(0).to_vec()[..11].to_vec(), data.tasks[4].y[0]), (first.to_vec(), 1.0));
    for indicators in [10..14, 14..54] {
        assert!(data.tasks[0].x.slice(s![.., indicators]).sum_axis(Axis(1)).iter().all(|sum| *sum == 1.0));
    }
    assert_eq!(library.files(&spec).unwrap()[0].checksum, Trust::Verified);

    // What the SSMTL paper samples, with the classes' shares and balanced.
    let fractions = Fractions { train: 0.6, valid: 0.2, test: 0.2 };
    let drawn = |draw| {
        let begun = std::time::Instant::now();
        let split = Split::drawn(&data, None, Some(2000), DrawnFractions { fractions, draw }, &seed()).unwrap();
        println!("{draw:?}: {:?}", begun.elapsed());
        [&split.train, &split.valid, &split.test].map(|rows| data.select(rows))
    };
    let [train, valid, test] = drawn(Draw::Stratified);
    assert!(train.shares_inputs() && test.shares_inputs());
    assert_eq!([&train, &valid, &test].map(|part| part.tasks[0].n()), [1200, 400, 400]);
    assert_eq!(positives(&train), [437, 585, 74, 6, 20, 36, 42]);
    for (part, positive) in drawn(Draw::Balanced).iter().zip([600, 200, 200]) {
        assert_eq!((positives(part), part.tasks[3].n()), (vec![positive; 7], 2 * positive));
    }
    let sample = library.load(&DatasetSpec::new("covertype-sample"), &seed()).unwrap();
    assert_eq!(sample.features, data.features);
    let rows: std::collections::HashSet<Vec<u64>> =
        data.tasks[0].x.rows().into_iter().map(|row| row.iter().map(|v| v.to_bits()).collect()).collect();
    assert!(sample.tasks[0].x.rows().into_iter().all(|row| rows.contains(&row.mapv(f64::to_bits).to_vec())));
}

#[test]
fn sensorless_drive_diagnosis() {
    let cache = tempfile::tempdir().unwrap();
    let Some(library) = library(cache.path()) else { return };
    let data = library.load(&DatasetSpec::new("ssd-kios"), &seed()).unwrap();
    assert_eq!((data.n_tasks(), data.tasks[0].x.dim(), data.shares_inputs()), (11, (2200, 48), true));
    assert_eq!(positives(&data), [200; 11]);
    match library.load(&DatasetSpec::new("ssd"), &seed()) {
        Ok(data) => assert_eq!((data.tasks[0].x.dim(), positives(&data)), ((58_509, 48), vec![5319; 11])),
        Err(LoadError::Unavailable(error)) => assert!(error.in_one_line().contains("Sensorless_drive"), "{error}"),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn carried_digits_are_those_of_the_original_files() {
    let cache = tempfile::tempdir().unwrap();
    let Some(library) = library(cache.path()) else { return };
    let load = |name: &str| library.load(&DatasetSpec::new(name).with("pca", "0"), &seed()).unwrap();
    let (sample, all) = (load("mnist-sample"), load("mnist"));
    let images = |data: &mtl_core::MultiTask, rows: std::ops::Range<usize>| -> std::collections::HashSet<Vec<u64>> {
        let labelled = rows.map(|row| {
            let digit = data.tasks.iter().position(|task| task.y[row] > 0.0).unwrap() as u64;
            data.tasks[0].x.row(row).iter().map(|v| v.to_bits()).chain([digit]).collect()
        });
        labelled.collect()
    };
    assert!(images(&sample, 0..3000).is_subset(&images(&all, 0..60000)));
    assert!(images(&sample, 3000..4000).is_subset(&images(&all, 60000..70000)));
}

#[test]
fn office_caltech() {
    let cache = tempfile::tempdir().unwrap();
    let Some(library) = library(cache.path()) else { return };
    let begun = std::time::Instant::now();
    let spec = DatasetSpec::new("office-caltech");
    let data = library.load(&spec, &seed()).unwrap();
    println!("office-caltech: {:?}", begun.elapsed());
    assert_eq!((data.n_tasks(), data.n_features(), data.n_rows()), (30, 100, 1410));
    let sizes: Vec<usize> = data.tasks.iter().step_by(10).map(Task::n).collect();
    assert_eq!((sizes, data.distinct_inputs()[19]), (vec![958, 157, 295], 10));
    assert_eq!(
        (data.task_names()[0].as_str(), data.task_names()[29].as_str()),
        ("amazon backpack", "webcam projector")
    );
    let positive = |task: &Task| task.y.iter().filter(|y| **y == 1.0).count();
    let counts: Vec<usize> = data.tasks.iter().map(positive).collect();
    assert_eq!(counts[10..20], [12, 21, 12, 13, 10, 24, 22, 12, 8, 23]);
    assert_eq!(counts[..10], [92, 82, 94, 99, 100, 100, 99, 100, 94, 98]);
    assert!(library.files(&spec).unwrap().iter().all(|f| f.checksum == Trust::Verified));

    let together = library.load(&spec.with("tasks", "class"), &seed()).unwrap();
    assert_eq!((together.n_tasks(), together.tasks[0].x.dim(), together.shares_inputs()), (10, (1410, 100), true));
    assert_eq!(positive(&together.tasks[1]), 82 + 21 + 21);
    assert_eq!(together.tasks[0].x.row(958), data.tasks[10].x.row(0));
    assert!(together.tasks[0].x.mean_axis(Axis(0)).unwrap().iter().all(|m| m.abs() < 1e-9));
}

#[test]
fn awa2_is_not_in_the_mirror() {
    let cache = tempfile::tempdir().unwrap();
    let Some(library) = library(cache.path()) else { return };
    match library.load(&DatasetSpec::new("awa2"), &seed()) {
        Err(LoadError::Unavailable(error)) => assert!(error.in_one_line().contains("AwA2-features.zip"), "{error}"),
        Err(other) => panic!("{other}"),
        Ok(data) => assert_eq!((data.n_tasks(), data.tasks[0].x.dim()), (50, (37322, 468))),
    }
}

#[test]
fn merck() {
    let cache = tempfile::tempdir().unwrap();
    let Some(library) = library(cache.path()) else { return };
    let metab = library.load(&DatasetSpec::new("merck-metab"), &seed()).unwrap();
    assert_eq!((metab.n_tasks(), metab.tasks[0].x.dim()), (1, (2092, 4505)));
    assert_eq!((metab.features[0].as_str(), metab.tasks[0].y[0], metab.tasks[0].y[1]), ("D_36", 70.0, 74.68));
    let official = |data: &mtl_core::MultiTask| {
        let split = Split::official(data, 0, 0.0, &seed()).unwrap();
        (split.train[0].len(), split.test[0].len())
    };
    assert_eq!(official(&metab), (1569, 523));

    let cyp = library.load(&DatasetSpec::new("merck-cyp"), &seed()).unwrap();
    assert_eq!((cyp.n_tasks(), cyp.tasks[0].x.dim(), cyp.shares_inputs()), (3, (6194, 6559), true));
    assert_eq!(official(&cyp), (4652, 1542));
    assert!(cyp.tasks.iter().all(|t| t.y.iter().copied().fold(f64::MAX, f64::min) == 4.3003));
    assert!(
        [metab, cyp].iter().all(|d| d.tasks[0].x.iter().all(|v| *v >= 0.0 && v.fract() == 0.0)),
        "these are counts"
    );
}

#[test]
fn chembl() {
    let cache = tempfile::tempdir().unwrap();
    let Some(library) = library(cache.path()) else { return };
    let data = library.load(&DatasetSpec::new("qsar-chembl15"), &seed()).unwrap();
    assert_eq!((data.n_tasks(), data.n_features(), data.n_samples()), (15, 2975, 22255));
    let sizes: Vec<usize> = data.tasks.iter().map(Task::n).collect();
    assert_eq!(sizes, [[1500; 12].as_slice(), &[1471, 1456, 1328]].concat());
    assert_eq!((data.task_names()[8].as_str(), data.features[2974].as_str()), ("CHEMBL235 EC50", "TT 60140310570"));
    let first = &data.tasks[0];
    assert_eq!((first.y[0], first.x[[0, 24]], first.x[[0, 45]], first.x[[0, 0]]), (6.838632, 4.0, 1.0, 0.0));
    let last = &data.tasks[14];
    assert_eq!((last.y[1327], last.x[[1327, 3]]), (7.050610, 1.0));
    let cells = || data.tasks.iter().flat_map(|t| t.x.iter().copied());
    assert_eq!((cells().filter(|v| *v > 0.0).count(), cells().fold(0.0, f64::max)), (5127302, 113.0));
    let logs = library.load(&DatasetSpec::new("qsar-chembl15").with("counts", "log1p"), &seed()).unwrap();
    assert_eq!(logs.tasks[0].x[[0, 24]], 4.0_f64.ln_1p());
}

#[test]
fn tfbs() {
    let cache = tempfile::tempdir().unwrap();
    let Some(library) = library(cache.path()) else { return };
    let small = DatasetSpec::new("tfbs").with("rows", "200").with("features", "500");
    let load = |spec: &DatasetSpec| library.load(spec, &seed()).unwrap();
    let data = load(&DatasetSpec::new("tfbs"));
    assert_eq!((data.target, data.n_tasks(), data.n_features(), data.n_samples()), (Target::Binary, 10, 3000, 20000));
    let names = data.task_names();
    assert_eq!(
        (names[0].as_str(), names[5].as_str(), names[9].as_str()),
        ("ARID3A K562", "MYC H1-hESC", "ZBTB7A HepG2")
    );
    for task in &data.tasks {
        assert!((0..2000).all(|row| task.y[row] == if row < 1000 { 1.0 } else { -1.0 }), "{}", task.name);
        // The most frequent words are rich in G and C; a few sequences have none of them.
        let lengths: Vec<f64> = task.x.rows().into_iter().map(|r| r.dot(&r)).collect();
        assert!(lengths.iter().filter(|l| **l == 0.0).count() < 20, "{}", task.name);
        assert!(lengths.iter().all(|l| *l == 0.0 || (l - 1.0).abs() < 1e-12), "{}", task.name);
    }
    // What binds REST holds words of repressor element 1, TTCAGCACC..GGACAGCGCC, far more often than shuffles do.
    let rest = &data.tasks[6];
    let contrast = |c: usize| {
        let column = rest.x.column(c);
        column.slice(s![..1000]).sum() - column.slice(s![1000..]).sum()
    };
    let best = (0..3000).max_by(|&a, &b| contrast(a).total_cmp(&contrast(b))).unwrap();
    assert_eq!(data.features[best], "GGTNCTGA", "the other strand of TCAGNACC");

    let few = load(&small);
    assert_eq!((few.n_features(), few.n_samples()), (500, 2000));
    let again = Library::new(Fetcher::new(library.fetcher().options().clone())).load(&small, &Seed::of(&2)).unwrap();
    assert!(again.features == few.features && again.tasks.iter().zip(&few.tasks).all(|(a, b)| a.x == b.x));
}

#[test]
fn fingerprints_are_those_of_the_catalog() {
    let cache = tempfile::tempdir().unwrap();
    let Some(library) = library(cache.path()) else { return };
    for (dataset, file) in [
        ("parkinsons", "parkinsons_updrs.data"),
        ("sarcos-test", "sarcos_inv_test.mat"),
        ("rf1", "rf1.arff"),
        ("isolet", "Isolet1.mat"),
        ("isolet", "Isolet2.mat"),
        ("isolet", "Isolet3.mat"),
        ("isolet", "Isolet4.mat"),
        ("isolet", "isolet5.mat"),
        ("school", "school.mat"),
        ("school-argyriou", "school_b.mat"),
        ("school-argyriou", "school_1_indexes.mat"),
        ("school-argyriou", "school_10_indexes.mat"),
        ("computers", "conjointAnalysisComputerBuyers.mat"),
        ("traffic-sp", "traffic_sp.csv"),
        ("cifar10-cnn128", "cifar10_test_cnn128_x.npy"),
        ("cifar10-cnn128", "cifar10_test_cnn128_y.npy"),
        ("ssd-kios", "kios_sample_X.npy"),
        ("ssd-kios", "kios_sample_Y.npy"),
        ("mnist-sample", "t10k-images-idx3-ubyte.gz"),
        ("mnist-sample", "t10k-labels-idx1-ubyte.gz"),
        ("covertype-sample", "covtype-sample.data.gz"),
        ("merck-metab", "METAB_training.csv"),
        ("merck-metab", "METAB_test.csv"),
        ("merck-cyp", "CYP_dense_training.csv"),
        ("merck-cyp", "CYP_dense_test.csv"),
        ("qsar-chembl15", "chembl15.tsv"),
        ("qsar-chembl15", "chembl15_features.tsv"),
        ("tfbs", "ARID3A_K562_ARID3A_sc-8821_Stanford_AC.seq.gz"),
        ("tfbs", "CTCFL_K562_CTCFL_SC-98982_HudsonAlpha_AC.seq.gz"),
        ("tfbs", "ELK1_GM12878_ELK1_1277-1_Stanford_AC.seq.gz"),
        ("tfbs", "FOXA1_HepG2_FOXA1_SC-101058_HudsonAlpha_AC.seq.gz"),
        ("tfbs", "GABPA_GM12878_GABP_HudsonAlpha_AC.seq.gz"),
        ("tfbs", "MYC_H1-hESC_c-Myc_Stanford_AC.seq.gz"),
        ("tfbs", "REST_GM12878_NRSF_HudsonAlpha_AC.seq.gz"),
        ("tfbs", "SP1_GM12878_SP1_HudsonAlpha_AC.seq.gz"),
        ("tfbs", "USF1_HepG2_USF-1_HudsonAlpha_AC.seq.gz"),
        ("tfbs", "ZBTB7A_HepG2_ZBTB7A_SC-34508_HudsonAlpha_AC.seq.gz"),
    ] {
        let fetched = library.fetcher().file(dataset, file).unwrap();
        assert_eq!(fetched.checksum, Trust::Verified, "{file}");
        let entry = library.catalog().get(dataset).unwrap().file(file).unwrap();
        let print = entry.fingerprint.as_ref().unwrap();
        assert_eq!(Some(std::fs::metadata(&fetched.path).unwrap().len()), entry.bytes);
        let table = entry.read(&fetched.path).unwrap();
        let found = Fingerprint::of(&table);
        if print.column_sums.is_some() {
            println!("{file}: {found:?}");
        }
        assert!(print.column_sums.is_some() || print.total.is_some());

        // Under a large sum only a larger change shows.
        let column = (table.values.ncols() - 1).min(3);
        let sum = print.column_sums.as_ref().map_or(print.total.unwrap_or(0.0), |sums| sums[column]);
        let change = (2.0 * TOLERANCE * sum.abs()).max(1e-3);
        assert!(change < 0.1, "{file}: {change}");
        let mut changed = table;
        changed.values[[17, column]] += change;
        assert!(print.verify(&changed).is_err(), "{file}: a change of {change} in one cell shows");
    }
}

#[test]
fn a_part_that_is_missing_makes_the_set_unavailable() {
    let cache = tempfile::tempdir().unwrap();
    let Some(library) = library(cache.path()) else { return };
    match library.load(&DatasetSpec::new("sarcos"), &seed()) {
        Ok(data) => assert_eq!((data.tasks[0].x.dim(), data.shares_inputs()), ((48933, 21), true)),
        Err(LoadError::Unavailable(error)) => {
            println!("{error}");
            assert!(error.to_string().contains("no copy of `sarcos_inv.mat` for data set `sarcos`"));
        }
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn samples_of_the_tomato_paper() {
    let cache = tempfile::tempdir().unwrap();
    let Some(library) = library(cache.path()) else { return };
    let nested = NestedFractions { nested: Fractions { train: 0.8, valid: 0.2, test: 0.2 } };
    // Rows of the three parts as the authors' logs and the specification have them.
    let parts = |data: &mtl_core::MultiTask| {
        let split = Split::nested(data, None, nested, &seed()).unwrap();
        [&split.train, &split.valid, &split.test].map(|part| part.iter().map(|rows| rows.len()).sum::<usize>())
    };

    let school = library.load(&DatasetSpec::new("school-classes"), &seed()).unwrap();
    assert_eq!((school.n_tasks(), school.n_samples(), school.target), (139, 15362, Target::Classes(3)));
    let labels = || school.tasks.iter().flat_map(|task| task.y.iter());
    let shares = [0.0, 1.0, 2.0].map(|c| labels().filter(|y| **y == c).count() as f64 / 153.62);
    assert!(shares.iter().zip([21.7, 29.9, 48.4]).all(|(a, b)| (a - b).abs() < 0.05), "{shares:?}");
    assert_eq!(parts(&school), [9815, 2413, 3023]);

    let digits = library.load(&DatasetSpec::new("mnist-mtl"), &seed()).unwrap();
    assert_eq!((digits.n_tasks(), digits.n_features(), digits.n_samples()), (10, 64, 18000));
    assert!(digits.tasks.iter().all(|task| task.y.iter().filter(|y| **y == 1.0).count() == 900));
    assert_eq!(parts(&digits), [11520, 2880, 3600]);
    // Pixels from 0 to 255: the first component spreads over hundreds.
    let first: Vec<f64> = digits.tasks.iter().flat_map(|task| task.x.column(0).to_vec()).collect();
    assert!((first.iter().map(|v| v * v).sum::<f64>() / 18000.0).sqrt() > 300.0);

    for (design, rows) in [("20x2", 38), ("50x1", 59)] {
        let spec = DatasetSpec::new("office-caltech-mtl").with("design", design);
        let things = library.load(&spec, &seed()).unwrap();
        assert_eq!((things.n_tasks(), things.n_features(), things.n_samples()), (10, 500, 10 * rows));
    }
    assert!(matches!(library.load(&DatasetSpec::new("mcsem"), &seed()), Err(LoadError::Unavailable(_))));
}
