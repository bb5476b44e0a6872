//! Covertype: what is known of 30 x 30 metre patches of forest from maps, a task a kind of cover against the others, labels
//! -1 and +1. Tasks share the inputs: ten quantities, a 0 or 1 for each wilderness area and each type of soil.

use mtl_core::MultiTask;
use ndarray::Array2;

use super::image_features::{one_vs_rest, together};
use super::{Files, Options, choice};
use crate::library::LoadError;

/// The first columns, as `covtype.info` lists them.
const QUANTITIES: [&str; 10] = [
    "elevation",
    "aspect",
    "slope",
    "horizontal distance to hydrology",
    "vertical distance to hydrology",
    "horizontal distance to roadways",
    "hillshade 9am",
    "hillshade noon",
    "hillshade 3pm",
    "horizontal distance to fire points",
];
const AREAS: usize = 4;
const SOILS: usize = 40;
const INPUTS: usize = QUANTITIES.len() + AREAS + SOILS;

/// The kinds of cover by number, from 1.
const COVERS: [&str; 7] =
    ["spruce/fir", "lodgepole pine", "ponderosa pine", "cottonwood/willow", "aspen", "Douglas-fir", "krummholz"];

/// The rows of the carried sample in which classes have the shares of the whole; those below them top classes up.
const NATURAL: usize = 6000;

pub(super) fn load(_: &Options, files: &mut Files<'_>) -> Result<MultiTask, LoadError> {
    let rows = files.table("covtype.data.gz")?.values;
    tasks(rows, files)
}

pub(super) fn load_sample(options: &Options, files: &mut Files<'_>) -> Result<MultiTask, LoadError> {
    let mut rows = files.table("covtype-sample.data.gz")?.values;
    if choice(options, "rows") == "natural" {
        rows.slice_axis_inplace(ndarray::Axis(0), (..NATURAL.min(rows.nrows())).into());
    }
    tasks(rows, files)
}

/// Tasks of rows whose last column is the number of the class, from 1.
fn tasks(rows: Array2<f64>, files: &Files<'_>) -> Result<MultiTask, LoadError> {
    let columns = rows.ncols();
    if columns != INPUTS + 1 {
        return Err(files.corrupt(format!("found {columns} columns, expected {}", INPUTS + 1)));
    }
    let classes = rows.column(INPUTS).mapv(|class| class - 1.0);
    let labels = one_vs_rest(classes.view(), COVERS.len())
        .map_err(|e| files.corrupt(format!("the classes, counted from 0 here: {e}")))?;
    let numbered = |kind: &'static str, count| (1..=count).map(move |number| format!("{kind} {number}"));
    let features = QUANTITIES.into_iter().map(String::from);
    let features = features.chain(numbered("wilderness area", AREAS)).chain(numbered("soil type", SOILS)).collect();
    let tasks = COVERS.into_iter().map(String::from).zip(labels).collect();
    together(features, without_last_column(rows), tasks, files)
}

/// The other columns in the same memory: there are 581012 rows, and a copy of them would be 250 MB more.
fn without_last_column(rows: Array2<f64>) -> Array2<f64> {
    let (n, columns) = rows.dim();
    let (mut cells, start) = rows.into_raw_vec_and_offset();
    debug_assert_eq!(start.unwrap_or(0), 0, "rows are cut off at the end alone");
    for row in 1..n {
        cells.copy_within(row * columns..(row + 1) * columns - 1, row * (columns - 1));
    }
    cells.truncate(n * (columns - 1));
    cells.shrink_to_fit();
    Array2::from_shape_vec((n, columns - 1), cells).expect("a cell less in every row")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::s;

    #[test]
    fn the_last_column_goes_and_the_others_stay() {
        let rows = Array2::from_shape_fn((5, 4), |(i, j)| (10 * i + j) as f64);
        let mut first = rows.clone();
        first.slice_axis_inplace(ndarray::Axis(0), (..3).into());
        for (rows, n) in [(rows.clone(), 5), (first, 3)] {
            let expected = rows.slice(s![.., ..3]).to_owned();
            let found = without_last_column(rows);
            assert_eq!((found.dim(), &found), ((n, 3), &expected));
            assert!(found.is_standard_layout());
        }
    }
}
