//! Work cut into shares that are computed apart: by the tasks of a cluster, by processes, on machines that know nothing of
//! each other.
//!
//! What is cut are parcels: everything that one method does on one split of one data set, in whatever studies. No cell is
//! in two of them, and a score is in the parcel of the cells it is chosen by, so a share needs nothing from the others.
//! Which share a parcel is in does not depend on what is stored: every task sees the same shares while the store fills.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashSet};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::cell::hash;
use crate::cost::Costs;
use crate::paper::Study;
use crate::plan::{Outlook, Resolved, Unit, units_of};
use crate::store::Store;

/// Units that may share cells.
pub struct Parcel<'a> {
    /// Data, split and method.
    pub place: String,
    /// The units.
    pub units: Vec<Unit<'a>>,
}

impl Parcel<'_> {
    /// How far along it is; without a store, nothing is stored.
    pub fn outlook(&self, store: Option<&Store>, costs: &Costs) -> Outlook {
        if let (None, [alone]) = (store, self.units.as_slice()) {
            return alone.whole(costs);
        }
        let mut seen = HashSet::new();
        self.units.iter().map(|unit| unit.outlook(store, costs, &mut seen)).sum()
    }
}

/// The parcels of some studies, in the order of their places.
pub fn parcels(studies: &[(Study, Vec<Resolved>)]) -> Vec<Parcel<'_>> {
    let mut parcels: Vec<Parcel<'_>> = Vec::new();
    for unit in units_of(studies) {
        let place = unit.place();
        match parcels.last_mut() {
            Some(parcel) if parcel.place == place => parcel.units.push(unit),
            _ => parcels.push(Parcel { place, units: vec![unit] }),
        }
    }
    parcels
}

/// The outlooks of parcels, one each.
pub fn outlooks(parcels: &[Parcel<'_>], store: Option<&Store>, costs: &Costs) -> Vec<Outlook> {
    parcels.par_iter().map(|parcel| parcel.outlook(store, costs)).collect()
}

/// Which share each parcel is in. Written to a file, it holds whatever is measured later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shares {
    count: usize,
    of: BTreeMap<String, usize>,
}

impl Shares {
    /// Shares of about equal cost: the parcels by falling cost, each to the share that has least so far.
    pub fn balanced(parcels: &[Parcel<'_>], outlooks: &[Outlook], count: usize) -> Self {
        // Whole microseconds, so that ties are ties on every machine.
        let cost = |outlook: &Outlook| (1e6 * outlook.seconds).round() as u64 + outlook.missing as u64;
        let mut order: Vec<(Reverse<u64>, &str)> =
            parcels.iter().zip(outlooks).map(|(parcel, o)| (Reverse(cost(o)), parcel.place.as_str())).collect();
        order.sort_unstable();
        let mut shares: BinaryHeap<Reverse<(u64, usize)>> = (1..=count).map(|share| Reverse((0, share))).collect();
        let mut of = BTreeMap::new();
        for (Reverse(cost), place) in order {
            if let Some(mut least) = shares.peek_mut() {
                of.insert(place.to_owned(), least.0.1);
                least.0.0 += cost;
            }
        }
        Self { count, of }
    }

    /// How many.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The share that a parcel is in, from 1.
    pub fn of(&self, parcel: &Parcel<'_>) -> Option<usize> {
        self.of.get(&parcel.place).copied()
    }

    /// What tells these studies, on these data and in so many shares, from others.
    pub fn id(&self) -> String {
        hash(&(self.count, self.of.keys().collect::<Vec<_>>()))[..8].to_owned()
    }

    /// Checks that these are shares of these parcels, and of no others.
    ///
    /// # Errors
    /// In words, if they are not.
    pub fn check(&self, parcels: &[Parcel<'_>]) -> Result<(), String> {
        let here: BTreeSet<&str> = parcels.iter().map(|parcel| parcel.place.as_str()).collect();
        let there: BTreeSet<&str> = self.of.keys().map(String::as_str).collect();
        match (there.difference(&here).count(), here.difference(&there).count()) {
            (0, 0) => Ok(()),
            (gone, new) => Err(format!(
                "the plan was made for other work: {gone} of its {} parts are not wanted here, and {new} that are wanted are \
                 not in it",
                there.len()
            )),
        }
    }
}
