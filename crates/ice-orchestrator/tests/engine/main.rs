//! The engine as those who embed it see it. One program, as each of its own would be 90 MB to link.

#[cfg(test)]
#[path = "../common/mod.rs"]
mod common;

#[cfg(test)]
mod agent_calls;
#[cfg(test)]
mod agent_limits;
#[cfg(test)]
mod agent_people;
#[cfg(test)]
mod agent_turns;
#[cfg(test)]
mod agents;
#[cfg(test)]
mod budgets;
#[cfg(test)]
mod context;
#[cfg(test)]
mod erasure;
#[cfg(test)]
mod estimates;
#[cfg(test)]
mod events;
#[cfg(test)]
mod executions;
#[cfg(test)]
mod export;
#[cfg(test)]
mod fields;
#[cfg(test)]
mod forks;
#[cfg(test)]
mod graphs;
#[cfg(test)]
mod images;
#[cfg(test)]
mod kinds;
#[cfg(all(test, feature = "testing"))]
mod kit;
#[cfg(test)]
mod long_journals;
#[cfg(test)]
mod migration;
#[cfg(test)]
mod monitors;
#[cfg(test)]
mod networks;
#[cfg(test)]
mod people;
#[cfg(test)]
mod policies;
#[cfg(test)]
mod recursion;
#[cfg(test)]
mod remembering;
#[cfg(test)]
mod repairs;
#[cfg(test)]
mod replay;
#[cfg(test)]
mod results;
#[cfg(test)]
mod retention;
#[cfg(test)]
mod schedules;
#[cfg(test)]
mod scopes;
#[cfg(test)]
mod shared_budgets;
#[cfg(test)]
mod sub_agents;
#[cfg(test)]
mod swarms;
#[cfg(test)]
mod telemetry;
#[cfg(test)]
mod undoable;
#[cfg(test)]
mod views;
#[cfg(test)]
mod waiting;
