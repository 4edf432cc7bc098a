//! An agent that asks a person: its attempt ends, and goes on once there is an answer.

use ice_core::blueprint::ApprovalType;
use ice_core::value::Value;

use crate::journal::Question;

/// The most answers that can be chosen from.
pub(crate) const MAX_CHOICES: usize = 20;
/// The longest question, in bytes, its choices included.
const MAX_QUESTION: usize = 64 << 10;

/// The question that the arguments of a call are.
///
/// # Errors
/// What is wrong with them, for the model.
pub(super) fn question(arguments: &Value) -> Result<Question, String> {
    let wrong =
        || "the arguments do not fit: a `question`, a text, and maybe `choices`, a list of texts".to_owned();
    let fields = arguments.as_map().ok_or_else(wrong)?;
    if fields.keys().any(|name| !matches!(&**name, "question" | "choices")) {
        return Err(wrong());
    }
    let message = fields.get("question").and_then(Value::as_str).filter(|text| !text.trim().is_empty());
    let message = message.ok_or_else(wrong)?.to_owned();
    let choices = match fields.get("choices").filter(|choices| !choices.is_null()) {
        Some(choices) => choices.as_list().ok_or_else(wrong)?,
        None => &[],
    };
    let choices = choices.iter().map(|choice| choice.as_str().map(str::to_owned));
    let choices: Vec<String> = choices.collect::<Option<_>>().ok_or_else(wrong)?;
    let bytes = message.len() + choices.iter().map(String::len).sum::<usize>();
    if choices.len() > MAX_CHOICES || bytes > MAX_QUESTION {
        return Err(format!(
            "the question is too long: at most {MAX_CHOICES} choices and {MAX_QUESTION} bytes"
        ));
    }
    let approval_type = if choices.is_empty() { ApprovalType::InputRequired } else { ApprovalType::Choice };
    Ok(Question {
        message,
        approval_type,
        choices,
        schema: None,
        auto_approve_after: None,
        timeout_seconds: None,
        escalation_path: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(arguments: &str, expected: Result<(&str, usize), &str>) {
        let found = question(&serde_json::from_str(arguments).unwrap());
        let found = found.as_ref().map(|question| (question.message.as_str(), question.choices.len()));
        match (found, expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{arguments}"),
            (found, expected) => assert!(
                matches!((&found, &expected), (Err(told), Err(begin)) if told.starts_with(begin)),
                "{arguments}: {found:?}"
            ),
        }
    }

    #[test]
    fn a_question_has_a_text_and_maybe_choices() {
        check(r#"{"question": "Which?"}"#, Ok(("Which?", 0)));
        check(r#"{"question": "Which?", "choices": ["a", "b"]}"#, Ok(("Which?", 2)));
        for wrong in [
            r#"{}"#,
            r#"{"question": " "}"#,
            r#"{"question": "x", "choices": [1]}"#,
            r#"{"question": "x", "who": "me"}"#,
            "3",
        ] {
            check(wrong, Err("the arguments do not fit"));
        }
        let many = format!(r#"{{"question": "x", "choices": {:?}}}"#, vec!["c"; 21]);
        check(&many, Err("the question is too long"));
    }
}
