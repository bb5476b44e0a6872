//! Which rows train, which choose hyperparameters, which are looked at last.

use std::sync::Arc;

use rand::Rng;
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};

use crate::{Fractions, MultiTask, NestedFractions, Seed};

/// One of the three parts of a split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// Rows a model is fitted to.
    Train,
    /// Rows that choose between hyperparameters.
    Valid,
    /// Rows that are only looked at once everything is chosen.
    Test,
}

impl Part {
    /// All three.
    pub const ALL: [Self; 3] = [Self::Train, Self::Valid, Self::Test];

    /// Name in tables and files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Valid => "valid",
            Self::Test => "test",
        }
    }
}

/// Row indices of the three parts of every task. Tasks with shared inputs have the same lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Split {
    /// Training rows per task.
    pub train: Vec<Arc<[usize]>>,
    /// Validation rows per task.
    pub valid: Vec<Arc<[usize]>>,
    /// Test rows per task.
    pub test: Vec<Arc<[usize]>>,
}

impl Split {
    /// Draws a random split per task; tasks with the same inputs draw once, so that they keep sharing them.
    ///
    /// `rows` first draws that many rows of each task without replacement (all rows where a task has no more).
    pub fn random(data: &MultiTask, rows: Option<usize>, fractions: Fractions, seed: &Seed) -> Result<Self, String> {
        Self::per_task(data, |t, n| {
            let mut order: Vec<usize> = (0..n).collect();
            order.shuffle(&mut seed.stream(&format!("task {t}")).rng());
            order.truncate(rows.unwrap_or(n));
            let sizes = fractions.sizes(order.len()).map_err(|e| format!("task `{}`: {e}", data.tasks[t].name))?;
            Ok([0, sizes[0], sizes[0] + sizes[1], order.len()].windows(2).map(|w| sorted(&order[w[0]..w[1]])).collect())
        })
    }

    /// Draws the parts of each task one after the other, test rows first; rows left over are in none.
    pub fn nested(data: &MultiTask, rows: Option<usize>, sizes: NestedFractions, seed: &Seed) -> Result<Self, String> {
        Self::per_task(data, |t, n| {
            let mut order: Vec<usize> = (0..n).collect();
            order.shuffle(&mut seed.stream(&format!("task {t}")).rng());
            order.truncate(rows.unwrap_or(n));
            let sizes = sizes.sizes(order.len()).map_err(|e| format!("task `{}`: {e}", data.tasks[t].name))?;
            let (test, rest) = order.split_at(sizes[2]);
            let (train, rest) = rest.split_at(sizes[0]);
            Ok(vec![sorted(train), sorted(&rest[..sizes[1]]), sorted(test)])
        })
    }

    /// Fold `fold` of `k`: that fold validates, the others train, nothing is left for testing.
    pub fn k_fold(data: &MultiTask, k: usize, fold: usize, seed: &Seed) -> Result<Self, String> {
        Self::per_task(data, |t, n| {
            if n < k {
                return Err(format!("task `{}`: {n} rows cannot be cut into {k} folds", data.tasks[t].name));
            }
            let mut order: Vec<usize> = (0..n).collect();
            order.shuffle(&mut seed.stream(&format!("task {t}")).rng());
            let (valid, train): (Vec<_>, Vec<_>) = order.iter().enumerate().partition(|(i, _)| i % k == fold);
            let rows = |part: Vec<(usize, &usize)>| sorted(&part.into_iter().map(|(_, &r)| r).collect::<Vec<_>>());
            Ok(vec![rows(train), rows(valid), Vec::new().into()])
        })
    }

    /// The split that repeat `repeat` (from 0) uses of those the data come with: they are taken in turn.
    pub(crate) fn given(data: &MultiTask, repeat: usize) -> Result<&Self, String> {
        let splits = data.official.as_deref().filter(|splits| !splits.is_empty());
        let splits = splits.ok_or("the data come with no official splits")?;
        Ok(&splits[repeat % splits.len()])
    }

    /// The split that repeat `repeat` (from 0) uses of those the data come with: they are taken in turn. Of the rows
    /// that train, the fraction `valid` of each task is drawn for validation instead, unless the split has validation
    /// rows of its own; tasks with the same inputs and the same rows draw once.
    pub fn official(data: &MultiTask, repeat: usize, valid: f64, seed: &Seed) -> Result<Self, String> {
        let mut split = Self::given(data, repeat)?.clone();
        if valid == 0.0 || split.valid.iter().any(|rows| !rows.is_empty()) {
            return Ok(split);
        }
        let fractions = Fractions { train: 1.0 - valid, valid, test: 0.0 };
        let first = data.distinct_inputs();
        let given = split.train.clone();
        for (t, task) in data.tasks.iter().enumerate() {
            let before = (0..t).find(|&s| first[s] == first[t] && given[s] == given[t]);
            (split.train[t], split.valid[t]) = match before {
                Some(s) => (Arc::clone(&split.train[s]), Arc::clone(&split.valid[s])),
                None => {
                    let mut order = given[t].to_vec();
                    order.shuffle(&mut seed.stream(&format!("task {t}")).rng());
                    let sizes = fractions.sizes(order.len()).map_err(|e| format!("task `{}`: {e}", task.name))?;
                    let (train, valid) = order.split_at(sizes[0]);
                    (sorted(train), sorted(valid))
                }
            };
        }
        Ok(split)
    }

