//! Splits whose parts are numbers of rows, or fractions drawn with an eye on classes, from all rows or from the parts of an
//! official split.

use std::collections::BTreeMap;
use std::sync::Arc;

use ndarray::Array1;
use rand::Rng;
use rand::seq::SliceRandom;

use crate::split::sorted;
use crate::{Counts, Draw, DrawnFractions, MultiTask, RowSizes, Seed, Split, Target};

/// The rows of three parts.
type Parts = [Vec<usize>; 3];

/// Rows that parts are drawn from.
struct Pool {
    rows: Vec<usize>,
    /// The parts, from 0, with their sizes; `None` takes all that are left.
    parts: Vec<(usize, Option<usize>)>,
}

impl Split {
    /// Draws parts of so many rows for each task.
    ///
    /// With an `official` repeat they are drawn from the split that the data come with for it: rows to train on from
    /// its training rows, rows to test on from its test rows, rows to choose on from its validation rows or, where it
    /// has none, from its training rows.
    ///
    /// Tasks that share inputs and have the same rows to draw from draw once and go on sharing them, except where
    /// every task is balanced by itself.
    ///
    /// # Errors
    /// In words: a task has too few rows, or no classes.
    pub fn counted(data: &MultiTask, official: Option<usize>, sizes: RowSizes, seed: &Seed) -> Result<Self, String> {
        Self::drawn_as(data, official, sizes.draw, |_| Ok(sizes.rows), seed)
    }

    /// Draws fractions of `rows` rows of each task, or of all it has where it has no more: a fresh sub-sample and its
    /// three parts at once. Else as [`counted`](Self::counted).
    ///
    /// # Errors
    /// In words: a task has too few rows, or no classes.
    pub fn drawn(
        data: &MultiTask,
        official: Option<usize>,
        rows: Option<usize>,
        sizes: DrawnFractions,
        seed: &Seed,
    ) -> Result<Self, String> {
        let counts = |n: usize| {
            let [train, valid, test] = sizes.fractions.sizes(rows.map_or(n, |rows| rows.min(n)))?;
            Ok(Counts { train, valid, test: Some(test) })
        };
        Self::drawn_as(data, official, sizes.draw, counts, seed)
    }

    /// Draws parts of as many rows as `counts` says of a task's number of rows.
    fn drawn_as(
        data: &MultiTask,
        official: Option<usize>,
        draw: Draw,
        counts: impl Fn(usize) -> Result<Counts, String>,
        seed: &Seed,
    ) -> Result<Self, String> {
        if draw != Draw::Random && data.target != Target::Binary {
            let draw = if draw == Draw::Balanced { "balanced" } else { "stratified" };
            return Err(format!(
                "`draw: {draw}` needs tasks with two classes, and these have {}",
                data.target.described()
            ));
        }
        let given = official.map(|repeat| Self::given(data, repeat)).transpose()?;
        let leaders = leaders(data, given);
        let mut split = Self { train: Vec::new(), valid: Vec::new(), test: Vec::new() };
        for (t, task) in data.tasks.iter().enumerate() {
            let leader = leaders[t];
            let [train, valid, test] = if draw != Draw::Balanced && leader < t {
                [&split.train, &split.valid, &split.test].map(|part| Arc::clone(&part[leader]))
            } else {
                let followers = data.tasks.iter().zip(&leaders).filter(|(_, l)| **l == leader);
                let together: Vec<&Array1<f64>> = followers.map(|(task, _)| &task.y).collect();
                let counts = counts(task.n()).map_err(|e| format!("task `{}`: {e}", task.name))?;
                let pools = pools(task.n(), given.map(|split| (split, t)), counts);
                let mut rng = seed.stream(&format!("task {t}")).rng();
                let parts = match draw {
                    Draw::Random => by_strata(&pools, |_| Vec::new(), &mut rng),
                    Draw::Stratified => {
                        by_strata(&pools, |row| together.iter().map(|y| y[row] > 0.0).collect(), &mut rng)
                    }
                    Draw::Balanced => balanced(&pools, &task.y, &together, &mut rng),
                };
                parts.map_err(|e| format!("task `{}`: {e}", task.name))?.map(|part| sorted(&part))
            };
            split.train.push(train);
            split.valid.push(valid);
            split.test.push(test);
        }
        Ok(split)
    }
}

