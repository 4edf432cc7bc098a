//! Cancellations at every record.
