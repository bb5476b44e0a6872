//! From a data variant to the parts that a method fits to and is judged on.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use mtl_core::{MultiTask, ScaleFit, Scaler, Split, split::Part};
use mtl_data::{Library, LoadError};
use mtl_methods::Problem;

use crate::cell::CellKey;

/// Data of one repeat, split and scaled, with everything methods compute from it once.
pub struct Prepared {
    /// What methods are given.
    pub problem: Problem,
    /// Rows that choose between hyperparameters.
    pub valid: MultiTask,
    /// Rows that are looked at last.
    pub test: MultiTask,
}

impl Prepared {
    /// Loads, draws, splits and scales.
    ///
    /// # Errors
    /// In words: the data cannot be loaded, or a task has too few rows.
    pub fn new(library: &Library, key: &CellKey) -> Result<Self, String> {
        let data = library.load(&key.data, &key.data_seed()).map_err(|e: LoadError| e.to_string())?;
        let split = Split::random(&data, key.sampling.rows, key.sampling.split, &key.split_seed().stream("split"))?;
        let data = key.scaling.rows.apply(&data);
        let part = |part| data.select(split.rows(part));
        let (train, valid, test) = (part(Part::Train), part(Part::Valid), part(Part::Test));
        let scaler = match key.scaling.fit {
            ScaleFit::Train => Scaler::fit(&train, key.scaling),
            ScaleFit::All => Scaler::fit(&data.select(&split.all()), key.scaling),
        };
        let [train, valid, test] = [train, valid, test].map(|part| scaler.transform(&part));
        Ok(Self { problem: Problem::new(train, Some(valid.clone())), valid, test })
    }

    /// One of the parts.
    pub fn part(&self, part: Part) -> &MultiTask {
        match part {
            Part::Train => &self.problem.train,
            Part::Valid => &self.valid,
            Part::Test => &self.test,
        }
    }
}

type Slot = Arc<OnceLock<Result<Arc<Prepared>, String>>>;

/// Prepared data shared by all cells on the same split; dropped when the last of them is done.
pub struct Preparations<'a> {
    library: &'a Library,
    slots: Mutex<HashMap<String, (Slot, usize)>>,
}

impl<'a> Preparations<'a> {
    /// For cells with the given keys.
    pub fn new<'k>(library: &'a Library, keys: impl Iterator<Item = &'k CellKey>) -> Self {
        let mut slots: HashMap<String, (Slot, usize)> = HashMap::new();
        for key in keys {
            slots.entry(key.preparation()).or_default().1 += 1;
        }
        Self { library, slots: Mutex::new(slots) }
    }

    /// The data of a cell; prepared by whoever asks first.
    ///
    /// # Errors
    /// As [`Prepared::new`].
    pub fn get(&self, key: &CellKey) -> Result<Arc<Prepared>, String> {
        let slot = Arc::clone(&self.lock().entry(key.preparation()).or_default().0);
        slot.get_or_init(|| Prepared::new(self.library, key).map(Arc::new)).clone()
    }

    /// Says that a cell needs its data no more.
    pub fn done(&self, key: &CellKey) {
        let name = key.preparation();
        let mut slots = self.lock();
        if let Some((_, users)) = slots.get_mut(&name) {
            *users = users.saturating_sub(1);
            if *users == 0 {
                slots.remove(&name);
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, (Slot, usize)>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
