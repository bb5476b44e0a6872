//! From a specification to tasks: made-up files in the layout of the real ones, and the generators.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::path::Path;
use std::sync::Arc;

use mtl_core::Seed;
use mtl_data::fetch::{Origin, Trust};
use mtl_data::{Catalog, DatasetSpec, Fetcher, Library, LoadError, Mirror};
use ndarray::{Array2, array};
use support::{entry, gzip, options, put, sha256};

const HEADER: &str = "subject#,age,sex,test_time,motor_UPDRS,total_UPDRS,Jitter(%),Jitter(Abs),Jitter:RAP,Jitter:PPQ5,\
                      Jitter:DDP,Shimmer,Shimmer(dB),Shimmer:APQ3,Shimmer:APQ5,Shimmer:APQ11,Shimmer:DDA,NHR,HNR,RPDE,DFA,PPE";

/// Three rows of two subjects; cell `(r, c)` is `r + c / 100`, written as the real file writes small numbers.
fn parkinsons() -> String {
    let mut text = format!("{HEADER}\n");
    for (row, subject) in [1, 2, 1].into_iter().enumerate() {
        let cells: Vec<String> = (1..22).map(|c| format!("{row}{c:02}e-002")).collect();
        text += &format!("{subject},{}\n", cells.join(","));
    }
    text
}

/// A MATLAB file with one matrix.
fn mat(variable: &str, values: &Array2<f64>) -> Vec<u8> {
    let (rows, columns) = values.dim();
    let numbers = matrw::MatlabType::from(values.t().iter().copied().collect::<Vec<f64>>());
    let array = matrw::NumericArray::new(vec![rows, columns], numbers, None).unwrap();
    let mut file = matrw::MatFile::new();
    file.insert(variable, matrw::MatVariable::NumericArray(array));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.mat");
    matrw::save_matfile_v7(path.to_str().unwrap(), file, true).unwrap();
    std::fs::read(path).unwrap()
}

fn sarcos(rows: usize, offset: f64) -> Array2<f64> {
    Array2::from_shape_fn((rows, 28), |(r, c)| offset + r as f64 + c as f64 / 100.0)
}

fn file(name: &str, format: &str, sha256: &str, rows: usize, columns: usize) -> String {
    format!(
        "  - name: {name}\n    format: {format}\n    sources: [{{url: 'http://127.0.0.1:9/f', sha256: {sha256}}}]\n    \
         fingerprint: {{rows: {rows}, columns: {columns}, missing: 0}}\n"
    )
}

fn made_up_catalog() -> Arc<Catalog> {
    let embedded = "  options:\n    target: {choices: [total, motor], default: total, doc: d}\n    \
                    features: {choices: [voice, voice+time, all], default: voice, doc: d}\n";
    let test = file("sarcos_inv_test.mat", "{mat: sarcos_inv_test}", "unverified", 2, 28);
    let yaml = [
        entry("parkinsons"),
        embedded.into(),
        "  files:\n".into(),
        file("parkinsons_updrs.data", "csv", "unverified", 3, 22),
        entry("sarcos"),
        "  files:\n".into(),
        file("sarcos_inv.mat", "{mat: sarcos_inv}", "unverified", 3, 28),
        test.clone(),
        entry("sarcos-test"),
        "  folder: sarcos\n  files:\n".into(),
        test,
    ];
    Arc::new(Catalog::parse(&yaml.concat()).unwrap())
}

/// A file with the inputs and letters of two utterances, saved as MATLAB does.
fn isolet(group: u8) -> Vec<u8> {
    let array = |columns: usize, numbers: matrw::MatlabType| {
        matrw::MatVariable::NumericArray(matrw::NumericArray::new(vec![2, columns], numbers, None).unwrap())
    };
    let inputs: Vec<f64> = (0..2 * 617).map(|i| f64::from(i) / 10000.0).collect();
    let mut file = matrw::MatFile::new();
    file.insert("fea", array(617, inputs.into()));
    file.insert("gnd", array(1, vec![group, 26].into()));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.mat");
    matrw::save_matfile_v7(path.to_str().unwrap(), file, true).unwrap();
    std::fs::read(path).unwrap()
}

fn library(cache: &Path, mirror: &Path, catalog: Arc<Catalog>) -> Library {
    let mut options = options(cache);
    options.mirror = Some(Mirror::Folder(mirror.into()));
    options.offline = true;
    Library::new(Fetcher::with_catalog(options, catalog))
}

fn seed() -> Seed {
    Seed::of(&"test")
}

