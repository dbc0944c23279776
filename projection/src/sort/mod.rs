//! Rows → distinct rows in order, in bounded memory.

pub mod collisions;
pub mod merge;
pub mod row;
pub mod sorter;
