//! Schedules: what is started again and again, at its times. A schedule is a key in the store; an engine that keeps schedules
//! starts what is due. Each time is started under an idempotency key made of the network, the entry and the time, before the
//! key moves on to the next one: a crash in between, or a second engine, starts nothing twice.

mod keeping;
mod record;
mod register;
mod turn;

pub use record::{Last, Schedule, ScheduleDocument};
pub(super) use register::Found;
pub use register::NewSchedule;
