//! Moving a simulated run to another plan, as the engine does it.

use super::journal::Folder;
use super::{Choices, Simulation, World};
use crate::journal::{Body, Migrated, Record};
use crate::workflow::runtime::apply;

impl<W: World, C: Choices> Simulation<'_, W, C> {
    /// Moves the run to one of its plans, if its past is the same over that one.
    pub(super) fn move_to(&mut self, which: usize) -> Result<(), String> {
        let plan = self.moves.remove(which);
        let fresh = Folder::moved_at(&plan, self.state.next_number());
        let folder = self.journal.fold_all(&plan, fresh).and_then(|folder| {
            let steps = folder.replay.as_ref().map_or(Ok(()), |replay| replay.compare_open_steps());
            steps.map(|()| folder).map_err(|divergence| divergence.to_string())
        });
        let folder = match folder {
            Ok(folder) => folder,
            Err(why) => {
                self.trace.push(format!("    refused: {why}"));
                return Ok(());
            }
        };
        let to = Migrated {
            plan: plan.hash,
            blueprint: plan.blueprint.blueprint_id.clone(),
            name: plan.blueprint.name().to_owned(),
            not_enforced: Vec::new(),
            by: self.by.clone(),
        };
        let mut state = folder.state.clone().ok_or("the journal is empty")?;
        let record = Record { at: self.now, body: Body::Migrated(Box::new(to)) };
        apply(&mut state, &record).map_err(|error| error.to_string())?;
        (self.plan, self.state, self.shadow) = (plan, state, folder);
        let bytes = self.journal.push(&record)?;
        self.shadow.fold(&self.plan, &bytes, self.journal.blobs())?;
        // It is one commit with the head of the run, which names the plan: nobody sees one without the other.
        self.journal.sync();
        self.moved += 1;
        self.advance = true;
        Ok(())
    }
}
