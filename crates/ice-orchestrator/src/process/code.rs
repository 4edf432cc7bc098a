//! Running the code of a node: by the interpreter of the machine in a cage, or by WebAssembly.

use std::ffi::OsString;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use ice_core::blueprint::CodeLanguage;
use ice_core::error::ErrorCode;
use ice_core::plain;
use ice_core::process::{
    Grants, Home, Job, Limits, Policy, ProcessHost, Profile, Report, Verdict, WasmHost, WasmProgram,
};
use ice_core::tools::{Capability, ToolError};
use ice_core::value::Value;
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use super::answer;
use super::failure::{output_limit, tool_error};
use super::host::{MISSING_PROGRAM, defaults};
use super::sink::Sink;
use super::{granted, grants};
use crate::journal::Failure;

/// On whose behalf code runs, in metrics and messages.
pub(crate) const LABEL: &str = "code";

/// How much code may use, where the run says nothing.
const LIMITS: Limits = Limits {
    wall_ms: Some(60_000),
    idle_ms: None,
    cpu_ms: Some(30_000),
    memory_bytes: None,
    processes: None,
    open_files: None,
    file_bytes: None,
    workspace_bytes: None,
    output_bytes: Some(16 << 20),
    fuel: None,
};

/// The largest WebAssembly module that is read from a file, in bytes.
const MAX_MODULE: u64 = 64 << 20;

/// What a code node asks for, as its intent has it.
#[derive(Debug, Deserialize)]
struct Request {
    engine: Engine,
    #[serde(default)]
    language: CodeLanguage,
    #[serde(default)]
    code: Option<Arc<str>>,
    /// The name of a registered module.
    #[serde(default)]
    module: Option<String>,
    /// The path of a module.
    #[serde(default)]
    file: Option<PathBuf>,
    #[serde(default)]
    inputs: Value,
    #[serde(default)]
    imports: Vec<String>,
    #[serde(default)]
    capabilities: Vec<Capability>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Engine {
    Process,
    Wasm,
}

/// What the harness of a language answers.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    Ok(Value),
    Error(Raised),
}

#[derive(Debug, Deserialize)]
struct Raised {
    r#type: String,
    message: String,
    line: Option<u64>,
}

/// What code is run with.
pub(crate) struct Surroundings<'r> {
    pub(crate) grants: &'r Grants,
    /// What the run allows at most.
    pub(crate) limits: Limits,
    pub(crate) processes: Option<Arc<dyn ProcessHost>>,
    pub(crate) wasm: Option<Arc<dyn WasmHost>>,
    pub(crate) cancel: &'r CancellationToken,
}

/// Runs the code of a node. What WebAssembly reports goes to `observe`; a host of processes keeps its reports itself.
pub(crate) async fn run(
    request: &Value,
    surroundings: &Surroundings<'_>,
    module: impl Fn(&str) -> Option<Bytes>,
    observe: impl Fn(Report),
) -> Result<Value, Failure> {
    let request: Request = request.to().map_err(|error| {
        Failure::new(ErrorCode::CodeFailed, format!("what is to be run cannot be read: {error}"))
    })?;
    let (written, report, is_raw) = match request.engine {
        Engine::Process => {
            let (written, report) = in_process(&request, surroundings).await?;
            (written, report, false)
        }
        Engine::Wasm => {
            let (program, is_raw) = program(&request, surroundings.grants, module).await?;
            let input = if is_raw { document_of(&request.inputs)? } else { document(&request)? };
            let Some(host) = &surroundings.wasm else {
                let message =
                    "this engine runs no WebAssembly: build it with a host for it, or set `engine: process`";
                return Err(Failure::new(ErrorCode::SandboxSetup, message).about("engine"));
            };
            let limits = surroundings.limits.or(LIMITS);
            let (written, mut report) = host.run(&program, input, &limits, surroundings.cancel).await;
            let what = request.module.clone().or_else(|| Some(request.file.as_ref()?.display().to_string()));
            let what = what.unwrap_or_else(|| request.language.as_str().to_owned());
            report.policy = Some(Box::new(Policy { program: what, limits, ..Policy::default() }));
            observe(report.clone());
            (written, report, is_raw)
        }
    };
    if is_raw { raw(&written, &report) } else { answered(&written, &report, request.code.as_deref()) }
}

async fn in_process(request: &Request, surroundings: &Surroundings<'_>) -> Result<(Bytes, Report), Failure> {
    let Some(host) = &surroundings.processes else {
        let message = "code runs in a process of its own, and this engine runs none: build it with a host of processes, \
                       or set `engine: wasm`";
        return Err(Failure::new(ErrorCode::SandboxSetup, message).about("engine"));
    };
    let (program, arguments, profile): (_, &[&str], _) = match request.language {
        CodeLanguage::Python => {
            ("python3", &["-I", "-B", "-c", include_str!("../code/harness.py")], Profile::Python)
        }
        CodeLanguage::Javascript => ("node", &["-e", include_str!("../code/harness.js")], Profile::Node),
    };
    let job = Job {
        label: LABEL.to_owned(),
        program: OsString::from(program),
        arguments: arguments.iter().map(OsString::from).collect(),
        profile,
        grants: grants::of_run(surroundings.grants, &request.capabilities, Vec::new()),
        limits: surroundings.limits.or(LIMITS).or(defaults(profile)),
        ..Job::default()
    };
    let mut written = Sink::new(job.limits.output_bytes.unwrap_or_default());
    let report = host.run(&job, document(request)?, &mut written, surroundings.cancel).await;
    if let Verdict::SetupFailed { stage, what, .. } = &report.verdict
        && stage == MISSING_PROGRAM
    {
        let language = request.language.as_str();
        let message = format!(
            "`{program}`, which runs {language}, cannot be started: {what}; install it for the whole system, or set \
             `engine: wasm`"
        );
        return Err(Failure::new(ErrorCode::InterpreterMissing, message).about("language"));
    }
    // Code that wrote more than it may has hardly come to a result.
    let written =
        written.whole().ok_or_else(|| code_failure(output_limit(LABEL, &job.limits), report.home))?;
    Ok((written.into(), report))
}

