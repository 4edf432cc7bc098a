//! Rounds of proposals, each of which sees those of the round before, until their mean confidence is high enough.

use super::Found;
use super::turn::{Given, Hall, shown, surest};
use crate::journal::Failure;
use crate::workflow::model::Member;

/// The fewest members that must propose something in a round.
const QUORUM: usize = 2;

/// Finds the proposal that is surest in the round that reached consensus, or of all if none did.
pub(super) async fn find(hall: &mut Hall<'_>) -> Result<Found, Failure> {
    let plan = hall.plan;
    let members: Vec<&Member> = plan.members.iter().collect();
    let mut before: Vec<Given> = Vec::new();
    let mut best: Option<Given> = None;
    let mut round = 0;
    loop {
        let number = round + 1;
        let told = |_: &Member| {
            let order = format!("This is round {number} of at most {}. Propose an answer.", plan.max_rounds);
            match before.as_slice() {
                [] => order,
                before => format!(
                    "{order} These are the proposals of the round before; take up what is right in them:\n{}",
                    shown(before)
                ),
            }
        };
        let all = hall.round(round, &members, &plan.proposal, QUORUM, told).await?;
        round = number;
        let here = surest(&all).cloned();
        let mean = mean(&all);
        if mean >= plan.threshold
            && let Some(given) = here
        {
            return Ok(Found { given: Given { confidence: mean, ..given }, rounds: round });
        }
        best = best
            .into_iter()
            .chain(here)
            .reduce(|one, other| if other.confidence > one.confidence { other } else { one });
        if round >= plan.max_rounds
            && let Some(given) = best
        {
            return Ok(Found { given: Given { confidence: mean, ..given }, rounds: round });
        }
        before = all;
    }
}

fn mean(all: &[Given]) -> f64 {
    let sum: f64 = all.iter().map(|given| given.confidence).sum();
    if all.is_empty() { 0.0 } else { sum / all.len() as f64 }
}
