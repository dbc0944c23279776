//! Work that takes a processor for a while, off the thread that waits for S3.

use std::panic::resume_unwind;

use futures::future::pending;

/// Begins `task` on a thread of its own and gives what it gives. A panic in it is the caller's.
///
/// No task waits for anything but its processor: so it ends soon also when nobody waits for it any more.
pub fn begin<T: Send + 'static>(task: impl FnOnce() -> T + Send + 'static) -> impl Future<Output = T> + Send {
    let task = tokio::task::spawn_blocking(task);
    async move {
        match task.await {
            Ok(done) => done,
            Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
            // The runtime is on its way down, and whoever waits with it.
            Err(_) => pending().await,
        }
    }
}
