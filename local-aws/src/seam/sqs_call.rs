//! The description of an SQS call.

use std::sync::Arc;

use serde_json::Value;

use super::call::{Call, Service};
use crate::names::{arn, queue_of};

/// Describes the SQS call `name` with this input. The description holds nothing of a message's content.
pub(crate) fn of_sqs(caller: &Arc<str>, name: &str, input: &[u8]) -> Call {
    // The service refuses what is not JSON.
    let input: Value = serde_json::from_slice(input).unwrap_or_default();
    let text = |field: &str| input.get(field).and_then(Value::as_str);
    let queue = text("QueueUrl").map(queue_of).or(text("QueueName")).unwrap_or("*");
    let resources = vec![arn("sqs", queue)];
    let name = name.to_owned().into();
    Call { caller: Arc::clone(caller), service: Service::Sqs, name, resources, detail: String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sqs_calls_have_names_and_resources() {
        let check = |name: &str, input: &str, expected: &str| {
            let call = of_sqs(&"me".into(), name, input.as_bytes()).to_string();
            assert_eq!(call, format!("me sqs:{name} arn:aws:sqs:us-east-1:000000000000:{expected}"));
        };
        check("CreateQueue", r#"{"QueueName":"q"}"#, "q");
        check("SendMessage", r#"{"QueueUrl":"https://sqs.us-east-1.amazonaws.com/1/q","MessageBody":"b"}"#, "q");
        check("ReceiveMessage", "no JSON", "*");
    }
}
