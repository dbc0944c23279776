//! The whole pipeline on one machine, under a simulated clock.
//!
//! [`stack`] wires the transform, the partitioner and the compactor to an embedded AWS over a folder. [`pipeline`]
//! moves the clock and carries events through the stack. [`input`] reads the events of a file.

pub mod clock;
pub mod input;
pub mod pipeline;
pub mod stack;
pub mod summary;
