//! Looks at a module before it is compiled: what is too large for a compiler is refused unread.

use std::borrow::Cow;
use std::time::Duration;

use wasmparser::{Encoding, Parser, Payload};

use super::compile::Refusal;
use super::effort::effort;
use super::module::Module;
use super::settings::Settings;

/// What a module is made as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A core module.
    Core,
    /// A component.
    Component,
}

const TOO_MUCH: &str = "make it smaller, for example with `wasm-opt -Oz`; huge functions with many loops and variables take longest";
const TOO_LARGE: &str = "make it smaller, for example with `wasm-opt -Oz` or without debug information";

/// Its binary form, if it keeps to the bounds.
pub(super) fn inspect<'a>(module: &'a Module, settings: &Settings) -> Result<(Form, Cow<'a, [u8]>), Refusal> {
    let bytes = module.bytes();
    let is_binary = bytes.starts_with(b"\0asm");
    // Text is a few times as long as what it stands for; pinned modules are binary.
    let allowed = if is_binary { settings.module_bytes } else { settings.module_bytes.saturating_mul(4) };
    if bytes.len() > allowed && !module.is_pinned() {
        let what = format!("it has {} bytes, more than the {allowed} that are allowed", bytes.len());
        return Err(Refusal::new(what, TOO_LARGE));
    }
    let binary = if is_binary { Cow::Borrowed(bytes.as_ref()) } else { assemble(bytes)? };
    let form = measure(&binary, (!module.is_pinned()).then_some(settings))?;
    Ok((form, binary))
}

/// The binary form of text.
fn assemble(bytes: &[u8]) -> Result<Cow<'_, [u8]>, Refusal> {
    let text = std::str::from_utf8(bytes).ok().filter(|text| !text.trim().is_empty());
    let Some(text) = text else {
        return Err(Refusal::new("it is neither WebAssembly nor its text", "give a `.wasm` or `.wat` file"));
    };
    wat::parse_str(text).map(Cow::Owned).map_err(|error| {
        Refusal::new(format!("its text cannot be read: {error}"), "give a `.wasm` or `.wat` file")
    })
}

/// Adds up what its functions take to compile, and stops where that is too much.
fn measure(binary: &[u8], bounds: Option<&Settings>) -> Result<Form, Refusal> {
    let (mut form, mut total) = (None, Duration::ZERO);
    for payload in Parser::new(0).parse_all(binary) {
        let payload = payload.map_err(|error| broken(&error))?;
        if let Payload::Version { encoding, .. } = &payload {
            form.get_or_insert(match encoding {
                Encoding::Module => Form::Core,
                Encoding::Component => Form::Component,
            });
        }
        let (Some(settings), Payload::CodeSectionEntry(body)) = (bounds, &payload) else { continue };
        total = total.saturating_add(effort(body).map_err(|error| broken(&error))?);
        if total > settings.effort {
            let allowed = settings.effort.as_secs_f64();
            let what = format!("compiling it would take more than the {allowed} seconds that are allowed");
            return Err(Refusal::new(what, TOO_MUCH));
        }
    }
    form.ok_or_else(|| Refusal::new("it is empty", "give a `.wasm` or `.wat` file"))
}

fn broken(error: &wasmparser::BinaryReaderError) -> Refusal {
    Refusal::new(
        format!("it is no valid WebAssembly: {error}"),
        "build it again; it may be cut short, or use a feature that is not enabled",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], settings: &Settings) -> Result<Form, String> {
        let module = Module::new(bytes.to_vec());
        inspect(&module, settings).map(|(form, _)| form).map_err(|refusal| refusal.what)
    }

    #[test]
    fn the_form_is_told_from_the_bytes() {
        let settings = &Settings::default();
        assert_eq!(check(b"(module)", settings), Ok(Form::Core));
        assert_eq!(check(b"(component)", settings), Ok(Form::Component));
        assert_eq!(check(&wat::parse_str("(module)").unwrap(), settings), Ok(Form::Core));
    }

    #[test]
    fn what_is_no_module_is_refused() {
        for bytes in [&b""[..], b" ", b"\xff\xfe", b"(modul)", b"\0asm", b"\0asm\x01\0\0\0\x01\x7f"] {
            assert!(check(bytes, &Settings::default()).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn what_is_too_large_is_refused() {
        let small = &Settings { module_bytes: 64, effort: Duration::from_micros(100), ..Settings::default() };
        assert_eq!(check(b"(module (func) (func nop))", small), Ok(Form::Core));
        let what = |text: &str| check(text.as_bytes(), small).unwrap_err();
        for text in [
            "(module (func loop end))",
            "(component (core module (func (call 0) (call 0) (call 0) (call 0))))",
        ] {
            assert!(what(text).contains("more than the 0.0001 seconds"), "{text}");
        }
        assert!(
            what(&format!("(module) {}", " ".repeat(300))).contains("more than the 256 that are allowed")
        );
        let padded = [wat::parse_str("(module)").unwrap(), vec![0; 100]].concat();
        assert!(check(&padded, small).unwrap_err().contains("it has 108 bytes"));
    }
}
