//! One linear model a task, with the groups of tasks learned along with them.

pub mod membership;
pub mod sg_mtl;
