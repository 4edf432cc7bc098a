//! What a program wrote to standard output, as the answer of a tool.

use ice_core::error::ErrorCode;
use ice_core::plain;
use ice_core::tools::ToolError;
use ice_core::value::Value;

/// The characters that are shown of an output that cannot be read, around the place where that shows.
const SHOWN: usize = 40;
/// The most characters of a message.
const LONGEST: usize = 500;

/// The one JSON value of an output.
pub(super) fn value(label: &str, output: &[u8]) -> Result<Value, ToolError> {
    read(output).map_err(|what| {
        ToolError::failed(ErrorCode::ToolOutputInvalid, format!("`{label}` {what}")).retryable(false)
    })
}

/// The one JSON value of an output, or what was written instead.
pub(super) fn read(output: &[u8]) -> Result<Value, String> {
    if output.iter().all(u8::is_ascii_whitespace) {
        let advice = "one JSON value belongs there, `null` if there is nothing to say";
        return Err(format!("wrote nothing to standard output: {advice}"));
    }
    serde_json::from_slice(output).map_err(|error| {
        let near = excerpt(output, &error);
        format!("wrote something else than one JSON value: {error}, near `{near}`")
    })
}

/// The text around the place of an error.
fn excerpt(output: &[u8], error: &serde_json::Error) -> String {
    let before = output.split_inclusive(|byte| *byte == b'\n').take(error.line().saturating_sub(1));
    let at = before.map(<[u8]>::len).sum::<usize>() + error.column().saturating_sub(1);
    let first = at.saturating_sub(SHOWN / 2).min(output.len());
    let part = output.get(first..output.len().min(first + SHOWN * 4)).unwrap_or_default();
    plain::line(&String::from_utf8_lossy(part), SHOWN)
}

/// The error that a program that ended with another exit code than 0 tells of itself, if it does:
/// `{"error": {"message": "…", "retryable": true, "not_started": false}}`.
pub(super) fn error(label: &str, output: &[u8]) -> Option<ToolError> {
    let told: Value = serde_json::from_slice(output).ok()?;
    let told = told.get("error")?;
    let message = plain::line(told.get("message")?.as_str()?, LONGEST);
    let is = |name| told.get(name).and_then(Value::as_bool);
    let error = ToolError::failed(ErrorCode::ToolFailed, format!("`{label}` failed: {message}"))
        .retryable(is("retryable").unwrap_or(true));
    Some(if is("not_started") == Some(true) { error.not_started() } else { error })
}

#[cfg(test)]
mod tests {
    use ice_core::tools::Started;

    use super::*;

    fn check(output: &str, expected: Result<&str, &str>) {
        let found = value("t", output.as_bytes());
        let told = found.as_ref().map(ToString::to_string).map_err(|error| error.message.clone());
        assert_eq!(told, expected.map(str::to_owned).map_err(str::to_owned));
        if let Err(error) = found {
            assert_eq!((error.code, error.retryable), (ErrorCode::ToolOutputInvalid, false));
            assert_eq!(error.started, Started::Unknown);
        }
    }

    #[test]
    fn one_value_is_the_output() {
        check("{\"a\": [1, null]}\n \n", Ok("{\"a\":[1,null]}"));
        check("null", Ok("null"));
        check(" 3\r\n", Ok("3"));
    }

    #[test]
    fn anything_else_is_refused_with_its_place() {
        let nothing = "`t` wrote nothing to standard output: one JSON value belongs there, `null` if there is nothing to \
                       say";
        check("", Err(nothing));
        check(" \n", Err(nothing));
        check(
            "{\"a\": 1}\n{\"b\": 2}\n",
            Err(
                "`t` wrote something else than one JSON value: trailing characters at line 2 column 1, near \
                 `{\"a\": 1} {\"b\": 2}`",
            ),
        );
        check(
            "loading \u{1b}[31mmodel\u{1b}[0m…\n",
            Err(
                "`t` wrote something else than one JSON value: expected value at line 1 column 1, near `loading \
                 model…`",
            ),
        );
        check(
            "{\"a\":",
            Err(
                "`t` wrote something else than one JSON value: EOF while parsing a value at line 1 column 5, near \
                 `{\"a\":`",
            ),
        );
        let long = format!("[{} oops", "1, ".repeat(100));
        let error = value("t", long.as_bytes()).unwrap_err().message;
        assert!(error.contains("line 1 column 303, near `") && error.len() < 200, "{error}");
    }

    #[test]
    fn what_is_no_text_or_too_deep_is_refused() {
        assert!(value("t", b"\"\xff\"").unwrap_err().message.contains("unicode"));
        assert!(value("t", "[".repeat(100_000).as_bytes()).unwrap_err().message.contains("recursion limit"));
    }

    #[test]
    fn a_program_tells_more_of_its_failure() {
        let told = error(
            "t",
            br#"{"error": {"message": "no\u001b[1m way", "retryable": false, "not_started": true}}"#,
        );
        let told = told.unwrap();
        assert_eq!((told.message.as_str(), told.retryable), ("`t` failed: no way", false));
        assert_eq!((told.code, told.started), (ErrorCode::ToolFailed, Started::NotStarted));
        let plain = error("t", br#"{"error": {"message": "later", "since": 3}}"#).unwrap();
        assert_eq!((plain.retryable, plain.started), (true, Started::Unknown));
        for other in ["", "{}", "{\"error\": \"x\"}", "{\"error\": {\"message\": 1}}", "[1]", "x"] {
            assert_eq!(error("t", other.as_bytes()), None, "{other}");
        }
    }
}
