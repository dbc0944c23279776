//! The Lambdas as functions that the embedded Firehose and S3 call.

use std::sync::Arc;

use bytes::Bytes;
use catalog::Catalog;
use futures::FutureExt;
use local_aws::LocalAws;
use local_aws::firehose::{Function, FunctionError};
use partitioner::handler::Partitioner;

use crate::world::BUCKET;

fn failed(error: &dyn std::error::Error) -> FunctionError {
    FunctionError { error_type: "Error".to_owned(), message: error.to_string() }
}

/// The transform, bytes in and bytes out.
pub fn transform() -> Function {
    Arc::new(|payload: Bytes| {
        async move {
            let event: transform::event::Event = serde_json::from_slice(&payload).map_err(|error| failed(&error))?;
            let (response, _) = transform::handler::handle(&event);
            Ok(Bytes::from(serde_json::to_vec(&response).map_err(|error| failed(&error))?))
        }
        .boxed()
    })
}

/// The partitioner of the [`BUCKET`], bytes in and bytes out.
pub fn partitioner(aws: &LocalAws) -> Function {
    let partitioner = Arc::new(Partitioner::new(Catalog::new(aws.glue(), "logs", BUCKET)));
    Arc::new(move |payload: Bytes| {
        let partitioner = Arc::clone(&partitioner);
        async move {
            let event = serde_json::from_slice(&payload).map_err(|error| failed(&error))?;
            partitioner.handle(event).await.map_err(|error| failed(&error))?;
            Ok(Bytes::from_static(b"null"))
        }
        .boxed()
    })
}
