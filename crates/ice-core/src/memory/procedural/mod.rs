//! How things are done, and how well that went. `storage` keeps procedures and finds them, `analytics` judges them,
//! `learning` changes them by how they went.

mod analytics;
mod defaults;
mod learning;
mod storage;

pub use analytics::{CategoryMetrics, MIN_USES, applies, score};
pub use defaults::default_procedures;
pub use learning::{Execution, success_rate};
pub use storage::procedure_of;

use super::{Memory, Scope};

/// Procedural memory of a scope.
///
/// ```
/// use ice_core::memory::{Execution, Memory, MemoryOptions, Procedure, ProceduralMemory, Scope};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let memory = Memory::open(MemoryOptions::in_memory()).await?;
/// let procedural = ProceduralMemory::new(memory, Scope::default());
/// let steps = vec!["greet".into(), "offer".into()];
/// procedural.store("sell", Procedure { name: "Sell".to_owned(), steps, ..Procedure::default() }).await?;
/// for score in [0.0, 1.0] {
///     procedural.record_execution("sell", Execution { success_score: score, ..Execution::default() }).await?;
/// }
/// let best = procedural.best_procedures("general", 0.6).await?;
/// // The newest counts twice as much as the one before: 1 / 1.5.
/// assert!((procedural.success_rate_of(&best[0]) - 2.0 / 3.0).abs() < 1e-9);
/// # Ok(())
/// # })
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ProceduralMemory {
    memory: Memory,
    scope: Scope,
}

impl ProceduralMemory {
    /// The procedural memory of a scope.
    #[must_use]
    pub const fn new(memory: Memory, scope: Scope) -> Self {
        Self { memory, scope }
    }
}
