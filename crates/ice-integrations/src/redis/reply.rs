//! Answers of the server, taken apart.

use ::redis::Value;

/// The bytes of an answer that is a text.
pub(super) fn bytes(value: &Value) -> Option<&[u8]> {
    if let Value::BulkString(bytes) = value { Some(bytes) } else { None }
}

/// The answers in a list.
pub(super) fn list(value: &Value) -> Option<&[Value]> {
    if let Value::Array(items) = value { Some(items) } else { None }
}

/// An answer as text; empty if it is none.
pub(super) fn text(value: &Value) -> String {
    if let Value::Int(number) = value {
        return number.to_string();
    }
    bytes(value).map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default()
}

/// An answer as a number.
pub(super) fn number(value: &Value) -> Option<u64> {
    std::str::from_utf8(bytes(value)?).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_another_kind_are_none() {
        let digits = Value::BulkString(b"12".to_vec());
        assert_eq!((number(&digits), text(&digits), list(&digits)), (Some(12), "12".to_owned(), None));
        let items = Value::Array(vec![digits.clone()]);
        assert_eq!((bytes(&items), text(&items), list(&items)), (None, String::new(), Some(&[digits][..])));
        assert_eq!(
            (number(&Value::BulkString(b"-1".to_vec())), text(&Value::Int(3))),
            (None, "3".to_owned())
        );
    }
}
