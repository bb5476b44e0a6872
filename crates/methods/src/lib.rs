//! Multi-task learning methods, each the published algorithm, each with a certificate of how well it converged.
//!
//! A linear method is a composition: a datafit (`datafit`), penalties (`penalty`) and a solver (`solver`). One file a
//! published method says which (`linear`, and `grouping` where groups of tasks are learned); `registry` lists them all.
//! Networks (`deep`) are trained by the engine of `mtl-nets` instead.
//! `gengl` is the operator algebra that the penalties of the generalized group lasso are tested against.

pub mod datafit;
pub mod deep;
pub mod gengl;
pub mod grouping;
pub mod linalg;
pub mod linear;
pub mod method;
pub mod params;
pub mod penalty;
pub mod registry;
pub mod solver;

pub use method::{Context, Family, FitError, Fitted, Info, Method, Model, Problem, TASK_GROUP};
pub use params::{ParamError, ParamSet, ParamSpec, ParamValue};
pub use registry::{Entry, method, methods};
