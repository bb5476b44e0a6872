//! Who is at work on a store: a small file for each run, renewed as long as it lives. Files work where processes of other
//! machines cannot be seen.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::cell::hash;

/// Time between two signs of life.
const PULSE: Duration = Duration::from_secs(10);

/// Silence after which a run counts as dead: clocks of machines differ by some seconds.
const SILENCE: Duration = Duration::from_secs(60);

/// A run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Worker {
    /// What is run: paper and profile.
    pub work: String,
    /// Which share of how many.
    pub shard: (usize, usize),
    /// Its threads.
    pub threads: usize,
    /// The machine.
    pub host: String,
    /// The process.
    pub process: u32,
}

/// The presence of a run; ends with this value.
pub struct Presence {
    file: PathBuf,
    /// Dropped to end the thread.
    sender: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Presence {
    /// Makes a run known to whoever looks at the store.
    ///
    /// # Errors
    /// If the store cannot be written to.
    pub fn announce(store: &Path, worker: &Worker) -> io::Result<Self> {
        let folder = store.join("running");
        fs::create_dir_all(&folder)?;
        let file = folder.join(format!("{}.json", &hash(&(&worker.work, worker.shard))[..16]));
        fs::write(&file, serde_json::to_vec(worker)?)?;
        let (sender, receiver) = channel::<()>();
        let path = file.clone();
        let pulse = move || {
            while receiver.recv_timeout(PULSE) == Err(RecvTimeoutError::Timeout) {
                // A beat that is missed does no harm.
                let _ = File::options().append(true).open(&path).and_then(|f| f.set_modified(SystemTime::now()));
            }
        };
        Ok(Self { file, sender: Some(sender), thread: Some(std::thread::spawn(pulse)) })
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        drop(self.sender.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        let _ = fs::remove_file(&self.file);
    }
}

/// Every run that was announced and has not said that it ended, with whether it still gives signs of life.
pub fn workers(store: &Path) -> Vec<(Worker, bool)> {
    let files = fs::read_dir(store.join("running")).into_iter().flatten().flatten();
    let worker = |path: PathBuf| {
        let age = fs::metadata(&path).and_then(|m| m.modified()).ok()?.elapsed().unwrap_or_default();
        Some((serde_json::from_slice(&fs::read(&path).ok()?).ok()?, age < SILENCE))
    };
    let mut workers: Vec<(Worker, bool)> = files.filter_map(|file| worker(file.path())).collect();
    workers.sort_by_key(|(worker, _)| worker.shard);
    workers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_living_are_told_from_the_dead() {
        let store = tempfile::tempdir().unwrap();
        let worker =
            |shard| Worker { work: "p quick".into(), shard: (shard, 2), threads: 1, host: "node".into(), process: 7 };
        let first = Presence::announce(store.path(), &worker(1)).unwrap();
        let second = Presence::announce(store.path(), &worker(2)).unwrap();
        assert_eq!(workers(store.path()), [(worker(1), true), (worker(2), true)]);
        let long_ago = SystemTime::now() - 2 * SILENCE;
        File::options().append(true).open(&second.file).unwrap().set_modified(long_ago).unwrap();
        assert_eq!(workers(store.path()), [(worker(1), true), (worker(2), false)]);
        drop((first, second));
        assert_eq!(workers(store.path()), []);
    }
}
