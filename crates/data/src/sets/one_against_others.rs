//! Samples of a set of classes in which every task has rows of its own: many of one class against a few of each other, as in
//! the TOMATO paper (Zhang and Lee, CIKM 2020, section 5.1).

use std::sync::Arc;

use mtl_core::{MultiTask, Seed, Target, Task};
use ndarray::{Array1, Array2, ArrayView1, Axis};
use rand::seq::{IndexedRandom, SliceRandom};

use super::Files;
use crate::library::LoadError;

/// How many rows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Design {
    /// Rows of a task's own class.
    pub positives: usize,
    /// Rows of each other class.
    pub negatives: usize,
    /// Rows of each class that tasks draw from: all of a smaller class.
    pub pool: usize,
}

impl Design {
    /// From `20x2`: positives, and negatives of each other class.
    pub(super) fn parse(text: &str, pool: usize) -> Self {
        let numbers = text.split_once('x').and_then(|(p, n)| Some((p.parse().ok()?, n.parse().ok()?)));
        let (positives, negatives) = numbers.expect("the catalog lists designs of two numbers");
        Self { positives, negatives, pool }
    }
}

/// A task for each named class, labels -1 and +1: its positives, and then the negatives class by class.
///
/// Tasks share no row if the pool has enough of them for all: the first rows of a shuffled class are its own task's, and task
/// `t` has block `(t - c) mod C - 1` of what follows in class `c`. Otherwise each task draws its negatives anew from the rows
/// that are not positives of their own class.
pub(super) fn tasks(
    features: Vec<String>,
    inputs: &Array2<f64>,
    classes: ArrayView1<'_, f64>,
    names: &[String],
    design: Design,
    files: &Files<'_>,
) -> Result<MultiTask, LoadError> {
    let rows = rows(classes, names.len(), design).map_err(|e| files.corrupt(e))?;
    let label = |positive: usize, all: usize| Array1::from_shape_fn(all, |i| if i < positive { 1.0 } else { -1.0 });
    let task = |(name, rows): (&String, &Vec<usize>)| Task {
        name: name.clone(),
        x: Arc::new(inputs.select(Axis(0), rows)),
        y: label(design.positives, rows.len()),
    };
    let tasks = names.iter().zip(&rows).map(task).collect();
    MultiTask::new(features, Target::Binary, tasks).map_err(|e| files.unusable(e))
}

/// The rows of each task, positives first.
fn rows(classes: ArrayView1<'_, f64>, count: usize, design: Design) -> Result<Vec<Vec<usize>>, String> {
    let Design { positives, negatives, pool } = design;
    // The data are fixed: whoever made the published ones had a seed of their own.
    let seed = Seed::of(&"one against others");
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); count];
    for (row, class) in classes.iter().enumerate() {
        let known = (0.0..count as f64).contains(class) && class.fract() == 0.0;
        let of_class = known.then(|| &mut members[*class as usize]);
        of_class
            .ok_or_else(|| format!("row {}: found class {class}, expected one from 0 to {}", row + 1, count - 1))?
            .push(row);
    }
    let apart = positives + (count - 1) * negatives <= pool;
    let needed = positives + if apart { (count - 1) * negatives } else { negatives };
    for (c, members) in members.iter_mut().enumerate() {
        members.shuffle(&mut seed.stream(&format!("class {c}")).rng());
        members.truncate(pool);
        if members.len() < needed {
            return Err(format!("found {} rows of class {c}, expected at least {needed}", members.len()));
        }
    }
    let task = |t: usize| {
        let mut rows = members[t][..positives].to_vec();
        let mut rng = seed.stream(&format!("task {t}")).rng();
        for c in (0..count).filter(|c| *c != t) {
            let others = &members[c][positives..];
            if apart {
                let block = (t + count - c) % count - 1;
                rows.extend_from_slice(&others[block * negatives..(block + 1) * negatives]);
            } else {
                rows.extend(others.choose_multiple(&mut rng, negatives));
            }
        }
        rows
    };
    Ok((0..count).map(task).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn check(of_each: usize, count: usize, design: Design) -> (usize, usize) {
        let classes = Array1::from_shape_fn(of_each * count, |row| (row % count) as f64);
        let rows = rows(classes.view(), count, design).unwrap();
        for (t, rows) in rows.iter().enumerate() {
            let of = |c: usize| rows.iter().filter(|row| classes[**row] == c as f64).count();
            let expected: Vec<usize> =
                (0..count).map(|c| if c == t { design.positives } else { design.negatives }).collect();
            assert_eq!((0..count).map(of).collect::<Vec<_>>(), expected);
            assert!(rows[..design.positives].iter().all(|row| classes[*row] == t as f64));
            assert_eq!(rows.iter().collect::<HashSet<_>>().len(), rows.len(), "no row is there twice");
        }
        (rows.iter().map(Vec::len).sum(), rows.iter().flatten().collect::<HashSet<_>>().len())
    }

    #[test]
    fn tasks_share_no_row_where_there_are_enough() {
        assert_eq!(check(30, 5, Design { positives: 18, negatives: 3, pool: 30 }), (150, 150));
        // The design of AwA2 that needs more rows than the pool has.
        let (drawn, distinct) = check(30, 10, Design { positives: 5, negatives: 2, pool: 20 });
        assert_eq!(drawn, 230);
        assert!(distinct <= 200);
        let few = Array1::from_elem(9, 0.0);
        let error = rows(few.view(), 2, Design { positives: 5, negatives: 5, pool: 10 }).unwrap_err();
        assert_eq!(error, "found 9 rows of class 0, expected at least 10");
        assert!(rows(few.view(), 1, Design { positives: 1, negatives: 1, pool: 1 }).is_ok());
        let wrong = Array1::from_elem(3, 1.5);
        assert!(
            rows(wrong.view(), 2, Design { positives: 1, negatives: 1, pool: 2 }).unwrap_err().contains("class 1.5")
        );
    }
}
