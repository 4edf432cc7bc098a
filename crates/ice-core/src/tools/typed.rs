//! Tools from async functions with typed input and output: the schemas come from the types.
//!
//! ```
//! use ice_core::tools::{Effect, ToolContext, ToolError, typed};
//! use schemars::JsonSchema;
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Deserialize, JsonSchema)]
//! #[serde(deny_unknown_fields)]
//! struct Input {
//!     /// The numbers to add.
//!     numbers: Vec<f64>,
//! }
//!
//! #[derive(Serialize, JsonSchema)]
//! struct Output {
//!     /// Their sum.
//!     sum: f64,
//! }
//!
//! async fn add(_: ToolContext, input: Input) -> Result<Output, ToolError> {
//!     Ok(Output { sum: input.numbers.iter().sum() })
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let tool = typed::tool("add", "1.0.0", "Adds numbers.").effect(Effect::Pure).build(add)?;
//! assert_eq!(tool.spec().input_schema.get("required").map(ToString::to_string), Some(r#"["numbers"]"#.into()));
//!
//! # use std::sync::Arc;
//! # use ice_core::{id::RunId, path::NodePath, time::{SystemClock, SystemIds}, value::Value};
//! # let context = ToolContext::detached(RunId::new(&SystemIds), "add".parse()?, Arc::new(SystemClock));
//! let input = Value::map([("numbers", Value::list([Value::from(1), Value::from(2)]))]);
//! let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! assert_eq!(runtime.block_on(tool.call(&context, input))?.to_string(), r#"{"sum":3.0}"#);
//! # Ok(())
//! # }
//! ```

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Capability, Effect, HostGrant, Tool, ToolContext, ToolError, ToolSpec};
use crate::error::ErrorCode;
use crate::schema;
use crate::value::Value;

/// The longest name of a tool, in bytes.
const MAX_NAME: usize = 64;

/// A tool that was described in a way that cannot be registered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTool {
    /// The name breaks the grammar.
    #[error(
        "`{0}` is no name for a tool: lower-case letters, digits and `_`, beginning with a letter, with at most \
         one `.` after a namespace, and 64 bytes in all"
    )]
    Name(String),
    /// The version is not a semantic version.
    #[error("`{version}` is no version of tool `{name}`: write three numbers such as `1.0.0`")]
    Version {
        /// The tool.
        name: String,
        /// What was given.
        version: String,
    },
    /// The description is empty.
    #[error("tool `{0}` has no description: say in a sentence what it does")]
    Description(String),
}

impl InvalidTool {
    /// The code of the failure.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Name(_) | Self::Version { .. } | Self::Description(_) => ErrorCode::ScaffoldValidation,
        }
    }
}

