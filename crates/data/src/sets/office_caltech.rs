//! Office-Caltech: features of photographs of ten kinds of things from a GoogLeNet, taken in three places ("domains").
//! A task is a kind against the others, in each place or in all together, labels -1 and +1. Inputs are principal
//! components of all images of all places, centred.

use std::sync::Arc;

use mtl_core::{MultiTask, Target, Task};
use ndarray::{Array1, Array2, Axis, concatenate, s};

use super::image_features::{one_vs_rest, together};
use super::one_against_others::{self, Design};
use super::{Files, Options, choice, number};
use crate::library::LoadError;
use crate::pca::Pca;

const DOMAINS: [&str; 3] = ["amazon", "dslr", "webcam"];

/// The kinds by number, from 1: in the order of the alphabet. The number of images of each in each place, as published,
/// says so.
const CLASSES: [&str; 10] =
    ["backpack", "bike", "calculator", "headphones", "keyboard", "laptop", "monitor", "mouse", "mug", "projector"];

pub(super) fn load(options: &Options, files: &mut Files<'_>) -> Result<MultiTask, LoadError> {
    let Images { inputs, classes, of_domain } = images(options, files)?;
    let labels = one_vs_rest(classes.view(), CLASSES.len())
        .map_err(|e| files.corrupt(format!("the classes, counted from 0 here: {e}")))?;
    let features = Pca::names(inputs.ncols());
    if choice(options, "tasks") == "class" {
        return together(features, inputs, CLASSES.into_iter().map(String::from).zip(labels).collect(), files);
    }
    let (mut tasks, mut start) = (Vec::new(), 0);
    for (domain, rows) in DOMAINS.iter().zip(of_domain) {
        let end = start + rows;
        let x = Arc::new(inputs.slice(s![start..end, ..]).to_owned());
        tasks.extend(CLASSES.iter().zip(&labels).map(|(class, labels)| Task {
            name: format!("{domain} {class}"),
            x: Arc::clone(&x),
            y: labels.slice(s![start..end]).to_owned(),
        }));
        start = end;
    }
    MultiTask::new(features, Target::Binary, tasks).map_err(|e| files.unusable(e))
}

/// A few images of one kind against fewer of each other one, from up to 100 of each: the design of TOMATO's AwA2 on fewer
/// classes.
pub(super) fn load_mtl(options: &Options, files: &mut Files<'_>) -> Result<MultiTask, LoadError> {
    let Images { inputs, classes, .. } = images(options, files)?;
    let design = Design::parse(choice(options, "design"), 100);
    let names = CLASSES.map(String::from);
    one_against_others::tasks(Pca::names(inputs.ncols()), &inputs, classes.view(), &names, design, files)
}

/// All images, place by place.
struct Images {
    /// Principal components.
    inputs: Array2<f64>,
    /// Number of each row's class, from 0.
    classes: Array1<f64>,
    /// Rows of each place.
    of_domain: Vec<usize>,
}

fn images(options: &Options, files: &mut Files<'_>) -> Result<Images, LoadError> {
    let mut tables: Vec<Array2<f64>> = Vec::with_capacity(DOMAINS.len());
    for domain in DOMAINS {
        tables.push(files.table(&format!("googlenet1024_{domain}.mat"))?.values);
    }
    let views: Vec<_> = tables.iter().map(Array2::view).collect();
    let all = concatenate(Axis(0), &views).map_err(|e| files.corrupt(e.to_string()))?;
    let last = all.ncols() - 1;
    let pca = Pca::fit(all.slice(s![.., ..last]), number(options, "pca")).map_err(|e| files.corrupt(e))?;
    Ok(Images {
        inputs: pca.project(all.slice(s![.., ..last])),
        classes: all.column(last).mapv(|class| class - 1.0),
        of_domain: tables.iter().map(Array2::nrows).collect(),
    })
}