#[test]
fn parkinsons_variants() {
    let (cache, mirror) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    put(mirror.path(), "parkinsons/parkinsons_updrs.data", parkinsons());
    let library = library(cache.path(), mirror.path(), made_up_catalog());
    let load = |spec: DatasetSpec| library.load(&spec, &seed()).unwrap();
    let spec = DatasetSpec::new("parkinsons");

    let data = load(spec.clone());
    assert_eq!(data.task_names(), ["subject 1", "subject 2"]);
    assert_eq!((data.n_features(), data.features[0].as_str(), data.features[15].as_str()), (16, "Jitter(%)", "PPE"));
    assert_eq!(data.tasks[0].y, array![0.05, 2.05]);
    assert_eq!((data.tasks[1].x[[0, 0]], data.tasks[1].x[[0, 15]]), (1.06, 1.21));
    assert!(data.truth.is_none());

    assert_eq!(load(spec.clone().with("target", "motor")).tasks[0].y, array![0.04, 2.04]);
    let data = load(spec.clone().with("features", "voice+time"));
    assert_eq!((data.n_features(), data.features[16].as_str(), data.tasks[1].x[[0, 16]]), (17, "test_time", 1.03));
    let data = load(spec.clone().with("features", "all"));
    assert_eq!(data.features[16..].to_vec(), ["test_time", "age", "sex"]);
    assert_eq!(data.tasks[1].x.row(0).to_vec()[16..], [1.03, 1.01, 1.02]);

    let files = library.files(&spec).unwrap();
    assert_eq!((files.len(), files[0].checksum), (1, Trust::Pinned));
    assert!(matches!(files[0].origin, Origin::Mirror(_)));
}

#[test]
fn sarcos_shares_its_inputs() {
    let (cache, mirror) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    put(mirror.path(), "sarcos/sarcos_inv.mat", mat("sarcos_inv", &sarcos(3, 0.5)));
    put(mirror.path(), "sarcos/sarcos_inv_test.mat", mat("sarcos_inv_test", &sarcos(2, 10.5)));
    let library = library(cache.path(), mirror.path(), made_up_catalog());

    let data = library.load(&DatasetSpec::new("sarcos"), &seed()).unwrap();
    assert!(data.shares_inputs());
    assert_eq!((data.n_tasks(), data.n_features(), data.tasks[6].n()), (7, 21, 5));
    assert_eq!(data.tasks[6].x.column(20).to_vec(), [0.7, 1.7, 2.7, 10.7, 11.7], "training rows first");
    assert_eq!(data.tasks[6].y.to_vec(), [0.77, 1.77, 2.77, 10.77, 11.77]);
    assert_eq!((data.tasks[6].name.as_str(), data.features[20].as_str()), ("torque 7", "acceleration 7"));
    assert_eq!(library.files(&DatasetSpec::new("sarcos")).unwrap().len(), 2);

    let test = library.load(&DatasetSpec::new("sarcos-test"), &seed()).unwrap();
    assert_eq!((test.n_tasks(), test.tasks[0].y.to_vec()), (7, vec![10.71, 11.71]));
    assert!(test.shares_inputs());
}

#[test]
fn rf1_drops_or_fills_what_is_missing() {
    let (cache, mirror) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut text = String::from("@relation made-up\n");
    (0..72).for_each(|c| text += &format!("@attribute 'c {c}' numeric\n"));
    text += "@data\n";
    for row in 0..3 {
        let cell = |c| if (row, c) == (1, 63) { "?".into() } else { format!("{row}.{c:02}") };
        text += &format!("{}\n", (0..72).map(cell).collect::<Vec<String>>().join(","));
    }
    put(mirror.path(), "rf1/rf1.arff.gz", gzip(&text));
    let yaml = [
        entry("rf1"),
        "  options: {missing: {choices: [drop, mean], default: drop, doc: d}}\n  files:\n".into(),
        file("rf1.arff", "arff", &sha256(&text), 3, 72).replace("missing: 0", "missing: 1"),
    ];
    let library = library(cache.path(), mirror.path(), Arc::new(Catalog::parse(&yaml.concat()).unwrap()));
    let load = |spec: DatasetSpec| library.load(&spec, &seed()).unwrap();
    let data = load(DatasetSpec::new("rf1"));
    assert!(data.shares_inputs());
    assert_eq!((data.n_tasks(), data.tasks[7].y.to_vec()), (8, vec![0.71, 2.71]));
    assert_eq!((data.features[9].as_str(), data.tasks[0].x[[1, 9]]), ("NASI2 6 h ago", 2.09));
    let data = load(DatasetSpec::new("rf1").with("missing", "mean"));
    assert_eq!((data.tasks[0].y.to_vec(), data.tasks[0].x[[1, 63]]), (vec![0.64, 1.64, 2.64], 1.63));
}

