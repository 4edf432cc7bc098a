//! Specialists work side by side, then one member joins what they found.

use super::Found;
use super::turn::{Hall, shown};
use crate::journal::Failure;
use crate::workflow::model::Member;

/// The roles of the member that decides; the last one does if none has one of them.
const DECIDERS: [&str; 2] = ["synthesizer", "decision_maker"];

/// Finds what the deciding member makes of what the others proposed.
pub(super) async fn find(hall: &mut Hall<'_>) -> Result<Found, Failure> {
    let plan = hall.plan;
    let decides = |member: &&Member| DECIDERS.contains(&&*member.role);
    let decider = plan.members.iter().find(decides).or(plan.members.last());
    let is_decider = |member: &Member| decider.is_some_and(|decider| decider.role == member.role);
    let specialists: Vec<&Member> = plan.members.iter().filter(|member| !is_decider(member)).collect();
    let order = |_: &Member| "You are a specialist. Propose what your part in the answer is.".to_owned();
    let found = hall.round(0, &specialists, &plan.proposal, 1, order).await?;
    let decider: Vec<&Member> = decider.into_iter().collect();
    let told = |_: &Member| {
        format!("These are the proposals of the specialists; join them to one answer:\n{}", shown(&found))
    };
    let decided = hall.round(1, &decider, &plan.proposal, 1, told).await?;
    let given = decided.into_iter().next().ok_or_else(super::nobody)?;
    Ok(Found { given, rounds: 2 })
}
