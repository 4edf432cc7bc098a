//! The tool `my_tool`: counts how often each word occurs in a text.
//!
//! Put it into the registry of your program: `registry.tools.register(my_tool::tool()?)?`. From then on
//! blueprints can call it: `type: tool`, `tool_name: my_tool`.

use std::collections::BTreeMap;
use std::sync::Arc;

use ice_core::tools::{Effect, Tool, ToolContext, ToolError, typed};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the tool is given. The comments become descriptions in its schema.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The text.
    pub text: String,
    /// The most words to return; all if absent.
    #[serde(default)]
    pub limit: Option<usize>,
}

/// What the tool gives.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
pub struct Output {
    /// How often each word occurs, in lower case.
    pub words: BTreeMap<String, u64>,
    /// How many words the text has.
    pub total: u64,
}

/// The tool. `Pure` says that a call changes nothing, so that it may be repeated at any time. A tool that
/// sends, books or deletes something is `Irreversible`: after a crash a person is asked before it is repeated.
///
/// # Errors
/// [`typed::InvalidTool`] if the name, the version or the description is not allowed.
pub fn tool() -> Result<Arc<dyn Tool>, typed::InvalidTool> {
    let about = "Counts how often each word occurs in a text.";
    typed::tool("my_tool", "0.1.0", about).effect(Effect::Pure).build(count)
}

async fn count(_: ToolContext, input: Input) -> Result<Output, ToolError> {
    let mut words: BTreeMap<String, u64> = BTreeMap::new();
    for word in input.text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        *words.entry(word.to_lowercase()).or_default() += 1;
    }
    let total = words.values().sum();
    if let Some(limit) = input.limit {
        let mut counts: Vec<(String, u64)> = words.into_iter().collect();
        counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        words = counts.into_iter().take(limit).collect();
    }
    Ok(Output { words, total })
}

#[cfg(test)]
mod tests {
    use ice_core::id::RunId;
    use ice_core::time::{SystemClock, SystemIds};
    use ice_core::value::Value;

    use super::*;

    #[tokio::test]
    async fn words_are_counted() {
        let context =
            ToolContext::detached(RunId::new(&SystemIds), "n".parse().unwrap(), Arc::new(SystemClock));
        let input = Value::map([("text", Value::string("Ice is ice.")), ("limit", Value::from(1))]);
        let output = tool().unwrap().call(&context, input).await.unwrap();
        assert_eq!(output.to_string(), r#"{"words":{"ice":2},"total":3}"#);
    }
}