#[test]
fn isolet_groups_are_tasks() {
    let (cache, mirror) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut yaml = format!("{}  files:\n", entry("isolet"));
    for group in 1..=5_u8 {
        let name = format!("{}solet{group}.mat", if group == 5 { 'i' } else { 'I' });
        put(mirror.path(), &format!("isolet/{name}"), isolet(group));
        yaml += &file(&name, "{mat: [fea, gnd]}", "unverified", 2, 618);
    }
    let library = library(cache.path(), mirror.path(), Arc::new(Catalog::parse(&yaml).unwrap()));
    let data = library.load(&DatasetSpec::new("isolet"), &seed()).unwrap();
    assert_eq!((data.n_tasks(), data.n_features(), data.shares_inputs()), (5, 617, false));
    assert_eq!((data.tasks[2].name.as_str(), data.tasks[2].y.to_vec()), ("group 3", vec![3.0, 26.0]));
    assert_eq!(data.tasks[4].x[[1, 616]], 0.1233);
    assert_eq!(library.files(&DatasetSpec::new("isolet")).unwrap().len(), 5);
}

/// A NumPy file of bytes or of numbers.
fn npy(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n");
    let length = u16::try_from(header.len()).unwrap().to_le_bytes();
    [b"\x93NUMPY\x01\x00" as &[u8], &length, header.as_bytes(), data].concat()
}