/// For each task the first one with the same inputs and the same rows to draw from.
fn leaders(data: &MultiTask, given: Option<&Split>) -> Vec<usize> {
    let first = data.distinct_inputs();
    let same_rows = |s: usize, t: usize| {
        let same = |rows: &[Arc<[usize]>]| Arc::ptr_eq(&rows[s], &rows[t]) || rows[s] == rows[t];
        given.is_none_or(|split| same(&split.train) && same(&split.valid) && same(&split.test))
    };
    (0..data.n_tasks()).map(|t| (0..t).find(|&s| first[s] == first[t] && same_rows(s, t)).unwrap_or(t)).collect()
}

fn pools(n: usize, given: Option<(&Split, usize)>, rows: Counts) -> Vec<Pool> {
    let (train, valid, test) = ((0, Some(rows.train)), (1, Some(rows.valid)), (2, rows.test));
    let pool = |rows: &[usize], parts: &[_]| Pool { rows: rows.to_vec(), parts: parts.to_vec() };
    match given {
        None => vec![Pool { rows: (0..n).collect(), parts: vec![train, valid, test] }],
        Some((split, t)) if split.valid[t].is_empty() => {
            vec![pool(&split.train[t], &[train, valid]), pool(&split.test[t], &[test])]
        }
        Some((split, t)) => {
            let whole = [(&split.train[t], train), (&split.valid[t], valid), (&split.test[t], test)];
            whole.into_iter().map(|(rows, part)| pool(rows, &[part])).collect()
        }
    }
}

/// Draws parts in which every stratum has its share of the rows that are left, to the nearest row.
fn by_strata(pools: &[Pool], stratum: impl Fn(usize) -> Vec<bool>, rng: &mut impl Rng) -> Result<Parts, String> {
    let mut drawn = Parts::default();
    for pool in pools {
        let wanted: usize = pool.parts.iter().map(|(_, size)| size.unwrap_or(1)).sum();
        if pool.rows.len() < wanted {
            let sizes: Vec<String> =
                pool.parts.iter().map(|(_, size)| size.map_or("at least 1".into(), |n| n.to_string())).collect();
            return Err(format!("{} rows to draw from, expected {}", pool.rows.len(), sizes.join(" + ")));
        }
        let mut strata: BTreeMap<Vec<bool>, Vec<usize>> = BTreeMap::new();
        pool.rows.iter().for_each(|&row| strata.entry(stratum(row)).or_default().push(row));
        let mut strata: Vec<Vec<usize>> = strata.into_values().collect();
        strata.iter_mut().for_each(|rows| rows.shuffle(rng));
        for &(part, size) in &pool.parts {
            let left = strata.iter().map(Vec::len).sum();
            drawn[part] = take(&mut strata, size.unwrap_or(left), rng);
        }
    }
    Ok(drawn)
}

/// Takes rows off the strata in proportion to their lengths: the whole numbers below the quotas, and the rows that are
/// then missing from the strata with the largest remainders, of equal ones from any.
fn take(strata: &mut [Vec<usize>], size: usize, rng: &mut impl Rng) -> Vec<usize> {
    let left: usize = strata.iter().map(Vec::len).sum();
    if left == 0 {
        return Vec::new();
    }
    let quota = |rows: &Vec<usize>| (rows.len() * size / left, rows.len() * size % left);
    let mut order: Vec<usize> = (0..strata.len()).collect();
    order.shuffle(rng);
    order.sort_by_key(|&s| std::cmp::Reverse(quota(&strata[s]).1));
    let missing = size - strata.iter().map(|rows| quota(rows).0).sum::<usize>();
    let mut sizes: Vec<usize> = strata.iter().map(|rows| quota(rows).0).collect();
    order[..missing].iter().for_each(|&s| sizes[s] += 1);
    strata.iter_mut().zip(sizes).flat_map(|(rows, size)| rows.split_off(rows.len() - size)).collect()
}

