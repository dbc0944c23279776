//! S3 notification to Glue partition: the partitioner Lambda.
//!
//! Every object that lands under `logs/YYYY/MM/DD/HH/` makes sure that its hour is a partition of the JSON table.
//!
//! Invariants, listed with all others in `docs/architecture.md`:
//! P1: a partition is created, never changed: an hour that somebody else registered stays as it is.
//! P2: a failure is returned, so that Lambda tries again and then keeps the notification in the dead-letter queue.

pub mod config;
pub mod handler;
pub mod notification;