#[test]
fn features_that_somebody_made_are_read() {
    let (cache, mirror) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let library = library(cache.path(), mirror.path(), Catalog::embedded());
    let spec = DatasetSpec::new("celeba");
    let Err(LoadError::Unavailable(error)) = library.load(&spec, &seed()) else { panic!("nobody has made them yet") };
    assert!(
        error.in_one_line().starts_with("no copy of `celeba_x.npy`, which cannot be downloaded: take the images of")
    );

    let inputs: Vec<u8> = (0..6_u8).flat_map(|v| f32::from(v).to_le_bytes()).collect();
    put(mirror.path(), "celeba/celeba_x.npy.gz", gzip(npy("<f4", "(3, 2)", &inputs)));
    let labels: Vec<u8> = (0..120).map(|cell| u8::from(cell / 40 == 1 || cell == 0)).collect();
    put(mirror.path(), "celeba/celeba_y.npy", npy("|u1", "(3, 40)", &labels));
    let data = library.load(&spec, &seed()).unwrap();
    assert_eq!((data.n_tasks(), data.target, data.shares_inputs()), (40, mtl_core::Target::Binary, true));
    assert_eq!(*data.tasks[39].x, array![[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]);
    assert_eq!((data.tasks[0].y.to_vec(), data.tasks[39].y.to_vec()), (vec![1.0, 1.0, -1.0], vec![-1.0, 1.0, -1.0]));
    assert!(library.files(&spec).unwrap().iter().all(|file| file.checksum == Trust::Pinned));
    assert_eq!(data.task_names()[39], "attribute 40");

    put(mirror.path(), "coco/coco_x.npy", npy("<f4", "(3, 2)", &inputs));
    put(mirror.path(), "coco/coco_y.npy", npy("|u1", "(3, 40)", &labels));
    let error = library.load(&DatasetSpec::new("coco"), &seed()).unwrap_err();
    assert!(error.to_string().contains("found 40 columns of labels, expected 80"), "{error}");
}

#[test]
fn reactions_become_shares() {
    let (cache, mirror) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let library = library(cache.path(), mirror.path(), Catalog::embedded());
    let floats = |values: &[f32]| values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
    // Two posts for each of twelve channels.
    let inputs: Vec<f32> = (0..48).map(|v| v as f32).collect();
    put(mirror.path(), "mcsem/mcsem_x.npy", npy("<f4", "(24, 2)", &floats(&inputs)));
    let counts: Vec<f32> = (0..120).map(|cell| if cell % 5 == 3 { 1.5 } else { 0.0 }).collect();
    put(mirror.path(), "mcsem/mcsem_y.npy", npy("<f4", "(24, 5)", &floats(&counts)));
    let channels: Vec<f32> = (0..24).map(|row| (row % 12) as f32).collect();
    put(mirror.path(), "mcsem/mcsem_task.npy", npy("<f4", "(24, 1)", &floats(&channels)));
    let data = library.load(&DatasetSpec::new("mcsem"), &seed()).unwrap();
    assert_eq!((data.n_tasks(), data.target), (12, mtl_core::Target::Classes(5)));
    assert_eq!(*data.tasks[1].x, array![[2.0, 3.0], [26.0, 27.0]]);
    assert_eq!(data.tasks[1].y.to_vec(), [3.0, 3.0]);
    let shares = &data.likelihoods.as_ref().unwrap()[1];
    assert!((shares[[0, 3]] - 0.8).abs() < 1e-7 && (shares[[0, 0]] - 0.05).abs() < 1e-7, "{shares}");

    put(mirror.path(), "mcsem/mcsem_y.npy", npy("<f4", "(30, 4)", &floats(&counts)));
    let cache = tempfile::tempdir().unwrap();
    let library = self::library(cache.path(), mirror.path(), Catalog::embedded());
    let error = library.load(&DatasetSpec::new("mcsem"), &seed()).unwrap_err();
    assert!(error.to_string().contains("expected 5 a post"), "{error}");
}

/// A file in MNIST's format.
fn idx(sizes: &[u32], data: &[u8]) -> Vec<u8> {
    let sizes: Vec<u8> = sizes.iter().flat_map(|size| size.to_be_bytes()).collect();
    [&[0, 0, 8, u8::try_from(sizes.len() / 4).unwrap()], sizes.as_slice(), data].concat()
}

#[test]
fn digits_are_told_apart_by_pixels_or_components() {
    let (cache, mirror) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let train = [0, 0, 255, 9, 51, 0, 0, 9, 255, 102, 0, 9, 0, 255, 51, 9, 7, 0, 7, 9];
    let files = [
        ("train-images-idx3-ubyte.gz", gzip(idx(&[5, 2, 2], &train)), 5, 4),
        ("train-labels-idx1-ubyte.gz", gzip(idx(&[5], &[3, 0, 9, 3, 1])), 5, 1),
        // Not every copy is compressed.
        ("t10k-images-idx3-ubyte.gz", idx(&[2, 2, 2], &[255, 0, 0, 9, 0, 255, 255, 9]), 2, 4),
        ("t10k-labels-idx1-ubyte.gz", gzip(idx(&[2], &[9, 0])), 2, 1),
    ];
    let mut yaml =
        format!("{}  options: {{pca: {{whole: [0, 784], default: '64', doc: d}}}}\n  files:\n", entry("mnist"));
    for (name, bytes, rows, columns) in &files {
        put(mirror.path(), &format!("mnist/{name}"), bytes);
        yaml += &file(name, "idx", "unverified", *rows, *columns);
    }
    let library = library(cache.path(), mirror.path(), Arc::new(Catalog::parse(&yaml).unwrap()));
    let load = |pca: &str| library.load(&DatasetSpec::new("mnist").with("pca", pca), &seed()).unwrap();
    let data = load("0");
    assert_eq!((data.n_tasks(), data.n_features(), data.shares_inputs()), (10, 4, true));
    assert_eq!(
        (data.tasks[0].x.row(1).to_vec(), data.tasks[0].x.row(5).to_vec()[0]),
        (vec![0.2, 0.0, 0.0, 9.0 / 255.0], 1.0)
    );
    assert_eq!(data.tasks[9].y.to_vec(), [-1.0, -1.0, 1.0, -1.0, -1.0, 1.0, -1.0]);
    assert_eq!((data.tasks[3].name.as_str(), data.features[3].as_str()), ("digit 3", "pixel 4"));
    let split = &data.official.as_ref().unwrap()[0];
    assert_eq!((split.train[0].to_vec(), split.test[9].to_vec()), (vec![0, 1, 2, 3, 4], vec![5, 6]));
    assert!(Arc::ptr_eq(&split.train[0], &split.train[9]) && split.valid[0].is_empty());

    let two = load("2");
    assert_eq!((two.n_features(), two.features[1].as_str(), two.tasks[0].n()), (2, "component 2", 7));
    assert!(two.shares_inputs() && two.tasks[4].y == data.tasks[4].y);
    // Centred by the training rows alone.
    let mean = |rows: std::ops::Range<usize>| two.tasks[0].x.slice(ndarray::s![rows, 0]).mean().unwrap();
    assert!(mean(0..5).abs() < 1e-12 && mean(0..7).abs() > 1e-3);
    // The last pixel never varies: three components keep all distances.
    let distance = |data: &mtl_core::MultiTask| {
        let x = &data.tasks[0].x;
        (&x.row(0) - &x.row(6)).mapv(|d| d * d).sum()
    };
    assert!((distance(&load("3")) / distance(&data) - 1.0).abs() < 1e-12);
    assert_eq!(load("64").n_features(), 4, "no more components than pixels");
}

/// Rows of Covertype: cell `(r, c)` is `10 r + c`, but for the class.
fn covertype(classes: &[u8]) -> String {
    let row = |(r, class): (usize, &u8)| {
        let cells: Vec<String> = (0..54).map(|c| (10 * r + c).to_string()).collect();
        format!("{},{class}\n", cells.join(","))
    };
    classes.iter().enumerate().map(row).collect()
}

#[test]
fn kinds_of_cover_are_told_apart() {
    let text = covertype(&[5, 1, 7, 5]);
    let yaml = |unpacked: &str| {
        let file = file("covtype.data.gz", "{text: commas}", &sha256("the official bytes"), 4, 55);
        [entry("covertype"), "  files:\n".into(), file, format!("    unpacked: {}\n", sha256(unpacked))].concat()
    };
    let load = |text: &str, unpacked: &str| {
        let (cache, mirror) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        put(mirror.path(), "covertype/covtype.data.gz", gzip(text));
        let library = library(cache.path(), mirror.path(), Arc::new(Catalog::parse(&yaml(unpacked)).unwrap()));
        let data = library.load(&DatasetSpec::new("covertype"), &seed());
        data.map(|data| (data, library.files(&DatasetSpec::new("covertype")).unwrap()[0].checksum))
    };
    let (data, trust) = load(&text, &text).unwrap();
    assert_eq!(trust, Trust::Verified, "somebody compressed it anew, but what is in it is right");
    assert_eq!((data.n_tasks(), data.tasks[0].x.dim(), data.shares_inputs()), (7, (4, 54), true));
    assert_eq!((data.tasks[4].name.as_str(), data.tasks[4].y.to_vec()), ("aspen", vec![1.0, -1.0, -1.0, 1.0]));
    assert_eq!(
        (data.features[9].as_str(), data.features[13].as_str(), data.features[53].as_str()),
        ("horizontal distance to fire points", "wilderness area 4", "soil type 40")
    );
    assert_eq!(data.tasks[6].x.column(53).to_vec(), [53.0, 63.0, 73.0, 83.0]);

    let fails = |text: &str, unpacked: &str, part: &str| {
        let error = load(text, unpacked).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    };
    fails(&text, "other text", "wrong checksum: sha256");
    let wrong = text.replace("\n10,", "\nten,");
    fails(&wrong, &wrong, "covtype.data.gz, line 2: found `ten`, expected a number");
    let wrong = covertype(&[5, 1, 8, 5]);
    fails(&wrong, &wrong, "counted from 0 here: row 3: found class 7, expected a whole number from 0 to 6");
}

#[test]
fn states_of_a_motor_are_told_apart() {
    let (cache, mirror) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let row = |r: usize, state: usize| {
        let cells: Vec<String> = (0..48).map(|c| format!("{r}.{c:02}e-05")).collect();
        format!("{} {state}\n", cells.join(" "))
    };
    let text: String = (0..22).map(|r| row(r, 1 + r / 2)).collect();
    let numbers: Vec<u8> = (0..22 * 48).flat_map(|cell| f64::from(cell).to_le_bytes()).collect();
    let states: Vec<u8> = (0..22).flat_map(|r| f64::from(r / 2).to_le_bytes()).collect();
    put(mirror.path(), "ssd/kios_sample_X.npy", npy("<f8", "(22, 48)", &numbers));
    put(mirror.path(), "ssd/kios_sample_Y.npy", npy("<f8", "(22,)", &states));
    let yaml = [
        entry("ssd"),
        "  files:\n".into(),
        file("Sensorless_drive_diagnosis.txt", "{text: blanks}", "unverified", 22, 49),
        entry("ssd-kios"),
        "  folder: ssd\n  files:\n".into(),
        file("kios_sample_X.npy", "npy", "unverified", 22, 48),
        file("kios_sample_Y.npy", "npy", "unverified", 22, 1),
    ];
    let library = library(cache.path(), mirror.path(), Arc::new(Catalog::parse(&yaml.concat()).unwrap()));
    let load = |name: &str| library.load(&DatasetSpec::new(name), &seed());
    assert!(matches!(load("ssd"), Err(LoadError::Unavailable(_))), "the sample says nothing about the whole");
    let sample = load("ssd-kios").unwrap();
    put(mirror.path(), "ssd/Sensorless_drive_diagnosis.txt", &text);
    let whole = load("ssd").unwrap();
    for data in [&whole, &sample] {
        assert_eq!((data.n_tasks(), data.tasks[0].x.dim(), data.shares_inputs()), (11, (22, 48), true));
        let positive: Vec<usize> = (0..22).filter(|&r| data.tasks[10].y[r] > 0.0).collect();
        assert_eq!((data.tasks[10].name.as_str(), positive), ("state 11", vec![20, 21]));
        assert_eq!(data.features[47], "f48");
    }
    assert_eq!((whole.tasks[3].x[[2, 47]], sample.tasks[3].x[[2, 47]]), (2.47e-5, 143.0));

    // One state more often than another.
    let fails = |text: &str, part: &str| {
        let (cache, mirror) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        put(mirror.path(), "ssd/Sensorless_drive_diagnosis.txt", text);
        let catalog = Arc::new(Catalog::parse(&yaml.concat()).unwrap());
        let library = self::library(cache.path(), mirror.path(), catalog);
        let error = library.load(&DatasetSpec::new("ssd"), &seed()).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    };
    let uneven: String = (0..22).map(|r| row(r, if r == 21 { 1 } else { 1 + r / 2 })).collect();
    fails(&uneven, "found [3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1] rows of the states, expected as many of each");
    fails(&text[..text.len() / 2], "line 12: found 25 cells, expected 49 cells");
    fails(&text.replace(" 11\n", " 12\n"), "the states, counted from 0 here: row 21: found class 11");
}

/// No mirror, no network, nothing in the cache.
#[test]
fn what_the_program_carries_is_there() {
    let (cache, mirror) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let library = library(cache.path(), mirror.path(), Catalog::embedded());
    let positives = |data: &mtl_core::MultiTask| -> Vec<usize> {
        data.tasks.iter().map(|task| task.y.iter().filter(|y| **y > 0.0).count()).collect()
    };
    assert!(library.fetcher().is_cached("mnist-sample").unwrap() && !library.fetcher().is_cached("mnist").unwrap());

    let spec = DatasetSpec::new("mnist-sample").with("pca", "154");
    let digits = library.load(&spec, &seed()).unwrap();
    assert_eq!((digits.n_tasks(), digits.tasks[0].x.dim(), digits.shares_inputs()), (10, (4000, 154), true));
    assert_eq!(positives(&digits), [394, 451, 401, 408, 390, 360, 392, 416, 390, 398]);
    let split = &digits.official.as_ref().unwrap()[0];
    assert_eq!((split.train[0].len(), split.test[0].len()), (3000, 1000));
    let files = library.files(&spec).unwrap();
    assert!(files.iter().all(|f| (&f.origin, f.checksum) == (&Origin::Carried, Trust::Verified)), "{files:?}");

    let spec = DatasetSpec::new("covertype-sample");
    let natural = library.load(&spec, &seed()).unwrap();
    assert_eq!((natural.tasks[0].x.dim(), positives(&natural)), ((6000, 54), vec![2188, 2926, 369, 28, 98, 179, 212]));
    let all = library.load(&spec.clone().with("rows", "all"), &seed()).unwrap();
    assert_eq!(positives(&all), [2188, 2926, 1000, 1000, 1000, 1000, 1000]);
    assert_eq!(all.tasks[0].x.slice(ndarray::s![..6000, ..]), *natural.tasks[0].x);

    // A damaged copy is replaced.
    let path = library.files(&spec).unwrap()[0].path.clone();
    std::fs::write(&path, "something else").unwrap();
    let found = library.fetcher().file("covertype-sample", "covtype-sample.data.gz").unwrap();
    assert_eq!((found.origin, found.checksum), (Origin::Carried, Trust::Verified));
    let found = library.fetcher().file("covertype-sample", "covtype-sample.data.gz").unwrap();
    assert_eq!(found.origin, Origin::Cache);
    for name in ["mnist-sample", "covertype-sample"] {
        assert_eq!(library.catalog().get(name).unwrap().status, mtl_data::Status::Subsample);
    }
}

/// A ZIP archive of files that are stored as they are.
fn zip(members: &[(&str, &str)]) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for (name, text) in members {
        let mut crc = flate2::Crc::new();
        crc.update(text.as_bytes());
        let length = u32::try_from(text.len()).unwrap();
        let sizes = [crc.sum(), length, length].map(u32::to_le_bytes).concat();
        let named = u16::try_from(name.len()).unwrap().to_le_bytes();
        let common = [[20, 0].as_slice(), &[0; 8], &sizes, &named, &[0, 0]].concat();
        let start = u32::try_from(bytes.len()).unwrap().to_le_bytes();
        directory.extend([b"PK\x01\x02\x14\x00".as_slice(), &common, &[0; 10], &start, name.as_bytes()].concat());
        bytes.extend([b"PK\x03\x04".as_slice(), &common, name.as_bytes(), text.as_bytes()].concat());
    }
    let count = u16::try_from(members.len()).unwrap().to_le_bytes();
    let place = [directory.len(), bytes.len()].map(|n| u32::try_from(n).unwrap().to_le_bytes()).concat();
    [bytes, directory, [b"PK\x05\x06\0\0\0\0".as_slice(), &count, &count, &place, &[0, 0]].concat()].concat()
}