/// Whether a text may name a tool: `[a-z][a-z0-9_]*`, optionally `namespace.name`, at most 64 bytes.
#[must_use]
pub fn is_tool_name(name: &str) -> bool {
    let is_word = |word: &str| {
        word.starts_with(|c: char| c.is_ascii_lowercase())
            && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    name.len() <= MAX_NAME
        && match name.split_once('.') {
            Some((namespace, name)) => is_word(namespace) && is_word(name),
            None => is_word(name),
        }
}

/// Begins the description of a tool: its name, its semantic version, and what it does in a sentence or two.
/// Its effect is [`Effect::Irreversible`] until stated otherwise.
pub fn tool(name: &str, version: &str, description: &str) -> ToolBuilder {
    ToolBuilder {
        name: name.to_owned(),
        version: version.to_owned(),
        description: description.to_owned(),
        effect: Effect::default(),
        effect_of: None,
        hosts_of: None,
        capabilities: Vec::new(),
    }
}

type EffectOf = Arc<dyn Fn(&Value) -> Effect + Send + Sync>;
type HostsOf = Arc<dyn Fn(&Value) -> Vec<HostGrant> + Send + Sync>;

/// A tool being described. See [`tool`].
#[must_use]
pub struct ToolBuilder {
    name: String,
    version: String,
    description: String,
    effect: Effect,
    effect_of: Option<EffectOf>,
    hosts_of: Option<HostsOf>,
    capabilities: Vec<Capability>,
}

impl ToolBuilder {
    /// States what a call does to the world at most.
    pub const fn effect(mut self, effect: Effect) -> Self {
        self.effect = effect;
        self
    }

    /// States the effect of a call by its input. The upper bound stays that of [`effect`](Self::effect).
    pub fn effect_of(mut self, effect_of: impl Fn(&Value) -> Effect + Send + Sync + 'static) -> Self {
        self.effect_of = Some(Arc::new(effect_of));
        self
    }

    /// States which hosts a call is going to reach, by its input: see [`Tool::hosts`].
    pub fn hosts_of(mut self, hosts_of: impl Fn(&Value) -> Vec<HostGrant> + Send + Sync + 'static) -> Self {
        self.hosts_of = Some(Arc::new(hosts_of));
        self
    }

    /// States something that the tool needs of the machine.
    pub fn capability(mut self, capability: Capability) -> Self {
        if !self.capabilities.contains(&capability) {
            self.capabilities.push(capability);
        }
        self
    }

    /// Makes the tool of a function. An input that does not fit its type is refused with
    /// [`ErrorCode::ToolInputInvalid`] before the function is called. [`Value`]s within input and output are
    /// shared, not copied.
    ///
    /// # Errors
    /// [`InvalidTool`] if name, version or description cannot be used.
    pub fn build<I, O, F, R>(self, function: F) -> Result<Arc<dyn Tool>, InvalidTool>
    where
        I: DeserializeOwned + JsonSchema + Send + 'static,
        O: Serialize + JsonSchema + Send + 'static,
        F: Fn(ToolContext, I) -> R + Send + Sync + 'static,
        R: Future<Output = Result<O, ToolError>> + Send + 'static,
    {
        if !is_tool_name(&self.name) {
            return Err(InvalidTool::Name(self.name.chars().take(200).collect()));
        }
        let Ok(version) = semver::Version::parse(&self.version) else {
            return Err(InvalidTool::Version { name: self.name, version: self.version });
        };
        if self.description.trim().is_empty() {
            return Err(InvalidTool::Description(self.name));
        }
        let spec = ToolSpec {
            name: self.name,
            version,
            description: self.description,
            input_schema: schema::of_input::<I>(),
            output_schema: schema::of_output::<O>(),
            effect: self.effect,
            capabilities: self.capabilities,
        };
        let Self { effect_of, hosts_of, .. } = self;
        Ok(Arc::new(TypedTool { spec, effect_of, hosts_of, function, types: PhantomData }))
    }
}

impl fmt::Debug for ToolBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ToolBuilder").field("name", &self.name).finish_non_exhaustive()
    }
}

struct TypedTool<I, O, F> {
    spec: ToolSpec,
    effect_of: Option<EffectOf>,
    hosts_of: Option<HostsOf>,
    function: F,
    types: PhantomData<fn(I) -> O>,
}

impl<I, O, F> fmt::Debug for TypedTool<I, O, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TypedTool").field("name", &self.spec.name).finish_non_exhaustive()
    }
}

