//! Glue's catalog over its JSON protocol: databases, tables and partitions, kept as the JSON that the client sent.

mod bounds;
mod calls;
mod catalog;
mod error;
mod filter;
mod page;

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http::{Response, StatusCode, header};
use s3s::{Body, HttpError};

use self::calls::route;
use self::catalog::Catalog;
use self::error::GlueError;
pub(crate) use self::error::body as error_body;
use crate::clock::Clock;
use crate::folder::Folder;
use crate::journal::JournalError;
use crate::seam::FailEntry;

/// The content type of every answer.
pub(crate) const CONTENT_TYPE: &str = "application/x-amz-json-1.1";

/// The Glue service.
pub(crate) struct Glue {
    /// Locked for one call at a time, never across an await.
    catalog: Mutex<Catalog>,
    folder: Folder,
    /// The name of its journal in the folder.
    journal: String,
}

impl Glue {
    pub(crate) fn open(folder: &Folder, journal: &str, clock: Clock) -> Result<Glue, JournalError> {
        let catalog = Mutex::new(Catalog::open(folder, journal, clock)?);
        Ok(Glue { catalog, folder: folder.clone(), journal: journal.to_owned() })
    }

    /// How often another process was seen to have changed the catalog, up to now.
    pub(crate) fn changes_seen(&self) -> Result<u64, JournalError> {
        let mut catalog = self.catalog.lock().unwrap_or_else(PoisonError::into_inner);
        catalog.follow(&self.folder, &self.journal)?;
        Ok(catalog.changes_seen)
    }

    /// Answers the call `call` with the input `body`. If the call is a batch, `entry` of it must fail.
    pub(crate) fn answer(
        &self,
        call: &str,
        body: &Bytes,
        entry: Option<FailEntry>,
    ) -> Result<Response<Body>, HttpError> {
        let mut catalog = self.catalog.lock().unwrap_or_else(PoisonError::into_inner);
        catalog.failing = entry;
        let followed = catalog.follow(&self.folder, &self.journal).map_err(GlueError::from);
        let (status, text) = match followed.and_then(|()| route(&mut catalog, call, body)) {
            Ok(text) => (StatusCode::OK, text),
            Err(error) => (error.status(), error.body()),
        };
        let response = Response::builder().status(status).header(header::CONTENT_TYPE, CONTENT_TYPE);
        response.body(Body::from(text)).map_err(|error| HttpError::new(error.into()))
    }
}