/// What WebAssembly runs, and whether it is a module of the user's own, which knows nothing of a harness.
async fn program(
    request: &Request,
    grants: &Grants,
    module: impl Fn(&str) -> Option<Bytes>,
) -> Result<(WasmProgram, bool), Failure> {
    if let Some(name) = &request.module {
        let bytes = module(name).ok_or_else(|| {
            let message = format!("no WebAssembly is registered as `{name}`");
            Failure::new(ErrorCode::UnknownCode, message).about("module")
        })?;
        return Ok((WasmProgram::Module(bytes), true));
    }
    if let Some(file) = &request.file {
        let (file, grants) = (file.clone(), grants.clone());
        let read = tokio::task::spawn_blocking(move || granted::read(&file, &grants, MAX_MODULE)).await;
        let bytes = match read {
            Ok(read) => read?,
            Err(_) => {
                let message = "the module was not read, as the engine closes";
                return Err(Failure::new(ErrorCode::RunCancelled, message));
            }
        };
        return Ok((WasmProgram::Module(bytes), true));
    }
    Ok((WasmProgram::Interpreter(request.language.as_str().to_owned()), false))
}

/// The document that a harness reads.
fn document(request: &Request) -> Result<Bytes, Failure> {
    let imports = request.imports.iter().map(|name| Value::from(name.as_str()));
    document_of(&Value::map([
        ("code", request.code.clone().map_or(Value::Null, Value::String)),
        ("inputs", request.inputs.clone()),
        ("imports", Value::list(imports)),
    ]))
}

fn document_of(value: &Value) -> Result<Bytes, Failure> {
    let written = serde_json::to_vec(value);
    let written = written.map_err(|error| {
        Failure::new(ErrorCode::CodeFailed, format!("the inputs of the code have no JSON form: {error}"))
    });
    written.map(Bytes::from)
}

/// The answer of a harness, on the last line.
fn answered(written: &[u8], report: &Report, code: Option<&str>) -> Result<Value, Failure> {
    let last = written.trim_ascii_end().rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    // Whatever it wrote: what was ended before its end has no result.
    if let Some(failure) = ended(report) {
        return Err(failure);
    }
    match serde_json::from_slice(last) {
        Ok(Answer::Ok(value)) => Ok(value),
        Ok(Answer::Error(Raised { r#type, message, line })) => {
            let place = line.map(|line| format!(" (line {line} of `code`)")).unwrap_or_default();
            let (kind, message) = (plain::line(&r#type, 100), plain::line(&message, 2_000));
            let failure = Failure::new(ErrorCode::CodeFailed, format!("{kind}: {message}{place}"));
            Err(match line.zip(code).and_then(|(line, code)| range_of(line, code)) {
                Some(range) => failure.about_part("code", range),
                None => failure.about("code"),
            })
        }
        Err(error) => {
            let message = format!("the code ended without a result: {error}");
            Err(Failure::new(ErrorCode::CodeFailed, message).about("code"))
        }
    }
}

/// Where a line stands in a text, without its blanks at the ends; lines count from 1.
fn range_of(line: u64, text: &str) -> Option<Range<u32>> {
    let index = usize::try_from(line).ok()?.checked_sub(1)?;
    let before: usize = text.split_inclusive('\n').take(index).map(str::len).sum();
    let line = text.split('\n').nth(index)?;
    let begin = before + (line.len() - line.trim_start().len());
    let end = before + line.trim_end().len();
    Some(u32::try_from(begin).ok()?..u32::try_from(end.max(begin)).ok()?)
}

/// What a module wrote: one JSON document.
fn raw(written: &[u8], report: &Report) -> Result<Value, Failure> {
    if let Some(failure) = ended(report) {
        return Err(failure);
    }
    answer::read(written)
        .map_err(|what| Failure::new(ErrorCode::OutputInvalid, format!("the module {what}")).about("module"))
}

/// Why code did not come to its end, if it did not.
fn ended(report: &Report) -> Option<Failure> {
    let limits = report.policy.as_ref().map(|policy| policy.limits).unwrap_or_default();
    tool_error(LABEL, report, &limits).map(|error| code_failure(error, report.home))
}

/// The failure of a tool as that of code.
fn code_failure(error: ToolError, home: Home) -> Failure {
    let code = if error.code == ErrorCode::ToolFailed { ErrorCode::CodeFailed } else { error.code };
    let is_temporary = match home {
        Home::Process | Home::InProcess | Home::Mcp => error.retryable,
        // The same module does the same with the same inputs.
        Home::Wasm => false,
    };
    Failure { code, retryable: is_temporary, ..Failure::from(error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found_in_its_text() {
        let text = "a = 1\n\n  b = é\r\nc";
        let found =
            |line| range_of(line, text).and_then(|range| text.get(range.start as usize..range.end as usize));
        assert_eq!(
            [found(1), found(2), found(3), found(4)],
            [Some("a = 1"), Some(""), Some("b = é"), Some("c")]
        );
        assert_eq!([found(0), found(5), found(u64::MAX)], [None; 3]);
    }
}