/// Draws parts with as many positive rows as negative ones: half of what each part wants or, where a class has too few
/// rows for that, the same share of it for all parts.
///
/// Where the tasks that share the inputs tell classes apart, so that no row is positive in two of them, the negative
/// rows come evenly from the classes of the others.
fn balanced(pools: &[Pool], y: &Array1<f64>, together: &[&Array1<f64>], rng: &mut impl Rng) -> Result<Parts, String> {
    let half = |pool: &Pool| pool.parts.iter().map(|(_, size)| size.unwrap_or(0) / 2).sum::<usize>();
    let classes: Vec<[Vec<usize>; 2]> = pools
        .iter()
        .map(|pool| {
            let (mut positive, negative): (Vec<usize>, Vec<usize>) = pool.rows.iter().partition(|&&row| y[row] > 0.0);
            positive.shuffle(rng);
            [positive, evenly(negative, together, rng)]
        })
        .collect();
    // The pool with the fewest rows for what is wanted of it decides how far all parts shrink.
    let have = |classes: &[Vec<usize>; 2]| classes[0].len().min(classes[1].len());
    let shares = pools.iter().zip(&classes).map(|(pool, classes)| (have(classes).min(half(pool)), half(pool)));
    let scarcest = shares.filter(|(_, half)| *half > 0).min_by(|a, b| (a.0 * b.1).cmp(&(b.0 * a.1)));
    let (have, of) = scarcest.unwrap_or((0, 1));
    let mut drawn = Parts::default();
    for (pool, classes) in pools.iter().zip(&classes) {
        let mut from = 0;
        for &(part, size) in &pool.parts {
            let wanted = size.unwrap_or(0) / 2;
            let each = wanted * have / of;
            if each == 0 && size != Some(0) {
                let [positive, negative] = [&classes[0], &classes[1]].map(Vec::len);
                return Err(format!(
                    "{positive} positive and {negative} negative rows to draw from are too few for balanced parts"
                ));
            }
            drawn[part] = classes.iter().flat_map(|rows| rows[from..from + each].iter().copied()).collect();
            from += each;
        }
    }
    Ok(drawn)
}

