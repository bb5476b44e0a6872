//! What a GenGL seminorm is called (SSMTL, Table A2).

use std::fmt;

use super::{GenGl, Partition};

/// On which mode an operator acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// The last mode.
    Task,
    /// Any other mode.
    Feature,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Task => "task",
            Self::Feature => "feature",
        })
    }
}

/// One name for each mode that is cut at all, for example `task-level vector-wise clustering`. For a matrix the other
/// mode decides between element-wise (cut as well) and vector-wise; for a three-way array between weight-, neuron-
/// and net-wise (both, one or none of the others cut).
pub fn name(seminorm: &GenGl) -> Vec<String> {
    let cut: Vec<bool> = seminorm.modes.iter().map(|m| *m != Partition::Coarsest).collect();
    let last = cut.len().saturating_sub(1);
    let describe = |mode: usize| {
        let others = cut.iter().enumerate().filter(|(i, c)| *i != mode && **c).count();
        let size = match (cut.len(), others) {
            (2, 1) => "element-wise",
            (2, _) => "vector-wise",
            (_, 2) => "weight-wise",
            (_, 1) => "neuron-wise",
            _ => "net-wise",
        };
        let level = if mode == last { Level::Task } else { Level::Feature };
        let action = if seminorm.modes[mode] == Partition::Finest { "selection" } else { "clustering" };
        format!("{level}-level {size} {action}")
    };
    (0..cut.len()).filter(|&m| cut[m]).map(describe).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use Partition::{Coarsest as C, Finest as F, Pairs as F2};

    #[test]
    fn the_names_of_the_paper() {
        let names = |modes: &[Partition]| name(&GenGl::new(modes.to_vec())).join(" + ");
        assert_eq!(names(&[F, C]), "feature-level vector-wise selection");
        assert_eq!(names(&[C, F2]), "task-level vector-wise clustering");
        assert_eq!(names(&[F, F2]), "feature-level element-wise selection + task-level element-wise clustering");
        assert_eq!(names(&[C, C, F2]), "task-level net-wise clustering");
        assert_eq!(names(&[C, F, F]), "feature-level neuron-wise selection + task-level neuron-wise selection");
        assert_eq!(names(&[C, C]), "");
    }
}