    /// Whether every task of the data has its rows in at most one part each.
    pub(crate) fn check(&self, data: &MultiTask) -> Result<(), String> {
        for (part, rows) in [("train", &self.train), ("valid", &self.valid), ("test", &self.test)] {
            if rows.len() != data.n_tasks() {
                return Err(format!("{} tasks in part `{part}`, expected {}", rows.len(), data.n_tasks()));
            }
        }
        for (t, task) in data.tasks.iter().enumerate() {
            let mut seen = vec![false; task.n()];
            for &row in [&self.train[t], &self.valid[t], &self.test[t]].into_iter().flat_map(|rows| rows.iter()) {
                match seen.get_mut(row) {
                    None => return Err(format!("task `{}`: row {} of {}", task.name, row + 1, task.n())),
                    Some(true) => return Err(format!("task `{}`: row {} is there twice", task.name, row + 1)),
                    Some(place) => *place = true,
                }
            }
        }
        Ok(())
    }

    fn per_task(
        data: &MultiTask,
        mut draw: impl FnMut(usize, usize) -> Result<Vec<Arc<[usize]>>, String>,
    ) -> Result<Self, String> {
        let first = data.distinct_inputs();
        let mut split = Self { train: Vec::new(), valid: Vec::new(), test: Vec::new() };
        for (t, task) in data.tasks.iter().enumerate() {
            let parts = if first[t] < t {
                let s = first[t];
                vec![Arc::clone(&split.train[s]), Arc::clone(&split.valid[s]), Arc::clone(&split.test[s])]
            } else {
                draw(t, task.n())?
            };
            let mut parts = parts.into_iter();
            split.train.extend(parts.next());
            split.valid.extend(parts.next());
            split.test.extend(parts.next());
        }
        Ok(split)
    }

    /// The rows of all parts together, per task.
    pub fn all(&self) -> Vec<Arc<[usize]>> {
        let mut all: Vec<Arc<[usize]>> = Vec::with_capacity(self.train.len());
        for t in 0..self.train.len() {
            let parts = [&self.train[t], &self.valid[t], &self.test[t]];
            // Tasks that share their lists go on sharing them.
            let known = (0..t).find(|&s| Arc::ptr_eq(&self.train[s], &self.train[t]));
            all.push(match known {
                Some(s) => Arc::clone(&all[s]),
                None => sorted(&parts.into_iter().flat_map(|p| p.iter().copied()).collect::<Vec<_>>()),
            });
        }
        all
    }

    /// The row lists of one part.
    pub fn rows(&self, part: Part) -> &[Arc<[usize]>] {
        match part {
            Part::Train => &self.train,
            Part::Valid => &self.valid,
            Part::Test => &self.test,
        }
    }
}

/// Sums over a part are taken in the order of the rows in the file, so that they do not depend on the shuffle.
pub(crate) fn sorted(rows: &[usize]) -> Arc<[usize]> {
    let mut rows = rows.to_vec();
    rows.sort_unstable();
    rows.into()
}

