//! Why results have no values for what somebody asks for.

/// Why there are no values: from what is furthest from having them to what is nearest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Missing {
    /// The study has no such data set.
    #[error("{study} does not include the data set {dataset}")]
    Dataset {
        /// The study.
        study: String,
        /// The data set.
        dataset: String,
    },
    /// The study has no such method.
    #[error("{study} does not include the method {method}")]
    Method {
        /// The study.
        study: String,
        /// The method.
        method: String,
    },
    /// No variant of the data set could be had.
    #[error("{dataset} could not be had: {why}")]
    Unavailable {
        /// The data set.
        dataset: String,
        /// Why the last of the variants could not be had.
        why: String,
    },
    /// There is no such quantity.
    #[error("`{0}` is not measured")]
    Quantity(String),
    /// The quantity exists, but not for these results.
    #[error("{method} on {dataset} has no {quantity}")]
    Value {
        /// The method.
        method: String,
        /// The data set.
        dataset: String,
        /// The quantity.
        quantity: String,
    },
    /// The cells have not been run.
    #[error("{method} on {dataset} has not been run")]
    NotRun {
        /// The method.
        method: String,
        /// The data set.
        dataset: String,
    },
    /// The cells have been run at other hyperparameters.
    #[error("{method} on {dataset} has not been run at {point}")]
    NotHeld {
        /// The method.
        method: String,
        /// The data set.
        dataset: String,
        /// The hyperparameters.
        point: String,
    },
    /// The cells have been run at several points of which none is named.
    #[error("{method} on {dataset} has been run at {points} points{}", if point.is_empty() { String::new() } else { format!(" with {point}") })]
    Ambiguous {
        /// The method.
        method: String,
        /// The data set.
        dataset: String,
        /// The hyperparameters that were named.
        point: String,
        /// Number of points that have them.
        points: usize,
    },
    /// The cells have been run and failed.
    #[error("{method} on {dataset} failed: {why}")]
    Failed {
        /// The method.
        method: String,
        /// The data set.
        dataset: String,
        /// The first reason.
        why: String,
    },
}
