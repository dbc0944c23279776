//! Work that keeps a processor busy, off the thread that waits for S3.

use std::panic::resume_unwind;

use futures::future::pending;

/// Runs `task` on a thread of its own and returns its result. A panic in it continues in the caller.
///
/// No task may wait for anything but its processor. So it ends soon even if nobody waits for it any more.
pub(crate) fn spawn<T: Send + 'static>(task: impl FnOnce() -> T + Send + 'static) -> impl Future<Output = T> + Send {
    let task = tokio::task::spawn_blocking(task);
    async move {
        match task.await {
            Ok(done) => done,
            Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
            // The runtime is shutting down, and the caller with it.
            Err(_) => pending().await,
        }
    }
}
