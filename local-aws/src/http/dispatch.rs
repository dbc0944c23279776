//! Dispatch: every request to any service, however it came in, goes through [`Dispatcher::dispatch`].

use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use http::{Request, Response};
use s3s::{Body, HttpError};

use super::signature;
use crate::local_aws::LocalAws;
use crate::seam::{self, Call, FailEntry, Reply, Seam, Service};
use crate::services::lambda::Function;
use crate::services::{Services, functions};

/// Enough for DeleteObjects with a thousand keys of 1,024 bytes, each byte escaped.
const DELETE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Neither Glue nor SQS nor Athena accepts a longer request.
const REQUEST_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Carries one caller's requests through the seam to the services. Clones are the same caller.
#[derive(Clone)]
pub(crate) struct Dispatcher {
    services: Arc<Services>,
    seam: Arc<Seam>,
    caller: Arc<str>,
    /// Whether the caller's calls bypass the seam.
    bypasses_seam: bool,
}

impl Dispatcher {
    pub(crate) fn new(services: Services, seam: Seam) -> Dispatcher {
        Dispatcher { services: Arc::new(services), seam: Arc::new(seam), caller: "local".into(), bypasses_seam: false }
    }

    /// These services and this seam, called by `name`.
    pub(crate) fn as_caller(&self, name: &str) -> Dispatcher {
        Dispatcher { caller: name.into(), bypasses_seam: false, ..self.clone() }
    }

    /// These services for a caller whose calls bypass the seam.
    pub(crate) fn as_observer(&self) -> Dispatcher {
        Dispatcher { bypasses_seam: true, ..self.as_caller("observer") }
    }

    pub(crate) fn services(&self) -> &Services {
        &self.services
    }

    pub(crate) fn seam(&self) -> &Seam {
        &self.seam
    }

    pub(crate) fn caller(&self) -> &Arc<str> {
        &self.caller
    }

    /// Answers one request. An error means that there is no response: the connection is lost.
    pub(crate) async fn dispatch(&self, mut request: Request<Body>) -> Result<Response<Body>, HttpError> {
        let services = Arc::clone(&self.services);
        if let Some(name) = functions::configuration_of(&request).map(str::to_owned) {
            let call = self.is_watched().then(|| Call::of_function(&self.caller, "GetFunctionConfiguration", &name));
            return self.pass(call, move |_| async move { services.functions.answer(&name) }.boxed()).await;
        }
        match seam::by_target(&request).map(|(service, name)| (service, name.to_owned())) {
            Some((Service::Sqs, name)) => {
                let input = input(request.into_body()).await?;
                let call = self.is_watched().then(|| seam::of_sqs(&self.caller, &name, &input));
                self.pass(call, move |_| async move { services.sqs.answer(&name, &input) }.boxed()).await
            }
            Some((Service::Athena, name)) => {
                let input = input(request.into_body()).await?;
                let call = self.is_watched().then(|| seam::of_athena(&self.caller, &name, &input));
                // What Athena does for a query is no call of the caller's.
                let (athena, aws) = (Arc::clone(&services.athena), LocalAws::of(self.as_observer()));
                self.pass(call, move |_| async move { athena.answer(aws, &name, &input).await }.boxed()).await
            }
            Some((_, name)) => {
                let input = input(request.into_body()).await?;
                let call = self.is_watched().then(|| seam::of_glue(&self.caller, &name, &input));
                self.pass(call, move |entry| async move { services.glue.answer(&name, &input, entry) }.boxed()).await
            }
            None => {
                if self.is_watched() && seam::is_batch_delete(&request) {
                    request.body_mut().store_all_limited(DELETE_BYTES_MAX).await.map_err(HttpError::new)?;
                }
                let call = self.is_watched().then(|| seam::of_s3(&self.caller, &request));
                let serve = move |entry| async move { services.s3.answer(signature::strip(request), entry).await };
                self.pass(call, move |entry| serve(entry).boxed()).await
            }
        }
    }

    /// Wraps `function`, named `name`, so that each invocation is a call of this caller.
    pub(crate) fn function(&self, name: &str, function: Function) -> Function {
        let (dispatcher, call) = (self.clone(), Call::of_function(&self.caller, "Invoke", name));
        Arc::new(move |payload: Bytes| {
            let (dispatcher, call, function) = (dispatcher.clone(), call.clone(), Arc::clone(&function));
            async move {
                let call = dispatcher.is_watched().then_some(call);
                dispatcher.pass(call, move |_| function(payload)).await
            }
            .boxed()
        })
    }

    /// Whether the seam has anything to do with this caller's calls. If not, calls are not described.
    fn is_watched(&self) -> bool {
        !self.bypasses_seam && !self.seam.is_idle()
    }

    /// Takes a call through the seam, or straight to its service if there is no description of it.
    async fn pass<R: Reply>(
        &self,
        call: Option<Call>,
        serve: impl FnOnce(Option<FailEntry>) -> BoxFuture<'static, R>,
    ) -> R {
        match call {
            Some(call) => Arc::clone(&self.seam).pass(call, serve).await,
            None => serve(None).await,
        }
    }
}

/// The whole input of a call to Glue, SQS or Athena.
async fn input(mut body: Body) -> Result<Bytes, HttpError> {
    body.store_all_limited(REQUEST_BYTES_MAX).await.map_err(HttpError::new)
}
