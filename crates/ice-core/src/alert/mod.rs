//! Alerts of monitors, and the port over which they reach people.

#[expect(clippy::module_inception, reason = "the noun of the module is the alert itself")]
mod alert;
mod sink;

pub use alert::{Alert, Severity};
pub use sink::{AlertSink, Alerts};
