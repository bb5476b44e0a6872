//! What a description asserts, and how often it held.

use std::collections::BTreeMap;

/// Something that was put to the test without any fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Name, unique in its description.
    pub id: String,
    /// What is stated.
    pub says: String,
    /// What a case is.
    pub tried: String,
    /// Cases tried.
    pub cases: usize,
    /// Cases in which it held.
    pub held: usize,
}

/// Statements by the name that claims use, `description/id`.
pub type Statements = BTreeMap<String, Statement>;

impl Statement {
    /// Whether it held wherever it was tried.
    pub fn holds(&self) -> bool {
        self.held == self.cases
    }
}

/// Name of a description's statement in claims.
pub fn statement_name(description: &str, id: &str) -> String {
    format!("{description}/{id}")
}
