//! The port for running WebAssembly.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use super::{Limits, Report};

/// What is to be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WasmProgram {
    /// A module or component: binary, or the text format.
    Module(Bytes),
    /// The interpreter of a language, by the language's name: `python`, `javascript`.
    Interpreter(String),
}

/// Runs WebAssembly without files, network and environment.
#[async_trait]
pub trait WasmHost: Send + Sync + fmt::Debug {
    /// Runs a program to its end: gives it `input` on its standard input, and what it wrote to standard output. An
    /// interpreter is given the harness of its language, which reads what to run from standard input.
    ///
    /// Dropping the future ends the program.
    async fn run(
        &self,
        program: &WasmProgram,
        input: Bytes,
        limits: &Limits,
        cancel: &CancellationToken,
    ) -> (Bytes, Report);
}
