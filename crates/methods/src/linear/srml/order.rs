//! In which order the tasks form the chain.

use mtl_core::Seed;
use ndarray::{Array2, ArrayView1};
use rand::seq::SliceRandom;
use serde::Deserialize;

/// How the tasks are ordered along the chain. The result depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Order {
    /// As the data list them.
    File,
    /// Shuffled.
    Random,
    /// Neighbours alike: see [`similar`].
    Similarity,
}

impl Order {
    pub(crate) const CHOICES: &'static [&'static str] = &["file", "random", "similarity"];

    /// The tasks in the order of the chain; `ridge` gives the tasks' own ridge solutions.
    pub(crate) fn of<E>(
        self,
        m: usize,
        seed: &Seed,
        ridge: impl FnOnce() -> Result<Array2<f64>, E>,
    ) -> Result<Vec<usize>, E> {
        let mut order: Vec<usize> = (0..m).collect();
        match self {
            Self::File => {}
            Self::Random => order.shuffle(&mut seed.stream("chain order").rng()),
            Self::Similarity => order = similar(&ridge()?),
        }
        Ok(order)
    }
}

/// A greedy chain on the signs of the tasks' own solutions: from each task in turn, always on to the nearest task left,
/// where the distance of two tasks is the number of features whose weights have opposite signs. The shortest of these
/// chains; the first of equals.
fn similar(w: &Array2<f64>) -> Vec<usize> {
    let m = w.ncols();
    let opposite =
        |a: ArrayView1<'_, f64>, b: ArrayView1<'_, f64>| a.iter().zip(b).filter(|(a, b)| *a * *b < 0.0).count();
    let distance = Array2::from_shape_fn((m, m), |(s, t)| opposite(w.column(s), w.column(t)));
    let chain = |start: usize| {
        let mut left: Vec<usize> = (0..m).filter(|&t| t != start).collect();
        let (mut order, mut length) = (vec![start], 0);
        let mut last = start;
        while let Some(nearest) = (0..left.len()).min_by_key(|&i| distance[[last, left[i]]]) {
            length += distance[[last, left[nearest]]];
            last = left.remove(nearest);
            order.push(last);
        }
        (length, order)
    };
    (0..m).map(chain).min_by_key(|(length, _)| *length).map(|(_, order)| order).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn alike_tasks_become_neighbours() {
        let w = array![[1.0, -1.0, 2.0, -0.1], [1.0, -2.0, 0.5, 1.0], [1.0, -1.0, 1.0, 1.0]];
        assert_eq!(similar(&w), [0, 2, 3, 1]);
    }

    #[test]
    fn every_task_is_in_the_chain_once() {
        let none = || -> Result<Array2<f64>, ()> { Ok(Array2::zeros((2, 7))) };
        let seed = Seed::of(&1);
        for order in [Order::File, Order::Random, Order::Similarity] {
            let mut chain = order.of(7, &seed, none).unwrap();
            assert_eq!(chain, order.of(7, &seed, none).unwrap());
            chain.sort_unstable();
            assert_eq!(chain, (0..7).collect::<Vec<_>>());
        }
        assert_ne!(Order::Random.of(7, &seed, none).unwrap(), (0..7).collect::<Vec<_>>());
    }
}