#[test]
fn animals_are_read_out_of_an_archive() {
    let folder = "Animals_with_Attributes2/Features/ResNet101/AwA2-";
    let (features, labels) = (format!("{folder}features.txt"), format!("{folder}labels.txt"));
    let archive = zip(&[
        ("Animals_with_Attributes2/README.txt", "not these 1 2 3"),
        (&features, "1.5 0 2\n0.5 0 1\n0 1.25 0\n-2 0 1e-1\n"),
        (&labels, "1\n50\n1\n3\n"),
    ]);
    let yaml = |rows: usize| {
        let members = format!("{{zip-text: [{features}, {labels}]}}");
        let options = "  options: {pca: {whole: [1, 2048], default: '468', doc: d}}\n  files:\n";
        [entry("awa2"), options.into(), file("AwA2-features.zip", &members, "unverified", rows, 4)].concat()
    };
    let catalog = |rows| Arc::new(Catalog::parse(&yaml(rows)).unwrap());
    let (cache, mirror) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    put(mirror.path(), "awa2/AwA2-features.zip", &archive);
    let library_of = |rows| library(cache.path(), mirror.path(), catalog(rows));
    let spec = DatasetSpec::new("awa2");
    let data = library_of(4).load(&spec, &seed()).unwrap();
    assert_eq!((data.n_tasks(), data.target, data.tasks[0].x.dim()), (50, mtl_core::Target::Binary, (4, 3)));
    assert!(data.shares_inputs() && data.official.is_none());
    assert_eq!((data.tasks[0].name.as_str(), data.tasks[0].y.to_vec()), ("antelope", vec![1.0, -1.0, 1.0, -1.0]));
    assert_eq!((data.tasks[49].name.as_str(), data.tasks[49].y.to_vec()), ("dolphin", vec![-1.0, 1.0, -1.0, -1.0]));
    assert!(data.tasks[0].x.sum_axis(ndarray::Axis(0)).iter().all(|sum| sum.abs() < 1e-12), "centred");
    let one = library_of(4).load(&spec.clone().with("pca", "1"), &seed()).unwrap();
    assert_eq!(one.tasks[7].x.column(0), data.tasks[7].x.column(0));

    // Another number of rows, and a class that is not there.
    let fails = |archive: &[u8], rows| {
        let (cache, mirror) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        put(mirror.path(), "awa2/AwA2-features.zip", archive);
        library(cache.path(), mirror.path(), catalog(rows)).load(&spec, &seed()).unwrap_err().to_string()
    };
    assert!(fails(&archive, 5).contains("the table has 4 rows and 4 columns, expected 5 and 4"));
    let wrong = zip(&[(&features, "1 2 3\n"), (&labels, "51\n")]);
    assert!(fails(&wrong, 1).contains("row 1: found class 50, expected a whole number from 0 to 49"));
    assert!(fails(&archive[..300], 4).contains("expected a ZIP archive"));
}

