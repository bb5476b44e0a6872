//! The regularisers of SG-MTL as files name them.

use std::fmt;

use mtl_methods::grouping::membership::Regulariser;
use serde::Deserialize;

/// A regulariser by the number of its equation in Kshirsagar, Yang and Lozano (2017).
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Equation {
    /// `sum_g ||W U_g||_{1,2}`.
    Eq2,
    /// The same with square roots of the shares.
    Eq2s,
    /// `sum_g (||W U_g||_{1,2})^alpha`, for hard groups.
    Eq3(f64),
    /// The same for shares.
    Eq4(f64),
    /// `sum_g (||W sqrt(U_g)||_{1,2})^2`, SG-MTL's.
    Eq5,
}

impl Equation {
    /// The regulariser for a number of groups, all of strength 1.
    pub fn regulariser(self, groups: usize) -> Regulariser {
        match self {
            Self::Eq2 => Regulariser::eq2(groups),
            Self::Eq2s => Regulariser::eq2s(groups),
            Self::Eq3(alpha) | Self::Eq4(alpha) => Regulariser::eq4(groups, alpha),
            Self::Eq5 => Regulariser::eq5(groups),
        }
    }

    pub(super) fn check(self) -> Result<(), String> {
        match self {
            Self::Eq3(alpha) | Self::Eq4(alpha) if !(alpha.is_finite() && alpha >= 1.0) => {
                Err(format!("alpha is {alpha}, expected a number >= 1"))
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Equation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Eq2 => f.write_str("(2)"),
            Self::Eq2s => f.write_str("(2) with √U"),
            Self::Eq3(alpha) => write!(f, "(3) with α = {alpha}"),
            Self::Eq4(alpha) => write!(f, "(4) with α = {alpha}"),
            Self::Eq5 => f.write_str("(5)"),
        }
    }
}
