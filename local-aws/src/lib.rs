//! An embedded AWS for one machine: S3, Glue, SQS and Athena over one folder, and stand-ins for Firehose and Lambda.
//! Terms: `docs/glossary.md`.
//!
//! Tests and the command use it with the real SDK clients. In the process [`LocalAws::s3`], [`LocalAws::glue`] and
//! [`LocalAws::sdk_config`] give clients that need no socket. [`LocalAws::serve`] answers any other client over a port.
//! Both ways lead through the same dispatch and the same seam, so a client finds the same AWS either way.
//!
//! # Folder
//!
//! - `DIR/<bucket>/<key>` is an object, whichever program wrote it.
//! - `DIR/catalog.ndjson` is the journal of the Glue catalog.
//! - `DIR/.local-aws/` holds the rest.
//!
//! A folder belongs to one process at a time. What is neither a plain file nor a folder in it is passed over:
//! [`LocalAws::passed_over`] names it.
//!
//! # Layout
//!
//! - `local_aws` is the facade [`LocalAws`].
//! - `http` takes requests in: the SDK's connector, the server on a port, the dispatch of both, signatures, the
//!   aws-chunked encoding and the access log.
//! - [`seam`] is the one place that every call passes: gates, faults, the trace and the record of calls. It knows no
//!   service's state.
//! - `services` holds S3, Glue, SQS, [`athena`], [`firehose`] and Lambda.
//! - `folder` opens files, and nothing outside the folder.
//! - `journal` is the append-only file in which services keep their state.
//! - `names` and `clock` hold what all of them share.
//!
//! # Invariants
//!
//! docs/architecture.md defines A1 to A9 and names the tests that check them:
//!
//! - A1: a conditional write checks and writes in one step.
//! - A2: a crash leaves the old object or the new one, whole.
//! - A3: opened again, the folder is the same AWS.
//! - A4: all times come from the given [`Clock`], those of the objects' files as well.
//! - A5: the same faults and the same calls give the same trace.
//! - A6: clients cannot tell it from AWS where they look.
//! - A7: nothing outside the folder is opened, whatever lies in it.
//! - A8: no web page gets in, and no client keeps another out.
//! - A9: Athena answers what its engine answers, page by page.
//!
//! # Absent by design
//!
//! - Access control and the verification of signatures: any credentials will do, or none.
//! - In S3: versions of objects, tags, ACLs and encryption.
//! - In Glue: all but databases, tables and their versions, partitions and column statistics.
//! - In SQS: all but standard queues, and messages that are sent, received and deleted.
//! - In Lambda: all but the configuration of functions, and functions in the process.
//! - In Athena: an engine, which is given from outside, and all but queries and their results.

mod clock;
mod folder;
mod http;
mod journal;
mod local_aws;
mod names;
pub mod seam;
mod services;

pub use crate::clock::Clock;
pub use crate::folder::PassedOver;
pub use crate::http::access_log as access;
pub use crate::journal::JournalError;
pub use crate::local_aws::{BucketError, LocalAws};
pub use crate::names::REGION;
pub use crate::services::s3::{Files, FoundFile};
pub use crate::services::{OpenError, athena, firehose};
