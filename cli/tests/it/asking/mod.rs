//! What the tables hold, asked in every way that there is.

mod output;
mod queries;
mod sql;
pub(crate) mod stages;
mod tail;
