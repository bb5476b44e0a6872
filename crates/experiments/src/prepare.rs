//! From a data variant to the parts that a method fits to and is judged on.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use mtl_core::{Labels, MultiTask, ScaleFit, Scaler, Sizes, Split, Target, Units, split::Part};
use mtl_data::{Library, LoadError};
use mtl_methods::{Model, Problem};
use ndarray::Array1;

use crate::cell::{CellKey, Fold, Purpose, Sampling};

/// Data of one repeat, split and scaled, with everything methods compute from it once.
pub struct Prepared {
    /// What methods are given.
    pub problem: Problem,
    /// The parts on which models are judged, in the units that the scaling asks for.
    judged: [MultiTask; 3],
    /// How models come back to these units; `None` if they are there.
    back: Option<(Scaler, Units)>,
}

impl Prepared {
    /// Loads, draws, splits and scales.
    ///
    /// # Errors
    /// In words: the data cannot be loaded, or a task has too few rows.
    pub fn new(library: &Library, key: &CellKey) -> Result<Self, String> {
        let data = library.load(&key.data, &key.data_seed()).map_err(|e: LoadError| e.to_string())?;
        let seed = key.split_seed().stream("split");
        let Sampling { rows, split, official } = key.sampling;
        let repeat = key.repeat as usize;
        let split = match split {
            Sizes::Fractions(fractions) if official => Split::official(&data, repeat, fractions.valid, &seed)?,
            Sizes::Fractions(fractions) => Split::random(&data, rows, fractions, &seed)?,
            Sizes::Drawn(sizes) => Split::drawn(&data, official.then_some(repeat), rows, sizes, &seed)?,
            Sizes::Nested(sizes) => Split::nested(&data, rows, sizes, &seed)?,
            Sizes::Rows(sizes) => Split::counted(&data, official.then_some(repeat), sizes, &seed)?,
        };
        let data = key.scaling.rows.apply(&data);
        let part = |part| data.select(split.rows(part));
        let parts = match key.purpose {
            Purpose::Fold(Fold { fold, of }) => {
                let train = part(Part::Train);
                let folds = Split::k_fold(&train, of as usize, fold as usize, &seed.stream("folds"))?;
                Part::ALL.map(|part| train.select(folds.rows(part)))
            }
            _ => Part::ALL.map(part),
        };
        let scaler = match key.scaling.fit {
            ScaleFit::Train => Scaler::fit(&parts[0], key.scaling),
            ScaleFit::All => Scaler::fit(&data.select(&split.all()), key.scaling),
        };
        let scaled = parts.each_ref().map(|part| scaler.transform(part));
        let seen = |part: &MultiTask| match key.scaling.labels {
            Labels::Classes => part.clone(),
            Labels::Numbers => MultiTask { target: Target::Regression, ..part.clone() },
        };
        let problem = Problem::new(seen(&scaled[0]), Some(seen(&scaled[1])));
        let (judged, back) = match key.scaling.units {
            Units::Scaled => (scaled, None),
            units => (parts, Some((scaler, units))),
        };
        Ok(Self { problem, judged, back })
    }

    /// One of the parts, as models are judged on it.
    pub fn part(&self, part: Part) -> &MultiTask {
        &self.judged[part as usize]
    }

    /// A fitted model in the units of [`Prepared::part`].
    ///
    /// # Errors
    /// In words: the model cannot be brought there.
    pub fn judged(&self, model: &Model) -> Result<Model, String> {
        match (&self.back, model) {
            (None, model) => Ok(model.clone()),
            (Some((scaler, Units::OriginalWithoutMeans)), Model::Linear { weights, intercepts }) => {
                let (weights, _) = scaler.unscale(weights);
                let sd = scaler.tasks.iter().map(|task| task.y_sd).collect::<Array1<f64>>();
                Ok(Model::Linear { weights, intercepts: intercepts * &sd })
            }
            (Some((_, Units::OriginalWithoutMeans)), Model::Network(_)) => {
                Err("a network has no weights that could be scaled back without the means".into())
            }
            (Some((scaler, _)), model) => Ok(model.unscaled(scaler)),
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
