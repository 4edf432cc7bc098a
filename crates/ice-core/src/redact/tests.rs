//! What policies do with texts and values, and how long that takes on texts made to take long.

use std::borrow::Cow;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::value::Value;

fn strict() -> Redactor {
    static STRICT: std::sync::OnceLock<Redactor> = std::sync::OnceLock::new();
    STRICT.get_or_init(|| Redactor::preset(Preset::Strict).unwrap()).clone()
}

fn check(text: &str, expected: &str) {
    let redactor = strict();
    let seen = redactor.text(text).into_owned();
    assert_eq!(seen, expected);
    assert_eq!(redactor.text(&seen), seen, "what was redacted stays as it is");
}

/// Gives the text back, spelled backwards.
#[derive(Debug)]
struct Backwards;

impl Conceal for Backwards {
    fn conceal(&self, label: &str, text: &str) -> String {
        format!(
            "[{label}:v1:{:x<80}]",
            text.chars().rev().filter(char::is_ascii_alphanumeric).collect::<String>()
        )
    }
}

#[test]
fn each_action_does_what_it_says() {
    let policy = Policy::preset(Preset::Strict)
        .with(Kind::Email, Action::Hash)
        .with(Kind::Card, Action::Drop)
        .with(Kind::Ip, Action::Allow)
        .with(Kind::Phone, Action::Vault);
    let builder = Redactor::builder(policy).hash_key(HashKey::new([7; 32])).vault(Arc::new(Backwards));
    let redactor = builder.build().unwrap();
    let text =
        "ada@example.org, Ada@Example.org, bob@example.org; 4111 1111 1111 1111; 192.0.2.1; +49 30 901820";
    let seen = redactor.text(text).into_owned();
    let hashes: Vec<&str> = seen.split(';').next().unwrap().split(", ").collect();
    assert!(hashes[0].starts_with("[email:") && hashes[0].len() == 24, "{seen}");
    assert_eq!(hashes[0], hashes[1], "what is equal stays equal");
    assert_ne!(hashes[0], hashes[2]);
    assert!(seen.contains(";  ; ") || seen.contains("; ; 192.0.2.1; [phone:v1:028109039"), "{seen}");
    assert_eq!(redactor.text(&seen), seen);
    let other = Redactor::builder(Policy::preset(Preset::None).with(Kind::Email, Action::Hash));
    let other = other.hash_key(HashKey::new([8; 32])).build().unwrap();
    assert!(!other.text(text).contains(hashes[0]), "another key gives other hashes");
}

#[test]
fn what_overlaps_is_told_by_the_kind_that_stands_first() {
    check("postgres://ada:pass1@example.org/db", "postgres://[redacted: url_credentials]@example.org/db");
    check("Contact: Ada Lovelace, ada@example.org", "Contact: [redacted: name], [redacted: email]");
    check("IBAN DE89 3704 0044 0532 0130 00.", "IBAN [redacted: iban].");
}

#[test]
fn a_policy_says_what_is_wrong_with_it() {
    let custom = |name: &str, pattern: &str| Policy {
        custom: vec![Custom { name: name.to_owned(), pattern: pattern.to_owned(), action: Action::Mask }],
        ..Policy::default()
    };
    for (policy, said) in [
        (custom("ticket", "ACME-[0-9]+"), "the custom pattern `ticket` can match more than 1024 bytes"),
        (custom("ticket", "a{0,3}"), "matches the empty text"),
        (custom("ticket", "(a"), "the custom pattern `ticket` cannot be read"),
        (custom("Ticket", "a"), "must be named by small letters"),
        (Policy::preset(Preset::None).with(Kind::Name, Action::Hash), "no key for hashes was given"),
        (Policy::preset(Preset::None).with(Kind::Name, Action::Vault), "uses a vault, but none was given"),
        (Policy::preset(Preset::None).with(Kind::Custom, Action::Mask), "its own `action`"),
    ] {
        let error = Redactor::builder(policy).build().unwrap_err();
        assert!(error.to_string().contains(said), "{error}");
        assert_eq!(error.code(), crate::error::ErrorCode::PolicyInvalid);
    }
    let unknown = serde_json::from_str::<Policy>(r#"{"base": "strict", "kind": {}}"#).unwrap_err();
    assert!(unknown.to_string().contains("unknown field `kind`"), "{unknown}");
}

#[test]
fn patterns_of_ones_own_have_their_own_action() {
    let policy: Policy = serde_json::from_str(
        r#"{"base": "none", "custom": [
            {"name": "ticket", "pattern": "ACME-[0-9]{1,9}"},
            {"name": "build", "pattern": "b[0-9]{4}", "action": "drop"}]}"#,
    )
    .unwrap();
    let redactor = Redactor::builder(policy).build().unwrap();
    assert_eq!(redactor.text("ACME-12 of b1234, ada@example.org"), "[redacted: ticket] of , ada@example.org");
}

