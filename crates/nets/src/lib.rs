//! The deep engine.
#![allow(missing_docs)]
pub mod batch;
pub mod engine;
pub mod free;
pub mod gemm;
pub mod loss;
pub mod model;
pub mod net;
mod noise;
pub mod optimiser;
pub mod params;
pub mod penalty;
pub mod proximal;
pub mod real;
mod symmetric;
pub mod trainer;
mod vector;
mod work;
pub use noise::Noise;