/// The archive is downloaded like any file, and one from an address nobody has seen is known by its shape.
#[test]
fn an_archive_is_downloaded() {
    let archive = zip(&[("a.txt", "1 2\n3 4\n"), ("b.txt", "5\n6\n")]);
    let server = support::Server::serving(archive);
    let cache = tempfile::tempdir().unwrap();
    let yaml = |columns: usize| {
        let file = file("f.zip", "{zip-text: [a.txt, b.txt]}", "unverified", 2, columns);
        [entry("set"), "  files:\n".into(), file.replace("http://127.0.0.1:9/f", &server.url("f.zip"))].concat()
    };
    let fetch = |columns| {
        let catalog = Arc::new(Catalog::parse(&yaml(columns)).unwrap());
        let fetched = Fetcher::with_catalog(options(cache.path()), Arc::clone(&catalog)).file("set", "f.zip")?;
        Ok::<_, mtl_data::FetchError>(catalog.get("set").unwrap().files[0].read(&fetched.path).unwrap().values)
    };
    assert!(fetch(4).unwrap_err().to_string().contains("found 3 cells, expected 4 columns in all"));
    assert_eq!(fetch(3).unwrap(), array![[1.0, 2.0, 5.0], [3.0, 4.0, 6.0]]);
}

/// A table of the right shape made by somebody else passes by its values, and no other.
#[test]
fn tables_put_together_by_hand_are_known_by_their_values() {
    let (cache, mirror) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let catalog = |sum: f64| {
        let file = "  files:\n  - name: parkinsons_updrs.data\n    format: csv\n    by_hand: write it\n";
        let sums: Vec<String> = (0..22).map(|c| (if c == 0 { sum } else { 0.0 }).to_string()).collect();
        let print =
            format!("    fingerprint: {{rows: 2, columns: 22, missing: 0, column_sums: [{}]}}\n", sums.join(", "));
        let sha256 = format!("    sha256: {}\n", sha256("other bytes"));
        Arc::new(Catalog::parse(&[entry("parkinsons"), file.into(), sha256, print].concat()).unwrap())
    };
    let zeros = vec!["0"; 21].join(",");
    put(mirror.path(), "parkinsons/parkinsons_updrs.data", format!("{HEADER}\n1,{zeros}\n2,{zeros}\n"));
    let error = library(cache.path(), mirror.path(), catalog(4.0)).load(&DatasetSpec::new("parkinsons"), &seed());
    assert!(matches!(&error, Err(LoadError::Broken(e)) if e.to_string().contains("other data: column 1")), "{error:?}");
    let right = library(cache.path(), mirror.path(), catalog(3.0));
    right.load(&DatasetSpec::new("parkinsons"), &seed()).unwrap();
    assert_eq!(right.files(&DatasetSpec::new("parkinsons")).unwrap()[0].checksum, Trust::Pinned);
}

