//! S3 notification to Glue partition: the partitioner Lambda. Terms: `docs/glossary.md`.
//!
//! For every object that is created under `logs/YYYY/MM/DD/HH/`, it makes sure that the JSON table has a partition of
//! that hour.
//!
//! - [`config`] reads the environment.
//! - [`notification`] reads which objects were created.
//! - [`handler`] registers their hours, and reports to the operator.
//!
//! Invariants, listed with all others in `docs/architecture.md`:
//! P1: a partition is created, never changed. An hour that somebody else registered stays as it is.
//! P2: a failure is returned, so that Lambda tries again and then keeps the notification in the dead-letter queue.

pub mod config;
pub mod handler;
pub mod notification;
