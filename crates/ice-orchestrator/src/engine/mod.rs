//! The engine: drives runs over a store. One task per run owns the run's state; everything else sends it
//! messages. What a run is lives in the journal alone, so an engine may end at any moment.

mod answer;
mod ask;
mod attempt;
mod bound;
mod budgets;
mod builder;
mod closing;
mod conversation;
mod driver;
#[expect(clippy::module_inception, reason = "the noun of the module is the engine itself")]
mod engine;
mod erase;
mod error;
mod export;
mod fork;
mod handle;
mod holdings;
mod import;
mod memories;
mod memory;
mod meters;
mod migrate;
mod perform;
mod plans;
mod processes;
mod prune;
mod query;
mod recover;
mod remains;
mod replay;
mod results;
mod roster;
mod run;
mod schedules;
mod search;
mod signal;
mod spans;
mod start;
mod tool_memory;
mod transient;
mod waking;
mod writer;

pub use answer::Reply;
pub use budgets::SharedBudget;
pub use builder::EngineBuilder;
pub use engine::Engine;
pub use erase::{Erased, Erasure};
pub use error::RunError;
pub use export::Export;
pub use fork::Fork;
pub use handle::{RunEnd, RunHandle};
pub use import::{Arrived, Import};
pub use memories::{MemorySource, open_memory};
pub use migrate::Migration;
pub use prune::{Pruned, Retention};
pub use query::RunFilter;
pub use recover::TakenUp;
pub use replay::Replayed;
pub use schedules::{Last, NewSchedule, Schedule, ScheduleDocument};
pub use transient::{Transient, TransientRead};

pub(crate) use signal::Signal;