/// `k` distinct indices below `n`, in increasing order.
pub fn choose(n: usize, k: usize, rng: &mut impl Rng) -> Vec<usize> {
    let mut order: Vec<usize> = (0..n).collect();
    order.shuffle(rng);
    order.truncate(k);
    order.sort_unstable();
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Target, Task};
    use ndarray::{Array1, Array2};
    use proptest::prelude::*;

    #[test]
    fn nested_parts_are_disjoint() {
        let data = data(&[22, 100]);
        let sizes = NestedFractions { nested: Fractions { train: 0.8, valid: 0.2, test: 0.2 } };
        let split = Split::nested(&data, None, sizes, &Seed::of(&1)).unwrap();
        let counts = |t: usize| [split.train[t].len(), split.valid[t].len(), split.test[t].len()];
        assert_eq!((counts(0), counts(1)), ([14, 3, 4], [64, 16, 20]));
        assert!(split.check(&data).is_ok());
        assert_ne!(split.test, Split::nested(&data, None, sizes, &Seed::of(&2)).unwrap().test);
    }

    fn data(sizes: &[usize]) -> MultiTask {
        let tasks = sizes
            .iter()
            .enumerate()
            .map(|(t, &n)| Task { name: t.to_string(), x: Arc::new(Array2::ones((n, 1))), y: Array1::zeros(n) })
            .collect();
        MultiTask::new(vec!["a".into()], Target::Regression, tasks).unwrap()
    }

    proptest! {
        #[test]
        fn parts_are_disjoint_and_cover(sizes in prop::collection::vec(5_usize..200, 1..5), key in 0_u32..1000) {
            let data = data(&sizes);
            let thirds = Fractions { train: 0.6, valid: 0.2, test: 0.2 };
            let split = Split::random(&data, None, thirds, &Seed::of(&key)).unwrap();
            for (t, &n) in sizes.iter().enumerate() {
                let mut all: Vec<usize> = [&split.train[t], &split.valid[t], &split.test[t]].iter().flat_map(|r| r.iter().copied()).collect();
                all.sort_unstable();
                prop_assert_eq!(all, (0..n).collect::<Vec<_>>());
            }
        }

        #[test]
        fn folds_cover_every_row_once(n in 5_usize..60, k in 2_usize..5) {
            let data = data(&[n]);
            let mut seen = vec![0; n];
            for fold in 0..k {
                let split = Split::k_fold(&data, k, fold, &Seed::of(&n)).unwrap();
                prop_assert_eq!(split.train[0].len() + split.valid[0].len(), n);
                split.valid[0].iter().for_each(|&r| seen[r] += 1);
            }
            prop_assert!(seen.iter().all(|&c| c == 1));
        }
    }

    /// Two tasks of ten rows and two splits.
    fn with_official() -> MultiTask {
        let split = |train: &[usize], test: &[usize]| {
            let rows = |rows: &[usize]| vec![Arc::from(rows); 2];
            Split { train: rows(train), valid: rows(&[]), test: rows(test) }
        };
        let splits = vec![split(&[0, 1, 2, 3, 4, 5, 6, 7], &[8, 9]), split(&[1, 3, 5, 7, 9, 0], &[2, 4, 6, 8])];
        data(&[10, 10]).with_official(splits).unwrap()
    }

    #[test]
    fn official_splits_are_taken_in_turn() {
        let data = with_official();
        let official = |repeat, valid| Split::official(&data, repeat, valid, &Seed::of(&repeat)).unwrap();
        assert_eq!((official(0, 0.0), official(1, 0.0)), (official(2, 0.0), official(3, 0.0)));
        assert_eq!(official(1, 0.0).test[1].to_vec(), [2, 4, 6, 8]);
        let drawn = official(0, 0.25);
        assert_eq!(drawn.test, official(0, 0.0).test);
        assert_eq!((drawn.train[0].len(), drawn.valid[0].len()), (6, 2));
        let mut both = [drawn.train[1].to_vec(), drawn.valid[1].to_vec()].concat();
        both.sort_unstable();
        assert_eq!(both, (0..8).collect::<Vec<_>>());
        assert_ne!(drawn.train[0], drawn.train[1], "tasks with inputs of their own draw for themselves");
    }

    #[test]
    fn official_validation_rows_are_taken_as_they_are() {
        let rows = |rows: &[usize]| vec![Arc::from(rows)];
        let whole = Split { train: rows(&[0, 1, 2, 3]), valid: rows(&[4]), test: rows(&[5]) };
        let data = data(&[6]).with_official(vec![whole.clone()]).unwrap();
        for valid in [0.0, 0.25, 0.5] {
            assert_eq!(Split::official(&data, 3, valid, &Seed::of(&1)).unwrap(), whole);
        }
    }

    #[test]
    fn official_splits_stay_with_the_whole_data() {
        let data = with_official();
        assert!(data.map(|_, x| x * 2.0, |_, y| y.clone()).official.is_some());
        let part = data.select(&Split::official(&data, 0, 0.0, &Seed::of(&1)).unwrap().train);
        assert!(part.official.is_none());
        assert!(Split::official(&part, 0, 0.0, &Seed::of(&1)).unwrap_err().contains("no official splits"));
    }

    #[test]
    fn official_splits_must_fit_the_data() {
        let fails = |splits: Vec<Split>| data(&[3]).with_official(splits).unwrap_err().to_string();
        let split = |train: &[usize], test: &[usize]| Split {
            train: vec![train.into()],
            valid: vec![Vec::new().into()],
            test: vec![test.into()],
        };
        assert_eq!(fails(vec![]), "official split 0: there is no split");
        assert_eq!(fails(vec![split(&[0], &[1]), split(&[0], &[3])]), "official split 2: task `0`: row 4 of 3");
        assert_eq!(fails(vec![split(&[0, 1], &[1])]), "official split 1: task `0`: row 2 is there twice");
        let none = Split { train: vec![], valid: vec![], test: vec![] };
        assert_eq!(fails(vec![none]), "official split 1: 0 tasks in part `train`, expected 1");
    }

    #[test]
    fn a_subsample_never_exceeds_what_there_is() {
        let thirds = Fractions { train: 0.6, valid: 0.2, test: 0.2 };
        let split = Split::random(&data(&[10, 100]), Some(20), thirds, &Seed::of(&1)).unwrap();
        assert_eq!([split.train[0].len(), split.train[1].len()], [6, 12]);
        assert!(Split::random(&data(&[2]), None, thirds, &Seed::of(&1)).is_err());
    }
}
