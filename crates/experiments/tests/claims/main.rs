//! Every primitive of the language of claims, decided on numbers made up for it.

#[path = "../common/mod.rs"]
mod common;

mod along;
mod compare;
mod lab;
mod rank;
