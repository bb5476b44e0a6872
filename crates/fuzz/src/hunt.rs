//! The search for a file that breaks a reader.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::mutate::changed;
use crate::{MEMORY, Reader};

/// A file of at most 64 kB is read in far less, also on a busy machine.
const SOON: Duration = Duration::from_secs(10);
/// Machines stand still at times; a reader that takes longer than this does not come back.
const NEVER: Duration = Duration::from_secs(120);
/// What a reader may ask for whatever the file: buffers, and the table that should be there.
const SOME_MEMORY: usize = 4 << 20;

/// What was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// Files read.
    pub files: u64,
    /// Different answers.
    pub answers: usize,
    /// Files that were read without an error.
    pub good: u64,
    /// Most memory that a file took.
    pub memory: usize,
}

/// A file that breaks a reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What happened.
    pub what: String,
    /// The file.
    pub file: PathBuf,
}

/// Reads the corpus and then changed files for so long. The same seed tries the same files in the same order.
///
/// Files are read from `folder`; should the program die or hang, the last one in there, `<reader>`, is the reason.
///
/// # Errors
/// With the first file that breaks the reader, which stays in `folder`; of the file system, if that cannot be used.
pub fn hunt(reader: &Reader, time: Duration, seed: u64, folder: &Path) -> io::Result<Result<Tally, Found>> {
    // Memory is counted for the whole program.
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    fs::create_dir_all(folder)?;
    let file = folder.join(reader.name);
    let watch = Watch::over(&file);

    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut files = corpus(reader.name)?;
    let (mut pool, mut answers) = (files.clone(), BTreeSet::new());
    let mut tally = Tally { files: 0, answers: 0, good: 0, memory: 0 };
    let end = Instant::now() + time;
    while !files.is_empty() || Instant::now() < end {
        let bytes = files.pop().unwrap_or_else(|| {
            let one = |rng: &mut ChaCha8Rng| pool.choose(rng).cloned().unwrap_or_default();
            let (first, second) = (one(&mut rng), one(&mut rng));
            let bytes = changed(&first, &second, reader.words, &mut rng);
            let wrapped = rng.random_range(0..4) == 0;
            reader.wrap.filter(|_| wrapped).map_or(bytes.clone(), |wrap| wrap(&bytes, &mut rng))
        });
        fs::write(&file, &bytes)?;
        // Slow is what is slow again.
        let again = |tried: Result<_, Broken>| match tried {
            Err(Broken::Slow(_)) => watch.during(|| attempt(reader, &file, bytes.len())),
            tried => tried,
        };
        match again(watch.during(|| attempt(reader, &file, bytes.len()))).map_err(|broken| broken.to_string()) {
            Err(what) => return Ok(Err(Found { what, file })),
            Ok((answer, memory)) => {
                tally.files += 1;
                tally.good += u64::from(answer.is_none());
                tally.memory = tally.memory.max(memory);
                if answers.insert(kind(&answer.unwrap_or_default())) {
                    pool.push(bytes);
                }
            }
        }
    }
    tally.answers = answers.len();
    fs::remove_file(&file)?;
    Ok(Ok(tally))
}

/// The files to begin with, in the order of their names.
fn corpus(reader: &str) -> io::Result<Vec<Vec<u8>>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(reader);
    let mut paths = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    paths.iter().map(fs::read).collect()
}

/// How a reader broke.
enum Broken {
    Panic,
    Slow(Duration),
    Memory(usize, usize),
    Error(usize),
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Panic => f.write_str("it panicked"),
            Self::Slow(took) => write!(f, "it took {took:?}"),
            Self::Memory(took, most) => write!(f, "it took {took} bytes of memory, expected at most {most}"),
            Self::Error(length) => write!(f, "its error has {length} bytes"),
        }
    }
}

/// What the reader says of the file, if it finds fault with it, and the memory it took; or how it broke.
fn attempt(reader: &Reader, file: &Path, length: usize) -> Result<(Option<String>, usize), Broken> {
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let begun = Instant::now();
    let answer = catch_unwind(AssertUnwindSafe(|| (reader.read)(file)));
    let (took, memory) = (begun.elapsed(), MEMORY.peak_usage().saturating_sub(before));
    let most = SOME_MEMORY + reader.memory * length;
    match answer {
        Err(_) => Err(Broken::Panic),
        Ok(_) if took > SOON => Err(Broken::Slow(took)),
        Ok(_) if memory > most => Err(Broken::Memory(memory, most)),
        Ok(Err(error)) if error.len() > reader.error => Err(Broken::Error(error.len())),
        Ok(answer) => Ok((answer.err(), memory)),
    }
}

/// An error without what is in the file, which stands between backticks or on further lines.
fn kind(error: &str) -> String {
    let line = error.lines().next().unwrap_or_default();
    let outside = match (line.split_once('`'), line.rsplit_once('`')) {
        (Some((before, _)), Some((_, after))) => format!("{before} {after}"),
        _ => line.to_owned(),
    };
    let words = outside.split(|c: char| !c.is_ascii_alphabetic()).filter(|word| !word.is_empty());
    words.take(24).collect::<Vec<_>>().join(" ")
}

/// Ends the program if a reader hangs, as nothing else can.
struct Watch {
    /// Milliseconds from the beginning until the reader must be done; 0 while none is at work.
    deadline: std::sync::Arc<AtomicU64>,
    begun: Instant,
}

impl Watch {
    fn over(file: &Path) -> Self {
        let watch = Self { deadline: Default::default(), begun: Instant::now() };
        let (deadline, begun, file) = (std::sync::Arc::downgrade(&watch.deadline), watch.begun, file.to_owned());
        thread::spawn(move || {
            while let Some(deadline) = deadline.upgrade() {
                let deadline = deadline.load(Ordering::Relaxed);
                if deadline != 0 && begun.elapsed() > Duration::from_millis(deadline) {
                    eprintln!("a reader hangs on {}", file.display());
                    std::process::abort();
                }
                thread::sleep(Duration::from_millis(100));
            }
        });
        watch
    }

    fn during<T>(&self, work: impl FnOnce() -> T) -> T {
        let deadline = self.begun.elapsed() + NEVER;
        self.deadline.store(deadline.as_millis() as u64, Ordering::Relaxed);
        let result = work();
        self.deadline.store(0, Ordering::Relaxed);
        result
    }
}