#[test]
fn a_variant_is_read_once_however_it_is_spelled_and_whoever_asks() {
    let (cache, mirror) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    put(mirror.path(), "parkinsons/parkinsons_updrs.data", parkinsons());
    let library = library(cache.path(), mirror.path(), made_up_catalog());
    let short = DatasetSpec::new("parkinsons");
    let long = short.clone().with("target", "total").with("features", "voice");
    let first = library.load(&short, &seed()).unwrap();
    std::fs::remove_dir_all(cache.path()).unwrap();
    std::fs::remove_dir_all(mirror.path()).unwrap();
    std::thread::scope(|scope| {
        for spec in [&short, &long, &short, &long] {
            let (library, first) = (&library, &first);
            scope.spawn(move || {
                let data = library.load(spec, &Seed::of(&"another")).unwrap();
                assert!(Arc::ptr_eq(&data.tasks[1].x, &first.tasks[1].x));
            });
        }
    });
    let other = library.load(&short.clone().with("target", "motor"), &seed());
    assert!(matches!(other, Err(LoadError::Unavailable(_))), "another variant reads for itself");
}

#[test]
fn a_failure_is_not_remembered() {
    let (cache, mirror) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let library = library(cache.path(), mirror.path(), made_up_catalog());
    let spec = DatasetSpec::new("parkinsons");
    let error = library.load(&spec, &seed()).unwrap_err();
    assert!(matches!(error, LoadError::Unavailable(_)), "{error:?}");
    assert!(error.to_string().contains("mtl datasets fetch parkinsons"), "{error}");
    put(mirror.path(), "parkinsons/parkinsons_updrs.data", parkinsons());
    assert_eq!(library.load(&spec, &seed()).unwrap().n_tasks(), 2);
}

