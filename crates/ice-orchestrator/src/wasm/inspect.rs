//! Looks at a module before it is compiled: what is too large for a compiler is refused unread.

use std::borrow::Cow;

use wasmparser::{Encoding, Parser, Payload};

use super::compile::Refusal;
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

/// Counts functions and their sizes without reading what is in them.
fn measure(binary: &[u8], bounds: Option<&Settings>) -> Result<Form, Refusal> {
    let (mut form, mut functions) = (None, 0_u32);
    for payload in Parser::new(0).parse_all(binary) {
        let payload = payload.map_err(|error| broken(&error))?;
        if let Payload::Version { encoding, .. } = &payload {
            form.get_or_insert(match encoding {
                Encoding::Module => Form::Core,
                Encoding::Component => Form::Component,
            });
        }
        let (Some(settings), Payload::CodeSectionEntry(body)) = (bounds, &payload) else { continue };
        functions = functions.saturating_add(1);
        let size = body.range().len();
        if size > settings.function_bytes {
            let allowed = settings.function_bytes;
            let what = format!(
                "its function {functions} has {size} bytes, more than the {allowed} that are allowed"
            );
            return Err(Refusal::new(what, TOO_LARGE));
        }
        if functions > settings.functions {
            let what = format!("it has more than the {} functions that are allowed", settings.functions);
            return Err(Refusal::new(what, TOO_LARGE));
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
        let small = &Settings { module_bytes: 32, function_bytes: 6, functions: 2, ..Settings::default() };
        assert_eq!(check(b"(module (func) (func nop))", small), Ok(Form::Core));
        let what = |text: &str| check(text.as_bytes(), small).unwrap_err();
        assert!(what("(module (func) (func) (func))").contains("more than the 2 functions"));
        assert!(what("(module (func nop nop nop nop nop))").contains("its function 1 has 7 bytes"));
        assert!(
            what(&format!("(module) {}", " ".repeat(200))).contains("more than the 128 that are allowed")
        );
        let padded = [wat::parse_str("(module)").unwrap(), vec![0; 100]].concat();
        assert!(check(&padded, small).unwrap_err().contains("it has 108 bytes"));
    }
}
