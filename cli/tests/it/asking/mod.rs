//! What the tables hold, asked in every way that there is.

mod library;
mod output;
mod sql;
pub(crate) mod stages;
mod tail;
