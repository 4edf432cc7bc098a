//! A test of a tool alone.

use std::sync::Arc;
use std::time::Duration;

use ice_core::error::ErrorCode;
use ice_core::id::RunId;
use ice_core::schema::Validator;
use ice_core::time::{SystemClock, TestIds};
use ice_core::tools::{Effect, Grants, Tool, ToolContext, ToolError};
use ice_core::value::Value;

use super::fail;

/// How long a tool that is cancelled may take to end.
const GRACE: Duration = Duration::from_secs(5);

/// Calls a tool outside of a run, and checks what every tool has to keep. Time is real.
///
/// ```
/// use ice_core::tools::{Effect, ToolContext, ToolError, typed};
/// use ice_orchestrator::testing::ToolTest;
/// use schemars::JsonSchema;
/// use serde::{Deserialize, Serialize};
/// use serde_json::json;
///
/// #[derive(Deserialize, JsonSchema)]
/// struct Input { numbers: Vec<f64> }
/// #[derive(Serialize, JsonSchema)]
/// struct Output { sum: f64 }
///
/// async fn add(_: ToolContext, input: Input) -> Result<Output, ToolError> {
///     Ok(Output { sum: input.numbers.iter().sum() })
/// }
///
/// let add = typed::tool("add", "1.0.0", "Adds numbers.").effect(Effect::Pure).build(add).unwrap();
/// let test = ToolTest::new(add);
/// assert_eq!(test.call(json!({"numbers": [1, 2]})).unwrap().to_string(), r#"{"sum":3.0}"#);
/// test.refuses(json!({"numbers": "many"}));
/// test.repeats(json!({"numbers": [1, 2]}));
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct ToolTest {
    tool: Arc<dyn Tool>,
    grants: Grants,
}

impl ToolTest {
    /// A test of a tool to which nothing is granted.
    pub fn new(tool: Arc<dyn Tool>) -> Self {
        Self { tool, grants: Grants::default() }
    }

    /// What the tool may touch.
    pub fn grants(mut self, grants: Grants) -> Self {
        self.grants = grants;
        self
    }

    /// Calls the tool, as the engine would: what it is given and what it gives must fit its schemas, and its effect must
    /// not be more than its spec says.
    ///
    /// # Errors
    /// What the tool says.
    ///
    /// # Panics
    /// If the tool breaks one of these rules, or the input does not fit.
    #[track_caller]
    pub fn call(&self, input: impl Into<Value>) -> Result<Value, ToolError> {
        let input = input.into();
        self.fitting("input", &self.tool.spec().input_schema, &input);
        let (effect, most) = (self.tool.effect(&input), self.tool.spec().effect);
        if effect > most {
            fail(&format!("the effect of this call is {effect:?}, the spec says {most:?} at most"));
        }
        let output = runtime().block_on(self.tool.call(&self.context(), input));
        if let Ok(output) = &output {
            self.fitting("output", &self.tool.spec().output_schema, output);
        }
        output
    }

    /// Checks that the input does not fit the tool's schema, so that it is refused before it is called.
    ///
    /// # Panics
    /// If it fits.
    #[track_caller]
    pub fn refuses(&self, input: impl Into<Value>) {
        let input = input.into();
        if violations(&self.tool.spec().input_schema, &input).is_none() {
            fail(&format!("the input {input} fits the schema of `{}`", self.tool.spec().name));
        }
    }

    /// Checks that a second call with the same idempotency key gives the same: what a call that is repeated after a crash
    /// must do.
    ///
    /// # Panics
    /// If it does not, if a call fails, or if the tool says that it cannot be repeated.
    #[track_caller]
    pub fn repeats(&self, input: impl Into<Value>) {
        let input = input.into();
        let effect = self.tool.effect(&input);
        if !effect.is_repeatable() {
            fail(&format!("nobody repeats a call of `{}`: its effect is {effect:?}", self.tool.spec().name));
        }
        let calls = [self.call(input.clone()), self.call(input)];
        match calls {
            [Ok(first), Ok(second)] if first == second => {}
            [Ok(first), Ok(second)] if effect == Effect::Pure => {
                fail(&format!("a pure tool gave {first} and then {second}"));
            }
            [Ok(first), Ok(second)] => {
                fail(&format!(
                    "a second call with the same idempotency key gave {second}, the first {first}"
                ));
            }
            [Err(error), _] | [_, Err(error)] => fail(&format!("the call failed: {error}")),
        }
    }

    /// Checks that the tool ends soon after its call is cancelled.
    ///
    /// # Panics
    /// If it has not ended after 5 s, or says something else than that it was cancelled. A tool that ends before it can be
    /// cancelled is fine.
    #[track_caller]
    pub fn cancels(&self, input: impl Into<Value>) {
        let (context, input) = (self.context(), input.into());
        let ended = runtime().block_on(async {
            let mut call = self.tool.call(&context, input);
            tokio::select! {
                biased;
                ended = &mut call => return Some(ended),
                () = tokio::time::sleep(Duration::from_millis(20)) => context.cancel.cancel(),
            }
            tokio::time::timeout(GRACE, call).await.ok()
        });
        match ended {
            None => fail(&format!("`{}` ignores its cancellation for {GRACE:?}", self.tool.spec().name)),
            Some(Err(error)) if error.code != ErrorCode::RunCancelled => {
                fail(&format!("cancelled, the tool says {}: {error}", error.code));
            }
            Some(Ok(_) | Err(_)) => {}
        }
    }

    fn context(&self) -> ToolContext {
        let Ok(path) = "test".parse() else { fail("`test` is no path") };
        let context = ToolContext::detached(RunId::new(&TestIds::new(1)), path, Arc::new(SystemClock));
        ToolContext { grants: Arc::new(self.grants.clone()), ..context }
    }

    #[track_caller]
    fn fitting(&self, what: &str, schema: &Value, value: &Value) {
        if let Some(violations) = violations(schema, value) {
            fail(&format!("the {what} of `{}` does not fit its schema: {violations}", self.tool.spec().name));
        }
    }
}

/// Why a value does not fit a schema, if it does not.
#[track_caller]
fn violations(schema: &Value, value: &Value) -> Option<String> {
    match Validator::compile(schema) {
        Ok(validator) => validator.validate(value).err().map(|violations| crate::journal::list(&violations)),
        Err(error) => fail(&format!("the schema is none: {error}")),
    }
}

fn runtime() -> tokio::runtime::Runtime {
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => fail(&format!("no runtime can be made: {error}")),
    }
}
