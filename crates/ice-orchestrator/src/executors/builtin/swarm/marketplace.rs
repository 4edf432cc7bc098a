//! Members bid for the work; cost and confidence decide who does it.

use std::cmp::Ordering;

use super::Found;
use super::turn::{Given, Hall, surest};
use crate::journal::Failure;
use crate::workflow::model::Member;

/// Finds the work of the best bidder. If it fails, or is not sure enough, the next one has a try, as long as there are
/// rounds; at the end the surest work counts.
pub(super) async fn find(hall: &mut Hall<'_>) -> Result<Found, Failure> {
    let plan = hall.plan;
    let members: Vec<&Member> = plan.members.iter().collect();
    let order = |_: &Member| {
        "Do not do the work yet: bid for it. Say how you would do it, how sure you are that it would be right, and how \
         many tokens it would take. The cheapest of those that are sure enough gets it."
            .to_owned()
    };
    let mut bids = hall.round(0, &members, &plan.bid, 1, order).await?;
    bids.sort_by(|one, other| rank(one, other, plan.threshold));
    let mut done: Vec<Given> = Vec::new();
    let mut failed = None;
    let mut rounds = 1;
    for bid in &bids {
        if rounds >= plan.max_rounds || done.iter().any(|given| given.confidence >= plan.threshold) {
            break;
        }
        let winner: Vec<&Member> = members.iter().copied().filter(|member| member.role == bid.role).collect();
        let told = |_: &Member| format!("Your bid won. Do the work as you said: {}", bid.proposal);
        match hall.round(rounds, &winner, &plan.proposal, 1, told).await {
            Ok(given) => done.extend(given),
            Err(failure) if failure.code == ice_core::error::ErrorCode::RunCancelled => return Err(failure),
            Err(failure) => drop(failed.get_or_insert(failure)),
        }
        rounds += 1;
    }
    match surest(&done) {
        Some(given) => Ok(Found { given: given.clone(), rounds }),
        None => Err(failed.unwrap_or_else(super::nobody)),
    }
}

/// The better bid first: one that is sure enough before one that is not; of the former the cheaper, of the latter the surer.
fn rank(one: &Given, other: &Given, threshold: f64) -> Ordering {
    let enough = |given: &Given| given.confidence >= threshold;
    match (enough(one), enough(other)) {
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (true, true) => one.cost.total_cmp(&other.cost).then(other.confidence.total_cmp(&one.confidence)),
        (false, false) => other.confidence.total_cmp(&one.confidence).then(one.cost.total_cmp(&other.cost)),
    }
}