#[test]
fn bad_input_and_corrupt_files_are_told_apart() {
    let (cache, mirror) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let library_of = |catalog| library(cache.path(), mirror.path(), catalog);
    let fails = |library: &Library, spec: DatasetSpec| library.load(&spec, &seed()).unwrap_err();
    let error = fails(&library_of(made_up_catalog()), DatasetSpec::new("parkinsons").with("target", "both"));
    assert!(matches!(error, LoadError::BadInput(_)) && error.to_string().contains("choices: `total`, `motor`"));
    let error = fails(&library_of(made_up_catalog()), DatasetSpec::new("parkinson"));
    assert!(matches!(error, LoadError::BadInput(_)), "{error:?}");

    // The checksum is right, but the catalog promises other contents.
    let catalog_with = |text: &str, rows, columns| {
        put(mirror.path(), "parkinsons/parkinsons_updrs.data", text);
        let files = file("parkinsons_updrs.data", "csv", &sha256(text), rows, columns);
        Arc::new(Catalog::parse(&format!("{}  files:\n{files}", entry("parkinsons"))).unwrap())
    };
    let corrupt = |catalog, part: &str| {
        let error = fails(&library_of(catalog), DatasetSpec::new("parkinsons"));
        assert!(matches!(&error, LoadError::Corrupt { path, .. } if path.starts_with(cache.path())), "{error:?}");
        assert!(error.to_string().contains(part), "{error}");
    };
    corrupt(catalog_with(&parkinsons(), 4, 22), "the table has 3 rows and 22 columns, expected 4 and 22");
    corrupt(catalog_with("a,b\n1,x\n", 1, 2), "line 2, column `b`: found `x`");
    corrupt(catalog_with("a,b\n1,2\n", 1, 2), "there is no column `subject#`");
}

#[test]
fn synthetic_sets_follow_the_seed() {
    let folder = tempfile::tempdir().unwrap();
    let library = library(folder.path(), folder.path(), Catalog::embedded());
    let spec = DatasetSpec::new("synthetic-gl");
    let draw = |key: u32| library.load(&spec, &Seed::of(&key)).unwrap();
    let (a, again, b) = (draw(1), draw(1), draw(2));
    assert_eq!((a.tasks[3].y.clone(), a.truth.clone()), (again.tasks[3].y.clone(), again.truth));
    assert_ne!(a.truth, b.truth);
    assert!(library.files(&spec).unwrap().is_empty());
    for (name, shape) in [("synthetic-metag", (32, 100)), ("synthetic-rmtfl", (30, 200))] {
        let data = library.load(&DatasetSpec::new(name).with("spread", "sd"), &seed()).unwrap();
        assert_eq!((data.n_tasks(), data.n_features()), shape);
    }
    assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none(), "no file is touched");
}
