//! The transform over every known shape of event, and over damaged ones.

mod any_batch;
mod golden;
