//! Where a tool's bytes come from: a file, or a text given with the call.

use std::io::{Cursor, Read};

use ice_core::error::ErrorCode;
use ice_core::tools::{Effect, ToolContext, ToolError};
use ice_core::value::Value;

use super::watched::{Watched, stopped};
use crate::access::open_read;

/// A source of bytes, bounded and watched.
pub(crate) struct Source {
    /// What to call it in messages.
    pub(crate) name: String,
    /// How many bytes it is expected to have.
    pub(crate) size: u64,
    pub(crate) reader: Watched<Box<dyn Read + Send>>,
}

impl Source {
    /// Exactly one of a path and a text. Blocks while the file is opened.
    pub(crate) fn open(
        ctx: &ToolContext,
        path: Option<&str>,
        text: Option<String>,
    ) -> Result<Self, ToolError> {
        let (name, size, inner): (_, _, Box<dyn Read + Send>) = match (path, text) {
            (Some(path), None) => {
                let open = open_read(&ctx.grants, path, ctx.limits.max_read_bytes)?;
                (format!("`{path}`"), open.size, Box::new(open.file))
            }
            (None, Some(text)) => {
                ("the text".to_owned(), text.len() as u64, Box::new(Cursor::new(text.into_bytes())))
            }
            (Some(_), Some(_)) | (None, None) => {
                let message = "give either `path` or `text`, and not both";
                return Err(ToolError::refused(ErrorCode::ToolInputInvalid, message));
            }
        };
        Ok(Self { name, size, reader: Watched::new(inner, ctx) })
    }
}

/// The effect of a tool that reads a file if it has a `path`, and else depends on its input alone.
pub(crate) fn reading_effect(input: &Value) -> Effect {
    if input.get("path").is_some_and(|path| !path.is_null()) { Effect::Idempotent } else { Effect::Pure }
}

/// All bytes of a source.
pub(crate) fn read_all(mut source: Source) -> Result<Vec<u8>, ToolError> {
    let mut bytes = Vec::with_capacity(usize::try_from(source.size).unwrap_or(0).min(1 << 26));
    source.reader.read_to_end(&mut bytes).map_err(|error| stopped(&source.name, &error))?;
    Ok(bytes)
}

/// How bytes become text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Decoding {
    /// The label of an encoding, as in HTML; UTF-8 if there is none.
    pub(crate) encoding: Option<String>,
    /// Whether bytes that do not fit become U+FFFD instead of an error.
    pub(crate) replace_invalid: bool,
}

/// Turns bytes into text. A byte order mark is taken off, and rules over the encoding.
pub(crate) fn decode(name: &str, bytes: Vec<u8>, how: &Decoding) -> Result<String, ToolError> {
    let encoding = match &how.encoding {
        None => encoding_rs::UTF_8,
        Some(label) => encoding_rs::Encoding::for_label(label.as_bytes()).ok_or_else(|| {
            let shown: String = label.chars().take(40).collect();
            let message =
                format!("`{shown}` is no encoding: write for example `utf-8`, `utf-16le` or `windows-1252`");
            ToolError::refused(ErrorCode::ToolInputInvalid, message)
        })?,
    };
    let (encoding, mark) = encoding_rs::Encoding::for_bom(&bytes).unwrap_or((encoding, 0));
    if encoding == encoding_rs::UTF_8 && mark == 0 {
        return match String::from_utf8(bytes) {
            Ok(text) => Ok(text),
            Err(error) if how.replace_invalid => Ok(String::from_utf8_lossy(error.as_bytes()).into_owned()),
            Err(error) => Err(invalid(name, "UTF-8", Some(error.utf8_error().valid_up_to()))),
        };
    }
    let (text, had_errors) = encoding.decode_without_bom_handling(bytes.get(mark..).unwrap_or_default());
    if had_errors && !how.replace_invalid {
        return Err(invalid(name, encoding.name(), None));
    }
    Ok(text.into_owned())
}

fn invalid(name: &str, encoding: &str, at: Option<usize>) -> ToolError {
    let place = at.map(|at| format!(" at byte {at}")).unwrap_or_default();
    ToolError::refused(
        ErrorCode::DataInvalid,
        format!("{name} is not valid {encoding}{place}: state its `encoding`"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], encoding: Option<&str>, replace: bool, expected: Result<&str, &str>) {
        let how = Decoding { encoding: encoding.map(str::to_owned), replace_invalid: replace };
        let found = decode("it", bytes.to_vec(), &how).map_err(|error| error.message);
        assert_eq!(found, expected.map(str::to_owned).map_err(str::to_owned), "{bytes:?} {encoding:?}");
    }

    #[test]
    fn bytes_become_text() {
        check("grün".as_bytes(), None, false, Ok("grün"));
        check(b"\xef\xbb\xbfa", None, false, Ok("a"));
        check(b"\xff\xfea\0b\0", None, false, Ok("ab"));
        check(b"gr\xfcn", Some("latin1"), false, Ok("grün"));
        check(b"gr\xfcn", None, true, Ok("gr\u{fffd}n"));
        check(b"gr\xfcn", None, false, Err("it is not valid UTF-8 at byte 2: state its `encoding`"));
        check(b"\x00\xd8", Some("utf-16le"), false, Err("it is not valid UTF-16LE: state its `encoding`"));
        check(
            b"",
            Some("klingon"),
            false,
            Err("`klingon` is no encoding: write for example `utf-8`, `utf-16le` or `windows-1252`"),
        );
    }
}