/// Shuffles rows such that any stretch of them has about as many of each class, as long as they last; without classes,
/// in any order.
fn evenly(mut rows: Vec<usize>, together: &[&Array1<f64>], rng: &mut impl Rng) -> Vec<usize> {
    rows.shuffle(rng);
    let positive = |row: usize| (0..together.len()).filter(move |&t| together[t][row] > 0.0);
    if rows.iter().any(|&row| positive(row).count() > 1) {
        return rows;
    }
    let mut seen: BTreeMap<Option<usize>, usize> = BTreeMap::new();
    let mut placed: Vec<(usize, usize)> = Vec::with_capacity(rows.len());
    for row in rows {
        let round = seen.entry(positive(row).next()).or_default();
        placed.push((*round, row));
        *round += 1;
    }
    // The sort is stable: within a round the order stays random.
    placed.sort_by_key(|(round, _)| *round);
    placed.into_iter().map(|(_, row)| row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Fractions, Task};
    use ndarray::Array2;
    use proptest::prelude::*;

    /// Tasks with so many rows each, labels by a rule, inputs of their own.
    fn apart(sizes: &[usize], label: impl Fn(usize, usize) -> bool) -> MultiTask {
        let tasks = sizes.iter().enumerate().map(|(t, &n)| Task {
            name: format!("t{t}"),
            x: Arc::new(Array2::ones((n, 1))),
            y: (0..n).map(|row| if label(t, row) { 1.0 } else { -1.0 }).collect(),
        });
        MultiTask::new(vec!["a".into()], Target::Binary, tasks.collect()).unwrap()
    }

    /// A task a class on the same inputs.
    fn one_vs_rest(class: &[usize]) -> MultiTask {
        let x = Arc::new(Array2::ones((class.len(), 1)));
        let tasks = (0..=*class.iter().max().unwrap()).map(|c| Task {
            name: format!("c{c}"),
            x: Arc::clone(&x),
            y: class.iter().map(|&k| if k == c { 1.0 } else { -1.0 }).collect(),
        });
        MultiTask::new(vec!["a".into()], Target::Binary, tasks.collect()).unwrap()
    }

    fn sizes(train: usize, valid: usize, test: Option<usize>, draw: Draw) -> RowSizes {
        RowSizes { rows: Counts { train, valid, test }, draw }
    }

    fn parts(split: &Split, t: usize) -> [Vec<usize>; 3] {
        [&split.train, &split.valid, &split.test].map(|part| part[t].to_vec())
    }

    /// Whether no row is there twice and all are there.
    fn disjoint(split: &Split, t: usize, n: usize) -> bool {
        let all = parts(split, t).concat();
        let mut unique = all.clone();
        unique.sort_unstable();
        unique.dedup();
        unique.len() == all.len() && all.iter().all(|row| *row < n)
    }

    fn positives(data: &MultiTask, t: usize, rows: &[usize]) -> usize {
        rows.iter().filter(|&&row| data.tasks[t].y[row] > 0.0).count()
    }

    proptest! {
        #[test]
        fn parts_have_the_sizes_asked_for(
            n in prop::collection::vec(30_usize..80, 1..4), train in 1_usize..12, valid in 0_usize..12,
            test in prop::option::of(1_usize..6), stratified in any::<bool>(), key in 0_u32..1000,
        ) {
            let data = apart(&n, |t, row| row.is_multiple_of(t + 3));
            let draw = if stratified { Draw::Stratified } else { Draw::Random };
            let draw = |key: u32| Split::counted(&data, None, sizes(train, valid, test, draw), &Seed::of(&key)).unwrap();
            let split = draw(key);
            for (t, &n) in n.iter().enumerate() {
                prop_assert!(disjoint(&split, t, n));
                let rest = test.unwrap_or(n - train - valid);
                prop_assert_eq!(parts(&split, t).map(|part| part.len()), [train, valid, rest]);
            }
            prop_assert_eq!(&split, &draw(key));
            prop_assert_ne!(split, draw(key + 1));
        }

        #[test]
        fn strata_keep_their_shares_and_tasks_their_inputs(
            class in prop::collection::vec(0_usize..4, 60..120), train in 5_usize..20, valid in 5_usize..20, key in 0_u32..1000,
        ) {
            let data = one_vs_rest(&class);
            let split = Split::counted(&data, None, sizes(train, valid, Some(20), Draw::Stratified), &Seed::of(&key)).unwrap();
            for (part, of_tasks) in [(train, &split.train), (valid, &split.valid), (20, &split.test)] {
                prop_assert!(of_tasks.iter().all(|rows| Arc::ptr_eq(rows, &of_tasks[0])));
                prop_assert!(data.select(of_tasks).shares_inputs());
                for (t, rows) in of_tasks.iter().enumerate() {
                    let share = positives(&data, t, &(0..class.len()).collect::<Vec<_>>()) as f64 / class.len() as f64;
                    let found = positives(&data, t, rows) as f64;
                    // The first part is within one row of its share, later ones of what the earlier ones left.
                    prop_assert!((found - share * part as f64).abs() < 2.0, "{} of {}", found, share * part as f64);
                }
            }
        }

        #[test]
        fn balanced_parts_have_as_many_of_each_class(
            class in prop::collection::vec(0_usize..5, 60..200), half in 3_usize..30, key in 0_u32..1000,
        ) {
            let data = one_vs_rest(&class);
            let wanted = sizes(2 * half, 2 * half, Some(2 * half), Draw::Balanced);
            let split = match Split::counted(&data, None, wanted, &Seed::of(&key)) {
                Ok(split) => split,
                Err(e) => return Err(TestCaseError::reject(e)),
            };
            for t in 0..data.n_tasks() {
                prop_assert!(disjoint(&split, t, class.len()));
                let have = positives(&data, t, &(0..class.len()).collect::<Vec<_>>());
                let each = half.min(have / 3).min((class.len() - have) / 3);
                for part in parts(&split, t) {
                    prop_assert_eq!((positives(&data, t, &part), part.len()), (each, 2 * each));
                }
            }
        }
    }

    #[test]
    fn strata_are_drawn_for_each_part() {
        // 10 of 40 rows are positive: the parts of 8, 12 and 20 have 2, 3 and 5 of them, whatever the seed.
        let data = apart(&[40], |_, row| row % 4 == 1);
        for key in 0..20 {
            let split = Split::counted(&data, None, sizes(8, 12, None, Draw::Stratified), &Seed::of(&key)).unwrap();
            assert_eq!(parts(&split, 0).map(|part| positives(&data, 0, &part)), [2, 3, 5]);
        }
        let drawn = |key: u32| Split::counted(&data, None, sizes(8, 12, None, Draw::Random), &Seed::of(&key)).unwrap();
        assert!((0..20).any(|key| positives(&data, 0, &drawn(key).train[0]) != 2), "left to chance otherwise");
    }

    #[test]
    fn parts_of_different_sizes_shrink_alike() {
        // 12 positive rows where 10 + 4 + 10 are wanted.
        let data = apart(&[100], |_, row| row < 12);
        let split = Split::counted(&data, None, sizes(20, 8, Some(20), Draw::Balanced), &Seed::of(&1)).unwrap();
        assert_eq!(parts(&split, 0).map(|part| part.len()), [10, 4, 10]);
        // Negative rows can be the scarce ones.
        let data = apart(&[100], |_, row| row >= 12);
        let split = Split::counted(&data, None, sizes(20, 8, Some(20), Draw::Balanced), &Seed::of(&1)).unwrap();
        assert_eq!(parts(&split, 0).map(|part| (part.len(), positives(&data, 0, &part))), [(10, 5), (4, 2), (10, 5)]);
        // Nothing shrinks where there is enough, and odd sizes lose a row.
        let data = apart(&[100], |_, row| row % 2 == 0);
        let split = Split::counted(&data, None, sizes(20, 9, Some(20), Draw::Balanced), &Seed::of(&1)).unwrap();
        assert_eq!(parts(&split, 0).map(|part| part.len()), [20, 8, 20]);
    }

    #[test]
    fn negatives_come_evenly_from_the_other_classes() {
        // 200 rows of class 0 and 20 of each of four others: of 12 negatives a part, three are of each other class.
        let class: Vec<usize> = (0..280).map(|row| if row < 200 { 0 } else { 1 + row % 4 }).collect();
        let data = one_vs_rest(&class);
        let split = Split::counted(&data, None, sizes(24, 24, Some(24), Draw::Balanced), &Seed::of(&1)).unwrap();
        let of_class = |rows: &[usize], c: usize| rows.iter().filter(|&&row| class[row] == c).count();
        for part in parts(&split, 0) {
            assert_eq!([0, 1, 2, 3, 4].map(|c| of_class(&part, c)), [12, 3, 3, 3, 3]);
        }
        // Task 1 has 20 positive rows, six a part, and one or two negatives of each other class.
        for part in parts(&split, 1) {
            assert_eq!((of_class(&part, 1), part.len()), (6, 12));
            assert!([0, 2, 3, 4].iter().all(|&c| (1..=2).contains(&of_class(&part, c))));
        }
        // Attributes that go together are no classes.
        let attributes = |t: usize, row: usize| row.is_multiple_of(t + 2);
        let mut data = apart(&[280, 280], attributes);
        data.tasks[1].x = Arc::clone(&data.tasks[0].x);
        let split = Split::counted(&data, None, sizes(24, 24, Some(24), Draw::Balanced), &Seed::of(&1)).unwrap();
        assert_eq!(parts(&split, 1).map(|part| positives(&data, 1, &part)), [12, 12, 12]);
    }

    /// Two tasks on the same 20 rows, of which 12 train, and perhaps 3 validate.
    fn with_official(valid: &[usize]) -> MultiTask {
        let class: Vec<usize> = (0..20).map(|row| row % 2).collect();
        let rows = |rows: &[usize]| vec![Arc::from(rows); 2];
        let train: Vec<usize> = (0..12).collect();
        let split = Split { train: rows(&train), valid: rows(valid), test: rows(&[15, 16, 17, 18, 19]) };
        one_vs_rest(&class).with_official(vec![split]).unwrap()
    }

    #[test]
    fn parts_stay_within_those_of_an_official_split() {
        for draw in [Draw::Random, Draw::Stratified] {
            let data = with_official(&[]);
            let split = Split::counted(&data, Some(4), sizes(6, 4, Some(3), draw), &Seed::of(&1)).unwrap();
            let [train, valid, test] = parts(&split, 1);
            assert_eq!([train.len(), valid.len(), test.len()], [6, 4, 3]);
            assert!(
                disjoint(&split, 1, 20) && train.iter().chain(&valid).all(|&r| r < 12) && test.iter().all(|&r| r > 14)
            );
            assert!(Arc::ptr_eq(&split.train[0], &split.train[1]));
            let rest = Split::counted(&data, Some(0), sizes(6, 6, None, draw), &Seed::of(&1)).unwrap();
            assert_eq!(parts(&rest, 0)[2], [15, 16, 17, 18, 19]);

            let data = with_official(&[12, 13, 14]);
            let split = Split::counted(&data, Some(0), sizes(12, 3, None, draw), &Seed::of(&1)).unwrap();
            assert_eq!(&split, Split::given(&data, 0).unwrap(), "as many as there are");
            let split = Split::counted(&data, Some(0), sizes(12, 2, None, draw), &Seed::of(&1)).unwrap();
            assert!(split.valid[0].len() == 2 && split.valid[0].iter().all(|r| (12..15).contains(r)));
        }
        let data = with_official(&[]);
        let split = Split::counted(&data, Some(0), sizes(6, 6, Some(4), Draw::Balanced), &Seed::of(&1)).unwrap();
        // Three of each class are wanted for training and choosing, of six; two for tests, of which there are two.
        assert_eq!(parts(&split, 0).map(|part| part.len()), [6, 6, 4]);
        let split = Split::counted(&data, Some(0), sizes(6, 6, Some(8), Draw::Balanced), &Seed::of(&1)).unwrap();
        assert_eq!(parts(&split, 0).map(|part| part.len()), [2, 2, 4], "two of four to test on: all shrink by half");
    }

    #[test]
    fn fractions_of_a_sample_keep_shares_or_are_balanced() {
        // Shares of 1/2, 3/10 and 1/5.
        let class: Vec<usize> = (0..1000).map(|row| [0, 0, 0, 0, 0, 1, 1, 1, 2, 2][row % 10]).collect();
        let data = one_vs_rest(&class);
        let fractions = Fractions { train: 0.6, valid: 0.2, test: 0.2 };
        let draw = |rows, draw, key: u32| {
            Split::drawn(&data, None, rows, DrawnFractions { fractions, draw }, &Seed::of(&key)).unwrap()
        };
        let natural = draw(Some(100), Draw::Stratified, 1);
        assert!(data.select(&natural.train).shares_inputs());
        for (t, found) in [[30, 10, 10], [18, 6, 6], [12, 4, 4]].into_iter().enumerate() {
            assert_eq!(parts(&natural, t).map(|rows| positives(&data, t, &rows)), found);
            assert!(disjoint(&natural, t, 1000));
        }
        assert_ne!(natural, draw(Some(100), Draw::Stratified, 2), "every repeat has a sub-sample of its own");

        let balanced = draw(Some(100), Draw::Balanced, 1);
        for t in 0..3 {
            let found = parts(&balanced, t).map(|rows| (rows.len(), positives(&data, t, &rows)));
            assert_eq!(found, [(60, 30), (20, 10), (20, 10)]);
        }
        assert_ne!(balanced.train[0], balanced.train[1], "each task has rows of its own");

        let whole = draw(None, Draw::Stratified, 1);
        assert_eq!(parts(&whole, 0).map(|part| part.len()), [600, 200, 200]);
        assert_eq!(whole, draw(Some(9999), Draw::Stratified, 1), "there are no more");
        assert_eq!(parts(&draw(None, Draw::Balanced, 1), 2).map(|part| part.len()), [240, 80, 80], "200 positive rows");

        let few = DrawnFractions { fractions, draw: Draw::Balanced };
        let error = Split::drawn(&data, None, Some(5), few, &Seed::of(&1)).unwrap_err();
        assert!(error.contains("too few for balanced parts"), "a part of one row: {error}");
    }

    #[test]
    fn too_few_rows_are_named_with_their_task() {
        let data = apart(&[50, 9], |_, row| row == 0);
        let fails = |data: &MultiTask, official, sizes, text: &str| {
            assert_eq!(Split::counted(data, official, sizes, &Seed::of(&1)).unwrap_err(), text);
        };
        fails(
            &data,
            None,
            sizes(5, 5, None, Draw::Random),
            "task `t1`: 9 rows to draw from, expected 5 + 5 + at least 1",
        );
        fails(
            &data,
            None,
            sizes(4, 5, None, Draw::Stratified),
            "task `t1`: 9 rows to draw from, expected 4 + 5 + at least 1",
        );
        fails(&data, None, sizes(4, 4, Some(2), Draw::Random), "task `t1`: 9 rows to draw from, expected 4 + 4 + 2");
        fails(
            &data,
            None,
            sizes(4, 4, Some(4), Draw::Balanced),
            "task `t0`: 1 positive and 49 negative rows to draw from are too few for balanced parts",
        );
        let given = with_official(&[]);
        fails(&given, Some(0), sizes(8, 5, None, Draw::Random), "task `c0`: 12 rows to draw from, expected 8 + 5");
        fails(&given, Some(0), sizes(8, 4, Some(6), Draw::Random), "task `c0`: 5 rows to draw from, expected 6");
        fails(&data, Some(0), sizes(4, 4, None, Draw::Random), "the data come with no official splits");
        let numbers = MultiTask { target: Target::Regression, ..data };
        let text = "`draw: stratified` needs tasks with two classes, and these have numbers";
        fails(&numbers, None, sizes(4, 4, None, Draw::Stratified), text);
    }
}
