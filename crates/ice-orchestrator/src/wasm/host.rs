//! The port for running WebAssembly, carried out by the engine of this module.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use bytes::Bytes;
use ice_core::process::{Home, Limits, Report, Verdict, WasmHost, WasmProgram};
use tokio_util::sync::CancellationToken;

use super::{Assets, Error, Interpreter, Module, Settings, WasmEngine};

/// Runs WebAssembly for runs. Cheap to clone; the engine is made with the first run.
#[derive(Clone, Debug)]
pub struct WasmSandbox(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: Settings,
    assets: Option<Assets>,
    engine: OnceLock<Result<WasmEngine, Error>>,
}

impl WasmSandbox {
    /// With these settings, and the interpreters of a folder, if there are to be any.
    #[must_use]
    pub fn new(settings: Settings, assets: Option<Assets>) -> Self {
        Self(Arc::new(Inner { settings, assets, engine: OnceLock::new() }))
    }

    fn engine(&self) -> Result<&WasmEngine, &Error> {
        let Inner { settings, engine, .. } = &*self.0;
        engine.get_or_init(|| WasmEngine::new(settings.clone())).as_ref()
    }

    /// The interpreter of a language, and the arguments with which it runs its harness.
    async fn interpreter(&self, language: &str) -> Result<(Module, Vec<String>), Verdict> {
        let found = Interpreter::ALL.into_iter().find(|known| known.language() == language);
        let Some(interpreter) = found else {
            let what = format!("there is no interpreter of {language} for WebAssembly");
            return Err(not_there(what, None));
        };
        let Some(assets) = &self.0.assets else {
            let hint = "build the engine with a folder of interpreters".to_owned();
            return Err(not_there(format!("this engine has no interpreter of {language}"), Some(hint)));
        };
        let module = assets.get(interpreter).await.map_err(|error| not_there(error.to_string(), None))?;
        Ok((module, interpreter.arguments(interpreter.harness())))
    }
}

fn not_there(what: String, hint: Option<String>) -> Verdict {
    Verdict::SetupFailed { stage: "interpreter".to_owned(), what, hint }
}

#[async_trait]
impl WasmHost for WasmSandbox {
    async fn run(
        &self,
        program: &WasmProgram,
        input: Bytes,
        limits: &Limits,
        cancel: &CancellationToken,
    ) -> (Bytes, Report) {
        let found = match program {
            WasmProgram::Module(bytes) => Ok((Module::new(bytes.clone()), Vec::new())),
            WasmProgram::Interpreter(language) => self.interpreter(language).await,
        };
        let (module, arguments) = match found {
            Ok(found) => found,
            Err(verdict) => return (Bytes::new(), Report::new(Home::Wasm, verdict)),
        };
        match self.engine() {
            Ok(engine) => engine.run(&module, &arguments, input, limits, cancel).await,
            Err(error) => {
                let verdict =
                    Verdict::SetupFailed { stage: "engine".to_owned(), what: error.to_string(), hint: None };
                (Bytes::new(), Report::new(Home::Wasm, verdict))
            }
        }
    }
}
