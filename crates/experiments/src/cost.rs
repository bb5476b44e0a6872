//! How long fits take: as measured, where the store holds the like, else a rough guess from the size of the data.

use std::collections::HashMap;

use mtl_data::DatasetSpec;
use mtl_methods::Entry;

use crate::plan::Variant;
use crate::store::Store;

/// Seconds for one fit by `p m^2`, the cost of pairwise penalties, and by `p^2 m`, that of products with the inputs'
/// moments; measured for SSMTL_m. Cheaper methods take less.
const SECONDS_BY_PAIRS: f64 = 7e-7;
const SECONDS_BY_SQUARES: f64 = 3e-7;

/// Times of fits by data variant and method. The default knows none and guesses all.
#[derive(Debug, Default)]
pub struct Costs {
    measured: HashMap<DatasetSpec, HashMap<String, Mean>>,
}

#[derive(Debug, Default)]
struct Mean {
    fits: usize,
    seconds: f64,
}

impl Costs {
    /// What the records of a store say. Any profile teaches about the others: a fit takes about as long in each.
    pub fn measured(store: &Store) -> Self {
        let mut measured: HashMap<DatasetSpec, HashMap<String, Mean>> = HashMap::new();
        for record in store.iter().filter(|record| !record.points().is_empty()) {
            let mean = measured.entry(record.key.data).or_default().entry(record.key.method).or_default();
            mean.fits += record.key.path.len();
            mean.seconds += record.circumstances.seconds;
        }
        Self { measured }
    }

    /// Seconds for one fit on one thread.
    pub fn fit(&self, variant: &Variant, method: &Entry) -> f64 {
        let of_data = self.measured.get(&variant.spec);
        if let Some(mean) = of_data.and_then(|methods| methods.get(method.info.name)) {
            return mean.seconds / mean.fits.max(1) as f64;
        }
        let (p, m) = (variant.p as f64, variant.m as f64);
        SECONDS_BY_PAIRS * p * m * m + SECONDS_BY_SQUARES * p * p * m
    }
}
