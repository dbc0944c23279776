//! HTTP: how requests come in, from the SDK in the process or over a port, and how they reach a service.

pub mod access_log;
mod browser;
pub(crate) mod chunked;
mod connections;
pub(crate) mod connector;
pub(crate) mod dispatch;
mod failure;
pub(crate) mod payload;
pub(crate) mod server;
mod signature;
