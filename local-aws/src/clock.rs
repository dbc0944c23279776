//! The clock, which the caller gives.

use std::sync::Arc;

use chrono::{DateTime, Utc};

/// Returns the present moment. The command passes a simulated clock, a test passes a fixed one.
pub type Clock = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;
