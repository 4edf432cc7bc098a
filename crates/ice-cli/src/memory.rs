//! How memory is set up: the user's file `memory.toml`, if there is one, read when memory is first needed.

use async_trait::async_trait;
use ice_core::id::Tenant;
use ice_core::memory::{Backend, Kind, Memory, MemoryError, MemoryOptions, UnifiedMemoryConfig};
use ice_core::registry::near_names;
use ice_orchestrator::engine::MemorySource;

use crate::environment::Environment;
use crate::models;

/// The longest file.
const MAX_BYTES: usize = 1 << 20;

/// Memory as the file says; without one, in the data folder.
#[derive(Debug)]
pub(crate) struct MemoryFile(Environment);

impl MemoryFile {
    /// The file that `ICE_MEMORY` names, or that lies beside `models.toml`.
    pub(crate) fn of(environment: &Environment) -> Self {
        Self(environment.clone())
    }

    fn read(&self) -> Result<UnifiedMemoryConfig, MemoryError> {
        let found = models::text(&self.0, self.0.memory.as_ref(), "ICE_MEMORY", "memory.toml");
        let found = found.map_err(|fault| invalid("the file of memory", fault.message))?;
        found.map_or_else(|| Ok(UnifiedMemoryConfig::default()), |(text, label)| parse(&text, &label))
    }
}

#[async_trait]
impl MemorySource for MemoryFile {
    async fn open(&self, tenant: &Tenant, options: MemoryOptions) -> Result<Memory, MemoryError> {
        self.read()?.open(tenant, options).await
    }
}

fn invalid(what: impl Into<String>, problem: impl Into<String>) -> MemoryError {
    MemoryError::Invalid { what: what.into(), problem: problem.into() }
}

/// Reads and checks what a file says.
fn parse(text: &str, label: &str) -> Result<UnifiedMemoryConfig, MemoryError> {
    if text.len() > MAX_BYTES {
        return Err(invalid(label, format!("it has more than {MAX_BYTES} bytes")));
    }
    let config: UnifiedMemoryConfig = toml::from_str(text).map_err(|error| {
        let before = text.get(..error.span().map_or(0, |span| span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        invalid(format!("{label}:{line}:{column}"), advised(error.message()))
    })?;
    let far = Kind::ALL
        .into_iter()
        .find(|kind| config.enables(*kind) && config.of(*kind).backend == Backend::Redis);
    if let Some(kind) = far {
        let problem = "this program keeps memory in its data folder: write \"embedded\", or leave it out";
        return Err(invalid(format!("{label}: the backend \"redis\" of {kind} memory"), problem));
    }
    Ok(config)
}

/// What the reader says, and which known name an unknown one may have meant.
fn advised(said: &str) -> String {
    let names: Vec<&str> = said.split('`').skip(1).step_by(2).collect();
    let nearest = match names.split_first() {
        Some((unknown, known)) if said.starts_with("unknown") => near_names(unknown, known.iter().copied()),
        Some(_) | None => Vec::new(),
    };
    match nearest.first() {
        Some(near) => format!("{said}; did you mean `{near}`?"),
        None => said.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_and_what_is_wrong_in_it_is_told_with_its_place() {
        let config = parse("[working]\nttl_seconds = 60\n[budgets.kb]\nentries = 10\n", "m").unwrap();
        assert_eq!(config.working.ttl_seconds, Some(60));
        assert_eq!(config.budgets.len(), 1);
        let said = |text: &str| parse(text, "m").unwrap_err().to_string();
        let wrong = said("[episodic]\nttl_second = 60\n");
        assert!(wrong.contains("m:2:1 ") && wrong.contains("did you mean `ttl_seconds`?"), "{wrong}");
        let wrong = said("[semantic]\nbackend = \"redis\"\n");
        assert!(wrong.contains("keeps memory in its data folder"), "{wrong}");
        assert!(said("[semantic]\nguarantee = \"durabel\"\n").contains("did you mean `durable`?"));
        assert!(said("\n[semantic\n").contains("m:2:"), "{}", said("\n[semantic\n"));
    }
}
