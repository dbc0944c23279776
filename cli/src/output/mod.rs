//! What a person or a machine reads: tables, JSON, progress bars and the exit code.

pub(crate) mod event;
pub mod out;
pub mod progress;
pub mod report;
pub mod rows;
pub mod types;
pub mod verdict;
