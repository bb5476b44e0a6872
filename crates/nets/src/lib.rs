//! The deep engine: many small networks trained together.
//!
//! A [`net::Net`] says what is computed, for all tasks alike; each parameter is shared or every task's own. A
//! [`model::Model`] is a network with parameters and a loss. A [`trainer::Trainer`] runs epochs of minibatches: loss
//! and [`penalty`], a step of the [`optimiser`], [`proximal`] maps. What a published method is made of:
//!
//! | method | network | besides |
//! |---|---|---|
//! | SSMTL_t, its variants, deep lasso, SGL, GL+AGL | layers of the tasks' own | [`penalty::Structured`] or [`proximal::SparseGroups`] |
//! | STG | [`net::Net::gates`] before these | [`penalty::OpenGates`] |
//! | DMTRL | hidden layers as [`free::Tucker`] products | |
//! | Separate, Shared-bottom, Single | layers of the tasks' own and shared ones | [`penalty::Decay`] |
//! | Inter-task-l2, MRN | Shared-bottom | [`penalty::Spread`], [`penalty::Mrn`] |
//! | Cross-stitch | a shared layer as wide as all tasks' hidden layers, then a task's own without bias, from [`model::Start::Stitch`] | |
//! | MMoE | shared experts (blocks), a softmax of each task's own, [`net::Net::mix`] | |
//! | TOMATO | a shared softmax over topics, each task's own blocks, mixed; weights [`free::Additive`] | [`proximal::Topics`] |
//!
//! # Why gradients are written by hand
//!
//! By measurement. Training 10 networks 784-256-64-16-1 and 12 networks 64-32-16-5 on two cores, hand-written layers on
//! a library's matrix product took 1.2 and 2.0 times as many steps a second as the best form of PyTorch (batched products,
//! fused Adam), 2.3 and 2.8 times as many as burn, 12 times as many as candle. These lose their time outside
//! of products: an optimiser that passes over the weights several times, a tensor made anew for every intermediate, ragged
//! minibatches as padded arrays. The price is a derivative to write per layer and penalty: two products or a loop each,
//! and every one is checked against finite differences in f64.
//!
//! Three decisions follow from the sizes at hand, some dozen units and rows:
//!
//! - **One job a task**, through all its layers forward and backward, instead of one batched product a layer: what a
//!   task needs stays in one core's cache, and threads meet once a step. Where parameters are shared, jobs take 64 rows
//!   each. Minibatches of equal rows and ragged ones are then the same thing, and empty tasks cost nothing.
//! - **Products of our own** ([`gemm`]): at these sizes packing panels costs more than it gains. Against the libraries
//!   `gemm` and `matrixmultiply`, in one run on one thread: `64x80x154` 86, 80 and 64 GFLOP/s, `43x32x64` 79, 72, 43,
//!   `4x64x64` 74, 65, 21; above a megabyte of weights the libraries catch up.
//! - **Bits that do not depend on threads.** How work is cut depends on the minibatch alone, sums have a fixed order, and
//!   randomness is a function of step, node and place ([`Noise`]).
//!
//! `benches/README.md` has the measurement of the whole against PyTorch.

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
