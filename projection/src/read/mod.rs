//! Object → text → lines → rows.

pub mod decode;
pub mod gzip;
pub mod gzip_whole;
pub mod lines;
#[cfg(feature = "write")]
pub mod parquet;
pub mod rejected;
