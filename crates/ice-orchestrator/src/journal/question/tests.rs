use super::*;

fn question(approval_type: ApprovalType) -> Question {
    Question {
        message: "ok?".to_owned(),
        approval_type,
        choices: vec!["red".to_owned(), "3".to_owned()],
        schema: None,
        auto_approve_after: None,
        timeout_seconds: None,
        escalation_path: None,
    }
}

fn check(question: &Question, response: &str, expected: Result<&str, &str>) {
    let response = serde_json::from_str(response).unwrap();
    let found = question.accept(&response).map(|kept| kept.to_string());
    match expected {
        Ok(kept) => assert_eq!(found.as_deref(), Ok(kept)),
        Err(part) => assert!(found.as_ref().is_err_and(|why| why.contains(part)), "{found:?}"),
    }
}

#[test]
fn an_approval_is_yes_or_no_in_many_words() {
    let question = question(ApprovalType::ApproveReject);
    for yes in ["true", "\"approve\"", "\"Yes\""] {
        check(&question, yes, Ok("true"));
    }
    for no in ["false", "\"reject\"", "\"n\""] {
        check(&question, no, Ok("false"));
    }
    for other in ["null", "1", "\"maybe\"", "{\"approved\": true}"] {
        check(&question, other, Err("`approve` or `reject`"));
    }
}

#[test]
fn a_choice_is_one_of_those_offered() {
    let question = question(ApprovalType::Choice);
    check(&question, "\"red\"", Ok("\"red\""));
    check(&question, "3", Ok("\"3\""));
    check(&question, "\"rod\"", Err("one of `red`, `3`; did you mean `red`?"));
    check(&question, "null", Err("one of `red`, `3`"));
}

#[test]
fn data_fits_its_schema() {
    let mut question = question(ApprovalType::InputRequired);
    check(&question, "[1]", Ok("[1]"));
    let schema = r#"{"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}"#;
    question.schema = Some(serde_json::from_str(schema).unwrap());
    check(&question, "{\"n\": 1}", Ok("{\"n\":1}"));
    check(&question, "{\"n\": \"1\"}", Err("does not fit the schema: "));
}

#[test]
fn time_goes_on_from_approval_over_escalation_to_rejection() {
    let seconds = Duration::from_secs;
    let mut question = question(ApprovalType::ApproveReject);
    assert_eq!(question.lapse(false), None);
    question.timeout_seconds = Some(60);
    assert_eq!(question.lapse(false), Some((seconds(60), Lapse::Reject)));
    question.escalation_path = Some("boss".to_owned());
    assert_eq!(question.lapse(false), Some((seconds(60), Lapse::Escalate)));
    assert_eq!(question.lapse(true), Some((seconds(60), Lapse::Reject)));
    question.auto_approve_after = Some(5);
    assert_eq!(question.lapse(false), Some((seconds(5), Lapse::AutoApprove)));
    assert_eq!(question.lapse(true), Some((seconds(60), Lapse::Reject)));
}
