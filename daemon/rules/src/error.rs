//! Why a rule file cannot be used.

use crate::places::Place;

/// The first problem of a rule file: which file, where in it, what is wrong and what is allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {what}")]
pub struct RuleError {
    /// Name of the file.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong and what is allowed, on one line.
    pub what: String,
}

impl RuleError {
    /// The problem `what` at octet `at` of `text`.
    pub(crate) fn at(file: &str, text: &str, at: usize, what: impl Into<String>) -> Self {
        Place::at(file, text, at).error(what.into().replace('\n', " "))
    }
}

impl Place {
    /// The problem `what` here.
    pub(crate) fn error(&self, what: String) -> RuleError {
        RuleError { file: self.file.clone(), line: self.line, column: self.column, what }
    }
}
