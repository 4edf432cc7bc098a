//! A cancellation at every record of a run, and the silence after each.

use std::fmt;

use ice_core::value::Value;

use super::fail;
use super::kit::Kit;
use super::life::{Course, Rest, Stop};
use super::ran::line;
use crate::journal::RunStatus;

/// What came of cancellations at every record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CancelReport {
    /// The records of the undisturbed run.
    pub records: u64,
    /// Cancellations after which the run ended cancelled.
    pub cancelled: usize,
    /// Those that came too late.
    pub over: usize,
}

impl fmt::Display for CancelReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { records, cancelled, over } = self;
        write!(f, "{records} records: {cancelled} cancelled, {over} over before")
    }
}

impl Kit {
    /// Runs a blueprint undisturbed, and then cancels it once for each record of its journal, as soon as the record is kept.
    /// Each run ends, and in the hour after its end no call begins or ends, no record is added and nothing is driven.
    ///
    /// # Panics
    /// If that does not hold, with the records after which it did not.
    #[track_caller]
    pub fn cancel_everywhere(&self, blueprint: &str, inputs: impl Into<Value>) -> CancelReport {
        let inputs = inputs.into();
        let records = self.run(blueprint, inputs.clone()).events.len() as u64;
        let kit = self.clone().listening();
        let mut report = CancelReport { records, ..CancelReport::default() };
        for record in 0..records {
            let mut stage = kit.stage(blueprint, inputs.clone());
            match stage.live(Course { cancel: Some(record), ..Course::default() }) {
                Stop::Rest(rest) => match check(&rest) {
                    Ok(RunStatus::Cancelled) => report.cancelled += 1,
                    Ok(_) => report.over += 1,
                    Err(what) => {
                        let events: Vec<String> = rest.events.iter().map(line).collect();
                        fail(&format!("cancelled at record {record}: {what}\n{}", events.join("\n")));
                    }
                },
                Stop::Crashed => fail("the process ended"),
                Stop::Failed(error) => fail(&format!("cancelled at record {record}: {error}")),
            }
        }
        report
    }
}

/// What holds of every run that somebody has cancelled.
fn check(rest: &Rest) -> Result<RunStatus, String> {
    let status = rest.document.status;
    if !status.is_final() {
        return Err(format!("the run does not end: it is {status}"));
    }
    if let Some(noise) = &rest.noise {
        return Err(noise.clone());
    }
    if let Some(divergence) = &rest.divergence {
        return Err(format!("the journal comes out differently when it is gone through again: {divergence}"));
    }
    match rest.document.nodes.iter().find(|node| node.ended_at.is_none()) {
        Some(open) => Err(format!("{} has not ended", open.node)),
        None => Ok(status),
    }
}
