//! Auth0's Management API: its own log, page by page, and the streams that it sends it to.
//!
//! `access` is where the API is and by what right it is asked. `http` is one request and its answer. `pace` keeps the
//! calls to a share of the rate limit. `client` asks, and asks again where that can help. `page` and `stream` read the
//! answers, `categories` knows which filter lets which type of event through.

mod access;
pub(crate) mod categories;
mod client;
mod http;
mod pace;
mod page;
pub(crate) mod stream;

pub use access::Access;
pub use client::{Auth0, Edge};
pub use http::Http;
pub use pace::Rate;
pub(crate) use page::{Event, Page};