#[async_trait]
impl<I, O, F, R> Tool for TypedTool<I, O, F>
where
    I: DeserializeOwned + Send + 'static,
    O: Serialize + Send + 'static,
    F: Fn(ToolContext, I) -> R + Send + Sync + 'static,
    R: Future<Output = Result<O, ToolError>> + Send + 'static,
{
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn effect(&self, input: &Value) -> Effect {
        match &self.effect_of {
            Some(effect_of) => effect_of(input).min(self.spec.effect),
            None => self.spec.effect,
        }
    }

    fn hosts(&self, input: &Value) -> Vec<HostGrant> {
        self.hosts_of.as_ref().map(|hosts_of| hosts_of(input)).unwrap_or_default()
    }

    async fn call(&self, ctx: &ToolContext, input: Value) -> Result<Value, ToolError> {
        if ctx.cancel.is_cancelled() {
            return Err(ToolError::cancelled().not_started());
        }
        let typed = input.to::<I>().map_err(|error| {
            ToolError::refused(
                ErrorCode::ToolInputInvalid,
                format!("the input of tool `{}` does not fit: {error}", self.spec.name),
            )
        })?;
        drop(input);
        let output = (self.function)(ctx.clone(), typed).await?;
        Value::from_serialize(&output).map_err(|error| {
            ToolError::failed(
                ErrorCode::ToolOutputInvalid,
                format!("the output of tool `{}` has no JSON form: {error}", self.spec.name),
            )
            .retryable(false)
        })
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::id::RunId;
    use crate::time::{Moment, TestClock, TestIds};

    #[derive(Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct Input {
        text: String,
        #[serde(default)]
        shared: Value,
    }

    #[derive(Serialize, JsonSchema)]
    struct Output {
        length: usize,
        shared: Value,
    }

    async fn measure(_: ToolContext, input: Input) -> Result<Output, ToolError> {
        Ok(Output { length: input.text.len(), shared: input.shared })
    }

    fn context() -> ToolContext {
        ToolContext::detached(
            RunId::new(&TestIds::new(1)),
            "n".parse().unwrap(),
            Arc::new(TestClock::new(Moment::from_millis(0))),
        )
    }

    fn input(json: serde_json::Value) -> Value {
        Value::from(json)
    }

    #[tokio::test]
    async fn a_function_becomes_a_tool() {
        let tool = tool("text.measure", "1.2.3", "Measures.")
            .effect(Effect::Idempotent)
            .capability(Capability::ReadFiles)
            .capability(Capability::ReadFiles)
            .build(measure)
            .unwrap();
        let spec = tool.spec();
        assert_eq!((spec.name.as_str(), spec.version.to_string()), ("text.measure", "1.2.3".to_owned()));
        assert_eq!((spec.effect, &*spec.capabilities), (Effect::Idempotent, &[Capability::ReadFiles][..]));
        assert!(schema::Validator::compile(&spec.input_schema).is_ok());
        assert!(schema::Validator::compile(&spec.output_schema).is_ok());

        let shared = Value::list([Value::from("x")]);
        let given = Value::map([("text", Value::from("abc")), ("shared", shared.clone())]);
        let output = tool.call(&context(), given).await.unwrap();
        assert_eq!(output.to_string(), r#"{"length":3,"shared":["x"]}"#);
        match (output.get("shared"), &shared) {
            (Some(Value::List(a)), Value::List(b)) => assert!(Arc::ptr_eq(a, b)),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn a_whole_value_passes_through_shared() {
        let same = |_: ToolContext, value: Value| async move { Ok(value) };
        let tool =
            tool("same", "1.0.0", "Returns what it is given.").effect(Effect::Pure).build(same).unwrap();
        let text: Arc<str> = Arc::from("x".repeat(1 << 20));
        let output = tool.call(&context(), Value::String(Arc::clone(&text))).await.unwrap();
        assert!(matches!(output, Value::String(found) if Arc::ptr_eq(&found, &text)));
    }

    #[tokio::test]
    async fn an_input_that_does_not_fit_is_refused_before_the_call() {
        let tool = tool("measure", "1.0.0", "Measures.").build(measure).unwrap();
        for bad in
            [serde_json::json!({}), serde_json::json!({"text": 1}), serde_json::json!({"text": "", "x": 1})]
        {
            let error = tool.call(&context(), input(bad)).await.unwrap_err();
            assert_eq!(
                (error.code, error.started),
                (ErrorCode::ToolInputInvalid, crate::tools::Started::NotStarted)
            );
            assert!(error.message.contains("`measure`"), "{error}");
        }
        let cancelled = context();
        cancelled.cancel.cancel();
        let error = tool.call(&cancelled, input(serde_json::json!({"text": ""}))).await.unwrap_err();
        assert_eq!(error, ToolError::cancelled().not_started());
    }

    #[test]
    fn an_effect_by_input_stays_below_its_bound() {
        let by_input = |input: &Value| {
            if input.get("text").is_some() { Effect::Pure } else { Effect::Irreversible }
        };
        let tool =
            tool("m", "1.0.0", "M.").effect(Effect::Idempotent).effect_of(by_input).build(measure).unwrap();
        assert_eq!(tool.effect(&input(serde_json::json!({"text": ""}))), Effect::Pure);
        assert_eq!(tool.effect(&Value::Null), Effect::Idempotent);
    }

    #[test]
    fn what_cannot_be_registered_is_refused() {
        let build = |name: &str, version: &str, about: &str| tool(name, version, about).build(measure).err();
        for name in ["", "Upper", "1a", "a-b", "a.b.c", "a.", ".a", "a b", &"a".repeat(65)] {
            assert!(matches!(build(name, "1.0.0", "x"), Some(InvalidTool::Name(_))), "{name}");
        }
        assert!(matches!(build("a", "1.0", "x"), Some(InvalidTool::Version { .. })));
        assert_eq!(build("a", "1.0.0", " "), Some(InvalidTool::Description("a".to_owned())));
    }
}
