//! Tests of the table: through crashes, and against others who write at the same time.

mod crash;
mod mentioned;
mod races;
mod redaction;
mod rules;
mod transfer;

use super::conformance::{Ground, check};
