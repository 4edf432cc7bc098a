//! The port for tools: what a tool says of itself, how it is called, and how it fails.

mod context;
mod effect;
mod error;
mod memory;
mod spec;
pub mod typed;

use std::fmt;

use async_trait::async_trait;

pub use crate::process::{Grants, HostGrant, InvalidGrant, InvalidScope, ScopeAccess, ScopeGrant};
pub use context::{ProgressSink, ToolContext, ToolLimits};
pub use effect::Effect;
pub use error::{Started, ToolError};
pub use memory::ToolMemory;
pub use spec::{Capability, ToolSpec};

use crate::process::{Home, Isolation};
use crate::value::Value;

/// A unit of work that nodes call: JSON in, JSON out.
///
/// `call` must watch `ctx.cancel` and return [`ToolError::cancelled`] soon after it fires. Blocking work goes
/// to `spawn_blocking`. The engine validates input and output against the schemas of the spec.
#[async_trait]
pub trait Tool: Send + Sync + fmt::Debug {
    /// What the tool says of itself. Must not change while the tool is registered.
    fn spec(&self) -> &ToolSpec;

    /// The effect of a call with this input: at most that of the spec (a GET of an HTTP tool is idempotent).
    fn effect(&self, input: &Value) -> Effect {
        let _ = input;
        self.spec().effect
    }

    /// Where its calls are carried out, if the run leaves the choice as stated.
    fn home(&self, isolation: Isolation) -> Home {
        let _ = isolation;
        Home::InProcess
    }

    /// The hosts that a call with this input is going to reach, as far as the tool knows before: so that a grant of a
    /// pattern of hosts can be narrowed to those.
    fn hosts(&self, input: &Value) -> Vec<HostGrant> {
        let _ = input;
        Vec::new()
    }

    /// The names of the secrets that it cannot be called without.
    fn secrets(&self) -> Vec<&str> {
        Vec::new()
    }

    /// Does the work.
    ///
    /// # Errors
    /// [`ToolError`], which says whether anything was started.
    async fn call(&self, ctx: &ToolContext, input: Value) -> Result<Value, ToolError>;
}
