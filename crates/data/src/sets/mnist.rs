//! MNIST: handwritten digits, a task a digit against the others, labels -1 and +1. Tasks share the inputs.
//!
//! Rows are the training images (60000) and then the test images (10000), which is the official split; a sample of both has
//! the same layout. Pixels are 0 to 1. Principal components are those of the training images, centred; the labels have no
//! part in them.
//!
//! The sample of the TOMATO paper is of training images only, with pixels from 0 to 255.

use std::sync::Arc;

use mtl_core::{MultiTask, Split};
use ndarray::{Axis, concatenate};

use super::image_features::{one_vs_rest, together};
use super::one_against_others::{self, Design};
use super::{Files, Options, number};
use crate::library::LoadError;
use crate::pca::Pca;

const DIGITS: usize = 10;

pub(super) fn load(options: &Options, files: &mut Files<'_>) -> Result<MultiTask, LoadError> {
    let mut train = files.table("train-images-idx3-ubyte.gz")?.values;
    let mut test = files.table("t10k-images-idx3-ubyte.gz")?.values;
    train.mapv_inplace(|v| v / 255.0);
    test.mapv_inplace(|v| v / 255.0);
    let inputs = match number(options, "pca") {
        0 => concatenate(Axis(0), &[train.view(), test.view()]).map(|x| (pixels(train.ncols()), x)),
        k => {
            let pca = Pca::fit(train.view(), k).map_err(|e| files.corrupt(e))?;
            let parts = [pca.project(train.view()), pca.project(test.view())];
            concatenate(Axis(0), &parts.each_ref().map(|part| part.view())).map(|x| (Pca::names(x.ncols()), x))
        }
    };
    let (features, inputs) = inputs.map_err(|e| files.corrupt(e.to_string()))?;
    let (of_train, all) = (train.nrows(), inputs.nrows());
    drop((train, test));
    let classes = ["train-labels-idx1-ubyte.gz", "t10k-labels-idx1-ubyte.gz"].map(|file| files.table(file));
    let [first, second] = classes;
    let classes = concatenate(Axis(0), &[first?.values.column(0), second?.values.column(0)]);
    let classes = classes.map_err(|e| files.corrupt(e.to_string()))?;
    let labels = one_vs_rest(classes.view(), DIGITS).map_err(|e| files.corrupt(e))?;
    let names = (0..DIGITS).map(|digit| format!("digit {digit}"));
    let data = together(features, inputs, names.zip(labels).collect(), files)?;
    let rows = |rows: std::ops::Range<usize>| vec![Arc::<[usize]>::from(rows.collect::<Vec<_>>()); DIGITS];
    let split = Split { train: rows(0..of_train), valid: rows(0..0), test: rows(of_train..all) };
    data.with_official(vec![split]).map_err(|e| files.unusable(e))
}

/// For every digit 900 images of it and 100 of each other one, no image twice (TOMATO, section 5.1). Components of pixels
/// from 0 to 255 are neither whitened nor scaled: the first ones have standard deviations of several hundred.
pub(super) fn load_mtl(options: &Options, files: &mut Files<'_>) -> Result<MultiTask, LoadError> {
    let images = files.table("train-images-idx3-ubyte.gz")?.values;
    let pca = Pca::fit(images.view(), number(options, "pca")).map_err(|e| files.corrupt(e))?;
    let inputs = pca.project(images.view());
    drop(images);
    let classes = files.table("train-labels-idx1-ubyte.gz")?.values;
    let names: Vec<String> = (0..DIGITS).map(|digit| format!("digit {digit}")).collect();
    let design = Design { positives: 900, negatives: 100, pool: 1800 };
    one_against_others::tasks(Pca::names(inputs.ncols()), &inputs, classes.column(0), &names, design, files)
}

fn pixels(count: usize) -> Vec<String> {
    (1..=count).map(|pixel| format!("pixel {pixel}")).collect()
}
