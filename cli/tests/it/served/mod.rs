//! `serve`, and the command with `--aws` against it.

#[cfg(feature = "sql")]
mod athena;
mod aws;
mod serve;
pub(crate) mod server;
