//! When something is to be done again and again: cron expressions in time zones, and what happens to times that were
//! missed or come too soon. Nothing here waits or starts anything.
//!
//! Why no crate reads the expressions: `croner` tells neither where a mistake is nor what to write instead, and takes
//! `*/30 2 * * *` for something that recurs, so that it is left out on the day the clock skips that hour, and done twice on
//! the day it repeats it; `cronexpr` knows no seconds and no `@daily`. What they would replace is the search in `next`.
//!
//! ```
//! use ice_core::schedule::{Cron, Zone};
//! use ice_core::time::Moment;
//!
//! let (cron, zone): (Cron, Zone) = ("30 6 * * mon-fri".parse()?, "Europe/Oslo".parse()?);
//! let friday: Moment = serde_json::from_str("\"2026-03-27T12:00:00Z\"")?;
//! // Monday at half past six; the clocks were set on Sunday.
//! assert_eq!(cron.after(friday, &zone).map(|at| at.to_string()).as_deref(), Some("2026-03-30T04:30:00.000Z"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod cron;
mod field;
mod next;
#[cfg(test)]
mod tests;
mod timing;
mod zone;

pub use cron::{Cron, InvalidCron};
pub use timing::{CatchUp, Overlap, Timing};
pub use zone::{UnknownZone, Zone};