#[test]
fn what_presets_do_differs() {
    let text = "ada@example.org has hunter2hunter2";
    let with = |preset| {
        Redactor::builder(Policy::preset(preset)).known(["hunter2hunter2".to_owned()]).build().unwrap()
    };
    assert!(matches!(with(Preset::None).text(text), Cow::Borrowed(_)));
    assert_eq!(with(Preset::Secrets).text(text), "ada@example.org has [redacted: secret]");
    assert_eq!(with(Preset::Strict).text(text), "[redacted: email] has [redacted: secret]");
}

#[test]
fn keys_and_numbers_of_values_are_looked_at_and_nothing_is_lost() {
    let json = r#"{"a@example.org":1,"b@example.org":2,"card":4111111111111111,"n":[1234567890,2.5],
        "phone":"4155550111","other":"4155550111","first_name":"Zoë","note":"fine"}"#;
    let value: Value = serde_json::from_str(json).unwrap();
    let expected = r#"{"[redacted: email]":1,"[redacted: email] (2)":2,"card":"[redacted: card]","n":[1234567890,2.5],"phone":"[redacted: phone]","other":"4155550111","first_name":"[redacted: name]","note":"fine"}"#;
    assert_eq!(strict().value(&value).unwrap().to_string(), expected);
    assert_eq!(strict().value(&Value::from("fine")), None);
}

#[test]
fn what_holds_itself_many_times_over_is_looked_at_once() {
    let mut value = Value::from("ada@example.org");
    for _ in 0..100 {
        value = Value::list([value.clone(), value]);
    }
    let mut clean = strict().value(&value).unwrap();
    for _ in 0..100 {
        let (first, second) = (clean.item(0).unwrap().clone(), clean.item(1).unwrap());
        if let (Value::List(first), Value::List(second)) = (&first, second) {
            assert!(Arc::ptr_eq(first, second), "it is shared as before");
        }
        clean = first;
    }
    assert_eq!(clean, Value::from("[redacted: email]"));
}

#[test]
fn hostile_texts_are_gone_through_in_linear_time() {
    // The time itself is shown by the benchmark: here a text that took quadratic time would not end.
    let policy = Policy {
        custom: vec![Custom {
            name: "bait".to_owned(),
            pattern: "(a|aa){1,99}[^a]{1,99}X".to_owned(),
            action: Action::Mask,
        }],
        ..Policy::preset(Preset::Strict)
    };
    let redactor = Redactor::builder(policy).build().unwrap();
    for part in [
        "a",
        "@",
        "1",
        "1 ",
        "-",
        "[",
        ":",
        "://",
        "sk-",
        "eyJ",
        "eyJ-",
        "eyJ.",
        "-----BEGIN PRIVATE KEY-----",
        "-----END ",
        "a@b.cc",
        "a:b@",
        "Dr. ",
        "name: ",
        "password: ",
        "born 1.",
        " street",
        "+1",
        "4111 ",
        "GB82 ",
        "X1234567",
        "ghp_a-",
        "[a:v1:",
        "Bb ",
    ] {
        let text = part.repeat((1 << 16) / part.len());
        assert!(redactor.text(&text).len() <= text.len() * 12, "{part}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Findings are in order, overlap nowhere, lie between characters, and what they cover is gone after.
    #[test]
    fn findings_are_sound(text in "( ada@example\\.org | 4111 1111 1111 1111 | Dr\\. Who | sk-proj-a1b2c3d4e5f6a1b2c3d4e5f6 |[ -~äß：中]{0,3}){0,12}") {
        let redactor = strict();
        let findings = redactor.findings(&text);
        let mut end = 0;
        for finding in &findings {
            prop_assert!(finding.range.start >= end && finding.range.end > finding.range.start);
            prop_assert!(text.get(finding.range.clone()).is_some());
            end = finding.range.end;
        }
        let seen = redactor.text(&text);
        prop_assert!(!seen.contains(" sk-proj-a1b2c3d4e5f6a1b2c3d4e5f6 ") && !seen.contains(" ada@example.org "), "{seen}");
        prop_assert_eq!(matches!(seen, Cow::Borrowed(_)), findings.is_empty());
    }

    /// Whatever the text, nothing panics, and what stands for something that was redacted is still there the second time.
    #[test]
    fn any_text_is_redacted(text in any::<String>()) {
        let redactor = strict();
        let once = redactor.text(&text).into_owned();
        let twice = redactor.text(&once).into_owned();
        prop_assert!(twice.matches("[redacted: ").count() >= once.matches("[redacted: ").count());
    }
}
