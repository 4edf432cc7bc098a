//! Secrets that are known: what comes from outside is recorded without them, and what is given with one in it is refused.

use ice_core::process::{Report, Verdict};
use ice_core::redact::{Action, Kind, KnownSecrets, Policy, Preset, Redactor};
use ice_core::value::Value;

use super::RunError;
use crate::executors::{Completion, Observation};
use crate::journal::{Failure, Question};

/// Why something is refused that holds a secret.
pub(crate) const HOLDS_ONE: &str = "holds a secret that is known here, and would be kept with the run in clear: grant the run the \
    secret by a name instead (`--secret NAME=env:VARIABLE`)";

/// The secrets that an engine knows.
#[derive(Debug)]
pub(crate) struct Known {
    secrets: KnownSecrets,
    /// Finds nothing else.
    redactor: Redactor,
}

impl Known {
    pub(super) fn new(secrets: KnownSecrets) -> Self {
        let policy = Policy::preset(Preset::None).with(Kind::Secret, Action::Mask);
        let redactor = Redactor::builder(policy).sharing(&secrets).build();
        // It needs no table but theirs, which is there.
        let redactor = redactor.unwrap_or_else(|_| Redactor::secrets(&secrets));
        Self { secrets, redactor }
    }

    /// Whether a value holds one.
    pub(crate) fn are_in(&self, value: &Value) -> bool {
        !self.secrets.is_empty() && self.redactor.value(value).is_some()
    }

    /// Whether a text holds one.
    pub(crate) fn are_in_text(&self, text: &str) -> bool {
        self.secrets.are_in(text)
    }

    /// A text without them.
    pub(crate) fn without(&self, text: String) -> String {
        if self.secrets.are_in(&text) { self.redactor.text(&text).into_owned() } else { text }
    }

    /// Inputs that hold none.
    ///
    /// # Errors
    /// [`RunError::HoldsSecret`] that names the input which holds one.
    pub(super) fn check(&self, inputs: &Value) -> Result<(), RunError> {
        if self.secrets.is_empty() {
            return Ok(());
        }
        let mut entries = inputs.as_map().into_iter().flatten();
        match entries.find(|(name, value)| self.are_in_text(name) || self.are_in(value)) {
            Some((name, _)) if self.are_in_text(name) => {
                Err(RunError::HoldsSecret { what: "the name of an input".to_owned() })
            }
            Some((name, _)) => Err(RunError::HoldsSecret { what: format!("the input `{name}`") }),
            None => Ok(()),
        }
    }

    /// What an attempt or a step gave, as it is recorded.
    pub(super) fn scrub(&self, result: Result<Completion, Failure>) -> Result<Completion, Failure> {
        if self.secrets.is_empty() {
            return result;
        }
        match result {
            Ok(mut completion) => {
                if let Some(clean) = self.redactor.value(&completion.value) {
                    completion.value = clean;
                }
                if let Some(asking) = &mut completion.asks {
                    self.scrub_question(&mut asking.question);
                }
                Ok(completion)
            }
            Err(failure) => Err(Failure { message: self.without(failure.message), ..failure }),
        }
    }

    /// All of a question that [`Views`](crate::journal::Views) look at.
    fn scrub_question(&self, question: &mut Question) {
        let Question {
            message,
            approval_type: _,
            choices,
            schema,
            auto_approve_after: _,
            timeout_seconds: _,
            escalation_path,
        } = question;
        let texts = std::iter::once(message).chain(choices).chain(escalation_path);
        texts.for_each(|text| self.replace(text));
        if let Some(clean) = schema.as_ref().and_then(|schema| self.redactor.value(schema)) {
            *schema = Some(clean);
        }
    }

    /// All of a report that [`Views`](crate::journal::Views) look at.
    fn scrub_report(&self, report: &mut Report) {
        self.replace(&mut report.stderr);
        report.not_enforced.iter_mut().for_each(|missing| self.replace(&mut missing.why));
        if let Verdict::SetupFailed { stage: _, what, hint } = &mut report.verdict {
            std::iter::once(what).chain(hint).for_each(|text| self.replace(text));
        }
    }

    fn replace(&self, text: &mut String) {
        *text = self.without(std::mem::take(text));
    }

    /// What is worth keeping of an execution, as it is recorded.
    pub(super) fn scrub_observation(&self, observation: Observation) -> Observation {
        match observation {
            Observation::Report(mut report) => {
                self.scrub_report(&mut report);
                Observation::Report(report)
            }
            Observation::Denial(mut denial) => {
                denial.what = self.without(denial.what);
                Observation::Denial(denial)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ice_core::blueprint::ApprovalType;
    use ice_core::process::{Home, Unenforced};

    use super::*;
    use crate::executors::Asking;

    const SECRET: &str = "hunter2-hunter2";

    fn known() -> Known {
        let secrets = KnownSecrets::default();
        secrets.add([SECRET.to_owned()]).unwrap();
        Known::new(secrets)
    }

    #[test]
    fn all_of_a_question_is_recorded_without_them() {
        let question = Question {
            message: format!("Is {SECRET} fine?"),
            choices: vec![format!("use {SECRET}"), "no".to_owned()],
            schema: Some(Value::map([("const", Value::from(SECRET))])),
            escalation_path: Some(format!("mail {SECRET}")),
            approval_type: ApprovalType::default(),
            auto_approve_after: None,
            timeout_seconds: None,
        };
        let asking = Asking { step: "n".parse().unwrap(), question };
        let completion = Completion { asks: Some(Box::new(asking)), ..Completion::from(Value::from(SECRET)) };
        let scrubbed = known().scrub(Ok(completion)).unwrap();
        let question = scrubbed.asks.unwrap().question;
        assert_eq!(question.choices, ["use [redacted: secret]", "no"]);
        let all = format!("{:?} {}", question, scrubbed.value);
        assert!(!all.contains(SECRET), "{all}");
        assert_eq!(all.matches("[redacted: secret]").count(), 5, "{all}");
    }

    #[test]
    fn all_of_a_report_is_recorded_without_them() {
        let (what, hint) = (format!("no {SECRET}"), Some(format!("give {SECRET}")));
        let verdict = Verdict::SetupFailed { stage: "exec".to_owned(), what, hint };
        let mut report = Report::new(Home::Process, verdict);
        report.stderr = format!("said {SECRET}");
        report.not_enforced = vec![Unenforced { layer: "landlock".to_owned(), why: format!("for {SECRET}") }];
        let scrubbed = known().scrub_observation(Observation::Report(Box::new(report)));
        let all = format!("{scrubbed:?}");
        assert!(!all.contains(SECRET), "{all}");
        assert_eq!(all.matches("[redacted: secret]").count(), 4, "{all}");
    }
}
