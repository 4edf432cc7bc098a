//! What the tool takes, gives and does.

use std::io::Read;
use std::sync::Arc;

use ice_core::tools::typed::{self, InvalidTool};
use ice_core::tools::{Capability, Effect, Tool, ToolContext, ToolError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::support::{Source, blocking, stopped};

/// What to hash: either `path` or `text`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The text; its UTF-8 bytes are hashed.
    #[serde(default)]
    pub text: Option<String>,
    /// A file, within a granted folder.
    #[serde(default)]
    pub path: Option<String>,
    /// How to hash.
    #[serde(default)]
    pub algorithm: Algorithm,
}

/// A hash function.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Algorithm {
    /// SHA-256.
    #[default]
    Sha256,
    /// BLAKE3, 256 bits.
    Blake3,
}

/// The hash.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Output {
    /// How it was hashed.
    pub algorithm: Algorithm,
    /// The hash, as 64 lower-case hex digits.
    pub hash: String,
    /// The number of bytes.
    pub bytes: u64,
}

/// The tool `hash`.
///
/// # Errors
/// Never in practice: its description is fixed, and a test builds it.
pub fn tool() -> Result<Arc<dyn Tool>, InvalidTool> {
    typed::tool("hash", "1.0.0", "Computes the SHA-256 or BLAKE3 hash of a file or text.")
        .effect(Effect::Idempotent)
        .effect_of(crate::support::reading_effect)
        .capability(Capability::ReadFiles)
        .build(run)
}

async fn run(ctx: ToolContext, input: Input) -> Result<Output, ToolError> {
    blocking(&ctx, move |ctx| {
        let mut source = Source::open(ctx, input.path.as_deref(), input.text)?;
        let (mut sha256, mut blake3) = (Sha256::new(), blake3::Hasher::new());
        let mut buffer = vec![0; 1 << 16];
        let mut bytes = 0;
        loop {
            let count = source.reader.read(&mut buffer).map_err(|error| stopped(&source.name, &error))?;
            let Some(part) = buffer.get(..count).filter(|part| !part.is_empty()) else { break };
            bytes += count as u64;
            match input.algorithm {
                Algorithm::Sha256 => sha256.update(part),
                Algorithm::Blake3 => {
                    blake3.update(part);
                }
            }
        }
        let hash = match input.algorithm {
            Algorithm::Sha256 => sha256.finalize().iter().map(|byte| format!("{byte:02x}")).collect(),
            Algorithm::Blake3 => blake3.finalize().to_hex().to_string(),
        };
        Ok(Output { algorithm: input.algorithm, hash, bytes })
    })
    .await
}
