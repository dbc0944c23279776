//! Distinct rows → Parquet.

pub mod file;
pub mod pages;
pub mod row_group;
