//! One fit, from raw data to a model for raw data.

use mtl_core::{MultiTask, Scaler, Seed};
use mtl_methods::{Context, Entry, FitError, Fitted, Model, ParamSet, Problem};
use serde::{Deserialize, Serialize};

/// What is done to the data before the fit, per task. Nothing unless asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preprocess {
    /// Centre features and target.
    pub intercept: bool,
    /// Divide features by their population standard deviation.
    pub standardize: bool,
}

/// Data as a method gets them, with the way back.
pub struct Prepared {
    scaler: Scaler,
    problem: Problem,
}

/// A model for raw data, with the fit it comes from.
pub struct Trained {
    /// Predicts targets as they are in the file from features as they are in the file.
    pub model: Model,
    /// The fit on the prepared data.
    pub fitted: Fitted,
}

impl Preprocess {
    /// Fits the scaling to the data and applies it.
    pub fn prepare(self, data: &MultiTask) -> Prepared {
        let scaler = Scaler::with(data, self.intercept, self.standardize, self.intercept, false);
        let problem = Problem::new(scaler.transform(data), None);
        Prepared { scaler, problem }
    }
}

impl Prepared {
    /// Fits every point of a path, each starting from the one before.
    pub fn fit_path(&self, entry: &Entry, path: &[ParamSet], seed: &Seed) -> Result<Vec<Trained>, FitError> {
        let context = Context::new(seed.stream("init"));
        let fits = entry.fit_path(&self.problem, path, &context)?;
        Ok(fits.into_iter().map(|fitted| Trained { model: fitted.model.unscaled(&self.scaler), fitted }).collect())
    }
}
