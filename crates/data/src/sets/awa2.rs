//! Animals with Attributes 2: features of photographs from a ResNet-101, a task an animal against the others, labels -1
//! and +1. Tasks share the inputs: principal components of all images, centred.

use mtl_core::MultiTask;
use ndarray::{Array1, Array2, s};

use super::image_features::{one_vs_rest, together};
use super::one_against_others::{self, Design};
use super::{Files, Options, choice, number};
use crate::library::LoadError;
use crate::pca::Pca;

/// The classes by number, from 1, as in `classes.txt` of AwA2-base.zip.
const CLASSES: [&str; 50] = [
    "antelope",
    "grizzly bear",
    "killer whale",
    "beaver",
    "dalmatian",
    "persian cat",
    "horse",
    "german shepherd",
    "blue whale",
    "siamese cat",
    "skunk",
    "mole",
    "tiger",
    "hippopotamus",
    "leopard",
    "moose",
    "spider monkey",
    "humpback whale",
    "elephant",
    "gorilla",
    "ox",
    "fox",
    "sheep",
    "seal",
    "chimpanzee",
    "hamster",
    "squirrel",
    "rhinoceros",
    "rabbit",
    "bat",
    "giraffe",
    "wolf",
    "chihuahua",
    "rat",
    "weasel",
    "otter",
    "buffalo",
    "zebra",
    "giant panda",
    "deer",
    "bobcat",
    "pig",
    "lion",
    "mouse",
    "polar bear",
    "collie",
    "walrus",
    "raccoon",
    "cow",
    "dolphin",
];

pub(super) fn load(options: &Options, files: &mut Files<'_>) -> Result<MultiTask, LoadError> {
    let (inputs, classes) = components(options, files)?;
    let labels = one_vs_rest(classes.view(), CLASSES.len())
        .map_err(|e| files.corrupt(format!("the classes, counted from 0 here: {e}")))?;
    let tasks = CLASSES.into_iter().map(String::from).zip(labels).collect();
    together(Pca::names(inputs.ncols()), inputs, tasks, files)
}

/// A few images of one animal against fewer of each other one, from 100 of each (TOMATO, section 5.1).
pub(super) fn load_mtl(options: &Options, files: &mut Files<'_>) -> Result<MultiTask, LoadError> {
    let (inputs, classes) = components(options, files)?;
    let design = Design::parse(choice(options, "design"), 100);
    let names = CLASSES.map(String::from);
    one_against_others::tasks(Pca::names(inputs.ncols()), &inputs, classes.view(), &names, design, files)
}

/// Principal components, and the number of each row's class, from 0. The file has columns of features, and in the last one
/// the number of the class, from 1.
fn components(options: &Options, files: &mut Files<'_>) -> Result<(Array2<f64>, Array1<f64>), LoadError> {
    let table = files.table("AwA2-features.zip")?.values;
    let last = table.ncols() - 1;
    let pca = Pca::fit(table.slice(s![.., ..last]), number(options, "pca")).map_err(|e| files.corrupt(e))?;
    Ok((pca.project(table.slice(s![.., ..last])), table.column(last).mapv(|class| class - 1.0)))
}
