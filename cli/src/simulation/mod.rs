//! The whole pipeline on one machine, under a simulated clock.
//!
//! [`stack`] wires the transform, the partitioner and the compactor to an embedded AWS over a folder. [`pipeline`]
//! moves the clock and carries events through the stack.

pub mod clock;
pub mod pipeline;
pub mod stack;
pub mod summary;
