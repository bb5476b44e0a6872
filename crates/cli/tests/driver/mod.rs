//! Drives the built binary as a user would, in a folder of its own.

#![allow(dead_code, clippy::unwrap_used, reason = "shared by several tests, and a test may panic")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

/// How a run ended.
#[derive(Debug)]
pub struct Run {
    pub stdout: String,
    pub stderr: String,
    pub code: i32,
}

impl Run {
    /// Checks that it went well.
    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{self:#?}");
        self
    }

    /// Checks that it was refused as bad input, with all of these words and without a result.
    #[track_caller]
    pub fn refused(self, words: &[&str]) -> Self {
        assert_eq!((self.code, self.stdout.as_str()), (2, ""), "{self:#?}");
        assert!(self.stderr.starts_with("error: "), "{self:#?}");
        assert!(self.stderr.lines().count() <= 24, "more than a screen: {self:#?}");
        for word in words {
            assert!(self.stderr.contains(word), "`{word}` is not in {}", self.stderr);
        }
        self
    }

    /// The JSON on standard output: one line.
    #[track_caller]
    pub fn json(&self) -> Value {
        assert_eq!(self.stdout.matches('\n').count(), 1, "{self:#?}");
        serde_json::from_str(&self.stdout).unwrap()
    }
}

/// A folder to work in.
pub struct Folder(tempfile::TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) -> &Self {
        std::fs::write(self.file(name), text).unwrap();
        self
    }

    #[track_caller]
    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.file(name)).unwrap()
    }

    /// Names of the files in it.
    pub fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.path()).unwrap();
        let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Runs `mtl` with arguments separated by blanks.
    pub fn mtl(&self, arguments: &str) -> Run {
        self.mtl_with(arguments, &[])
    }

    /// The same with environment variables.
    pub fn mtl_with(&self, arguments: &str, environment: &[(&str, &str)]) -> Run {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mtl"));
        command.args(arguments.split_whitespace()).current_dir(self.path());
        for name in ["MTL_CACHE", "MTL_MIRROR", "MTL_STORE"] {
            command.env_remove(name);
        }
        let output = command.envs(environment.iter().copied()).output().unwrap();
        Run {
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
            code: output.status.code().unwrap(),
        }
    }
}

/// Numbers between -1 and 1 that are the same on every machine.
pub struct Numbers(u64);

impl Numbers {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn draw(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    }
}

/// One row a sample.
#[derive(Debug, Clone)]
pub struct Sample {
    pub task: String,
    pub x: Vec<f64>,
    pub y: f64,
}

pub const FEATURES: [&str; 4] = ["age", "size", "income", "noise"];

/// Three schools, tasks interleaved, with an offset that only an intercept explains.
pub fn schools(per_task: usize) -> Vec<Sample> {
    let mut numbers = Numbers::new(7);
    let weights = [[1.5, -0.7, 0.3, 0.0], [1.4, -0.8, 0.4, 0.0], [-1.0, 0.5, 0.3, 0.0]];
    (0..3 * per_task)
        .map(|i| {
            let t = i % 3;
            let x: Vec<f64> = (0..4).map(|j| 2.0 + (j + 1) as f64 * numbers.draw()).collect();
            let y = 5.0 + 0.1 * numbers.draw() + x.iter().zip(weights[t]).map(|(x, w)| x * w).sum::<f64>();
            Sample { task: ["north", "south", "east"][t].into(), x, y }
        })
        .collect()
}

/// A long CSV of samples; the columns are not in the order of the features.
pub fn csv(samples: &[Sample]) -> String {
    let mut text = "age,school,size,score,income,noise\n".to_owned();
    for Sample { task, x, y } in samples {
        text += &format!("{:?},{task},{:?},{y:?},{:?},{:?}\n", x[0], x[1], x[2], x[3]);
    }
    text
}

/// What `--weights` wrote: task names, then rows of (name, one weight a task).
pub struct Weights {
    pub tasks: Vec<String>,
    pub rows: Vec<(String, Vec<f64>)>,
}

impl Weights {
    pub fn parse(text: &str) -> Self {
        let mut lines = text.lines().map(|line| line.split(','));
        let mut header = lines.next().unwrap();
        assert_eq!(header.next(), Some("feature"));
        let row = |mut cells: std::str::Split<'_, char>| {
            (cells.next().unwrap().to_owned(), cells.map(|c| c.parse().unwrap()).collect())
        };
        Self { tasks: header.map(String::from).collect(), rows: lines.map(row).collect() }
    }

    /// The prediction for a sample.
    pub fn predict(&self, sample: &Sample) -> f64 {
        let t = self.tasks.iter().position(|task| *task == sample.task).unwrap();
        let inputs = sample.x.iter().copied().chain([1.0]);
        self.rows.iter().zip(inputs).map(|((_, weights), x)| weights[t] * x).sum()
    }

    /// `1/2 sum_t ||y_t - X_t w_t||^2`.
    pub fn loss(&self, samples: &[Sample]) -> f64 {
        samples.iter().map(|s| (s.y - self.predict(s)).powi(2)).sum::<f64>() / 2.0
    }
}

#[track_caller]
pub fn close(a: f64, b: f64, tolerance: f64) {
    assert!((a - b).abs() <= tolerance * a.abs().max(b.abs()).max(1.0), "{a} is not {b}");
}

/// A workspace with one small paper.
pub fn workspace() -> Folder {
    let folder = Folder::new();
    let to = folder.file("experiments/tiny");
    std::fs::create_dir_all(&to).unwrap();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tiny");
    for file in std::fs::read_dir(from).unwrap().map(|f| f.unwrap().path()) {
        std::fs::copy(&file, to.join(file.file_name().unwrap())).unwrap();
    }
    folder
}

/// All results of a store, without what depends on the clock or the machine.
#[track_caller]
pub fn export(folder: &Folder, store: &str) -> String {
    folder.mtl(&format!("export --no-timings --store {store}")).ok().stdout
}

/// All files below a folder, sorted.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        found.extend(if path.is_dir() { files(&path) } else { vec![path] });
    }
    found.sort();
    found
}

/// Starts `mtl` and does not wait.
pub fn spawn(folder: &Folder, arguments: &str) -> Child {
    start(folder, Command::new(env!("CARGO_BIN_EXE_mtl")), arguments)
}

/// The same under `nohup`, which lets it ignore hang-ups.
pub fn spawn_nohup(folder: &Folder, arguments: &str) -> Child {
    let mut command = Command::new("nohup");
    command.arg(env!("CARGO_BIN_EXE_mtl"));
    start(folder, command, arguments)
}

fn start(folder: &Folder, mut command: Command, arguments: &str) -> Child {
    command.args(arguments.split_whitespace()).current_dir(folder.path());
    command.env_remove("MTL_MIRROR").env_remove("MTL_CACHE").env_remove("MTL_STORE");
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}
