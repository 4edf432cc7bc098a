//! What could happen next.

use ice_core::path::NodePath;

use crate::journal::Decision;
use crate::workflow::runtime::Ticket;

/// What could happen next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// The run's task decides what is possible now.
    Advance,
    /// An attempt announces its next step.
    Announce(Ticket),
    /// The step of an attempt ends.
    EndStep(Ticket),
    /// An attempt ends.
    End(Ticket, Ending),
    /// Time passes until something is due.
    Wait,
    /// The run's task is told that time has passed.
    Tick,
    /// What is decided is written, for others to see.
    Write,
    /// What is written becomes durable.
    Sync,
    /// The process ends, and so many chunks of the journal survive.
    Crash(usize),
    /// Somebody cancels the run.
    Cancel,
    /// Somebody gives one of the possible answers to the question of a node.
    Answer(NodePath, usize),
    /// Somebody decides about a node in doubt.
    Settle(NodePath, Decision),
    /// Somebody moves the run to one of the plans it may be moved to.
    Move(usize),
    /// Somebody takes a parked run up again.
    Resume(Option<Decision>),
}

/// How an attempt ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// As the world says.
    Reply,
    /// Because its time is up.
    TimedOut,
    /// Because it was cancelled.
    Cancelled,
    /// Given up: it ignored its cancellation.
    Unresponsive,
}
