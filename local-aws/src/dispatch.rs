//! The one door: every request to any service, however it came in, goes through [`LocalAws::dispatch`].

use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt;
use http::{Request, Response};
use s3s::{Body, HttpError};

use crate::firehose::Function;
use crate::seam::{self, Call, FailEntry, Service};
use crate::{LocalAws, s3, signature};

/// More than a thousand keys of 1,024 bytes take, each escaped.
const DELETE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Neither Glue nor SQS takes a longer request.
const REQUEST_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The input of a call of Glue or SQS, whole.
async fn input(mut body: Body) -> Result<Bytes, HttpError> {
    body.store_all_limited(REQUEST_BYTES_MAX).await.map_err(HttpError::new)
}

impl LocalAws {
    /// Answers one request. An error means that there is no answer: the connection is lost.
    pub(crate) async fn dispatch(&self, mut request: Request<Body>) -> Result<Response<Body>, HttpError> {
        let aws = self.clone();
        match seam::by_target(&request).map(|(service, name)| (service, name.to_owned())) {
            Some((Service::Sqs, name)) => {
                let input = input(request.into_body()).await?;
                let call = self.is_watched().then(|| seam::of_sqs(&self.caller, &name, &input));
                self.pass(call, move |_| async move { aws.services.sqs.answer(&name, &input) }.boxed()).await
            }
            Some((_, name)) => {
                let input = input(request.into_body()).await?;
                let call = self.is_watched().then(|| seam::of_glue(&self.caller, &name, &input));
                self.pass(call, move |entry| async move { aws.services.glue.answer(&name, &input, entry) }.boxed())
                    .await
            }
            None => {
                if self.is_watched() && seam::is_batch_delete(&request) {
                    request.body_mut().store_all_limited(DELETE_BYTES_MAX).await.map_err(HttpError::new)?;
                }
                let call = self.is_watched().then(|| seam::of_s3(&self.caller, &request));
                self.pass(call, move |entry| async move { aws.answer_s3(request, entry).await }.boxed()).await
            }
        }
    }

    /// `function` as this AWS invokes it by the name `name`: its invocations are calls of this caller's.
    pub fn function(&self, name: &str, function: Function) -> Function {
        let (aws, call) = (self.clone(), Call::invocation(&self.caller, name));
        Arc::new(move |payload: Bytes| {
            let (aws, call, function) = (aws.clone(), call.clone(), Arc::clone(&function));
            async move { aws.pass(aws.is_watched().then_some(call), move |_| function(payload)).await }.boxed()
        })
    }

    async fn answer_s3(
        &self,
        mut request: Request<Body>,
        entry: Option<FailEntry>,
    ) -> Result<Response<Body>, HttpError> {
        entry.map(|entry| request.extensions_mut().insert(entry));
        s3::answer(&self.services.s3, signature::take_off(request)).await
    }
}
