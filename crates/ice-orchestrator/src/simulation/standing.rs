//! Where a simulated run stands, to tell an event after which all is as it was: it could happen for ever.

use ice_core::time::Moment;

use super::{Choices, Simulation, World};

/// Something of this is changed by every event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    records: u64,
    now: Moment,
    epoch: u64,
    advance: bool,
    /// Chunks written, and how many of them are durable.
    chunks: (usize, usize),
    has_open: bool,
    /// Attempts that wait to begin, those under way, and the steps these have begun and ended.
    attempts: (usize, usize, usize),
    /// Crashes and cancels that may come, and plans to move to.
    left: (u32, u32, usize),
}

impl<W: World, C: Choices> Simulation<'_, W, C> {
    pub(super) fn standing(&self) -> Standing {
        let steps =
            self.running.values().map(|running| 2 * running.ended + usize::from(running.announced.is_some()));
        Standing {
            records: self.state.next_number(),
            now: self.now,
            epoch: self.epoch,
            advance: self.advance,
            chunks: self.journal.written(),
            has_open: self.journal.has_open(),
            attempts: (self.held.len(), self.running.len(), steps.sum()),
            left: (self.faults.crashes, self.faults.cancels, self.moves.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ice_core::blueprint::{Format, read};
    use ice_core::registry::Registry;
    use ice_core::value::Value;

    use super::super::event::Event;
    use super::super::{Call, Paths, Reply};
    use super::*;
    use crate::journal::RunOptions;
    use crate::workflow::{Plan, compile};

    fn plan() -> Arc<Plan> {
        let registry = Registry::default();
        let yaml = "nodes: [{id: ask, type: human, prompt_message: ok?, timeout_seconds: 5}]";
        let checked =
            read(yaml, Format::Yaml, "plan").check(&registry.catalog(crate::executable_kinds())).unwrap();
        compile(&checked, &registry).unwrap()
    }

    #[test]
    fn an_event_after_which_all_is_as_it_was_is_a_violation() {
        let world = |_: &Call<'_>| Reply::never();
        let mut paths = Paths::new();
        let mut run = Simulation::new(&plan(), Value::Null, RunOptions::default(), world, &mut paths);
        run.begin().unwrap();
        let error = run.step(Event::Tick).unwrap_err();
        assert_eq!(error, "Tick changes nothing, and could happen for ever");
        run.step(Event::Wait).unwrap();
        run.step(Event::Tick).unwrap();
        assert!(run.state.status().is_final(), "{:?}", run.state.status());
    }
}
