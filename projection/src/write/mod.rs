//! Distinct rows → Parquet.

pub mod append;
pub mod file;
pub mod pages;
pub mod row_group;
