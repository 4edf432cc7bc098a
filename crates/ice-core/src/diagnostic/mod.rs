//! Diagnostics: what is wrong with a blueprint, where, and what to do about it.

mod list;
mod model;
mod report;
mod trail;

pub use crate::near::{did_you_mean, nearest};
pub use list::Diagnostics;
pub use model::{Diagnostic, Position, Severity};
pub(crate) use model::{Place, Step, Target};
pub(crate) use report::{Finding, Report};
pub(crate) use trail::Trail;
