//! The reply to a call, as the seam handles it.

use futures::future::BoxFuture;

use super::call::Service;
use super::fault::Failure;

/// The message of every injected failure.
pub(crate) const INJECTED: &str = "this call was made to fail";

/// A reply that the seam can describe, tear, or replace by a failure.
pub(crate) trait Reply: Sized + Send + 'static {
    /// The reply of `service` to a call that fails this way.
    fn failed(service: Service, failure: Failure) -> Self;

    /// The outcome for the trace: an HTTP status or the name of an error.
    fn outcome(&self) -> String;

    /// This reply with the second half of its body missing.
    fn tear(self, service: Service) -> BoxFuture<'static, Self>;
}
