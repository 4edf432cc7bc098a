//! Records as they may be seen: what is shown of a run goes through here. The journal itself stays exact, or no run could go on.

use std::borrow::Cow;
use std::sync::Arc;

use ice_core::process::{Report, Verdict};
use ice_core::redact::Redactor;
use ice_core::value::Value;

use super::codec::values_mut;
use super::{Answer, Body, Failure, Question, Record, RunSummary};

/// Whether the outputs of runs are seen as they are where they are asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Outputs {
    /// The output in the document of a run is what the run gave.
    #[default]
    Exact,
    /// It goes through the redactor, too.
    Redacted,
}

/// How runs are seen: events, documents, lists and failures.
///
/// ```
/// use ice_core::redact::{Preset, Redactor};
/// use ice_orchestrator::journal::{Outputs, Views};
///
/// let views = Views::new(Redactor::preset(Preset::Strict).unwrap(), Outputs::Exact);
/// assert_eq!(views.text("ask ada@example.org"), "ask [redacted: email]");
/// ```
#[derive(Clone, Debug)]
pub struct Views {
    redactor: Redactor,
    outputs: Outputs,
}

impl Views {
    /// Through this redactor.
    #[must_use]
    pub const fn new(redactor: Redactor, outputs: Outputs) -> Self {
        Self { redactor, outputs }
    }

    /// The redactor.
    #[must_use]
    pub const fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// Whether outputs in documents are exact.
    pub(crate) const fn outputs(&self) -> Outputs {
        self.outputs
    }

    /// A text as it may be seen.
    #[must_use]
    pub fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.redactor.text(text)
    }

    /// A value as it may be seen.
    #[must_use]
    pub fn value(&self, value: Value) -> Value {
        self.redactor.value(&value).unwrap_or(value)
    }

    fn replace(&self, text: &mut String) {
        if let Cow::Owned(clean) = self.redactor.text(text) {
            *text = clean;
        }
    }

    /// A failure as it may be seen.
    #[must_use]
    pub fn failure(&self, mut failure: Failure) -> Failure {
        self.replace(&mut failure.message);
        failure
    }

    /// A run in a list as it may be seen.
    pub(crate) fn summary(&self, mut summary: RunSummary) -> RunSummary {
        self.replace(&mut summary.name);
        summary.failure = summary.failure.map(|failure| self.failure(failure));
        summary
    }

    /// A record as it may be seen. With exact outputs those of nodes and of the run stay as they are.
    #[must_use]
    pub fn record<'r>(&self, record: &'r Record, outputs: Outputs) -> Cow<'r, Record> {
        if self.redactor.allows_everything() {
            return Cow::Borrowed(record);
        }
        Cow::Owned(Record { at: record.at, body: self.body(&record.body, outputs) })
    }

    /// As [`Self::record`], without its time.
    pub(crate) fn body(&self, body: &Body, outputs: Outputs) -> Body {
        let mut body = body.clone();
        let is_output = matches!(body, Body::Succeeded { .. } | Body::Closed { .. } | Body::Ended { .. });
        if !is_output || outputs == Outputs::Redacted {
            for value in values_mut(&mut body).into_iter().flatten() {
                if let Some(clean) = self.redactor.value(value) {
                    *value = clean;
                }
            }
        }
        self.texts(&mut body);
        body
    }

    /// What a record says beside its value.
    fn texts(&self, body: &mut Body) {
        match body {
            Body::Manifest(manifest) => {
                let manifest = Arc::make_mut(manifest);
                self.replace(&mut manifest.name);
                manifest.options.idempotency_key.iter_mut().for_each(|key| self.replace(key));
            }
            Body::Migrated(to) => self.replace(&mut to.name),
            Body::Receipt { result: Err(failure), .. }
            | Body::Failed { failure, .. }
            | Body::Exceeded { failure }
            | Body::Parked { failure } => self.replace(&mut failure.message),
            Body::Ended { failure, .. } | Body::Alerted { failure, .. } => {
                failure.iter_mut().for_each(|failure| self.replace(&mut failure.message));
            }
            Body::Asked { question, .. } => self.question(question),
            Body::Escalated { to, .. } => self.replace(to),
            Body::Answered { answer, .. } => {
                let Answer { comment, .. } = &mut **answer;
                comment.iter_mut().for_each(|comment| self.replace(comment));
            }
            Body::Reported { report, .. } => self.report(report),
            Body::Denied { denial, .. } => self.replace(&mut denial.what),
            Body::Cancelling { reason, .. } => reason.iter_mut().for_each(|reason| self.replace(reason)),
            Body::Funded { refused, .. } => {
                if let Some(why) = refused
                    && let Cow::Owned(clean) = self.redactor.text(why)
                {
                    *why = clean.into_boxed_str();
                }
            }
            Body::Started { .. }
            | Body::Step { .. }
            | Body::Receipt { result: Ok(_), .. }
            | Body::Succeeded { .. }
            | Body::Woken { .. }
            | Body::Skipped { .. }
            | Body::Opened { .. }
            | Body::Iterated { .. }
            | Body::Watching { .. }
            | Body::Checked { .. }
            | Body::Closed { .. }
            | Body::Cancelled { .. }
            | Body::Discarded { .. }
            | Body::Unresponsive { .. }
            | Body::InDoubt { .. }
            | Body::Settled { .. }
            | Body::Resumed { .. } => {}
        }
    }

    fn question(&self, question: &mut Question) {
        self.replace(&mut question.message);
        question.choices.iter_mut().for_each(|choice| self.replace(choice));
        question.escalation_path.iter_mut().for_each(|path| self.replace(path));
        if let Some(schema) = question.schema.take() {
            question.schema = Some(self.value(schema));
        }
    }

    fn report(&self, report: &mut Report) {
        self.replace(&mut report.stderr);
        report.not_enforced.iter_mut().for_each(|missing| self.replace(&mut missing.why));
        if let Verdict::SetupFailed { what, hint, .. } = &mut report.verdict {
            self.replace(what);
            hint.iter_mut().for_each(|hint| self.replace(hint));
        }
    }

    /// The choice that somebody means who has seen the choices of a question as they may be seen; nothing if it is none, or
    /// could be several.
    pub(crate) fn meant(&self, question: &Question, response: &Value) -> Option<Value> {
        let said = response.as_str()?;
        if question.choices.iter().any(|choice| choice == said) {
            return None;
        }
        let mut meant = question.choices.iter().filter(|choice| self.text(choice) == said);
        let one = meant.next()?;
        meant.next().is_none().then(|| Value::from(one.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use ice_core::error::ErrorCode;
    use ice_core::llm::Usage;
    use ice_core::redact::{Preset, Redactor};
    use ice_core::time::Moment;

    use super::*;

    const MAIL: &str = "ada@example.org";

    fn views(outputs: Outputs) -> Views {
        Views::new(Redactor::preset(Preset::Strict).unwrap(), outputs)
    }

    fn told(body: Body, outputs: Outputs) -> String {
        let record = Record { at: Moment::from_millis(0), body };
        serde_json::to_string(&*views(outputs).record(&record, outputs)).unwrap()
    }

    #[test]
    fn outputs_are_exact_where_they_are_asked_for_and_nothing_else_is() {
        let output = || Body::Succeeded {
            node: "n".parse().unwrap(),
            output: Value::from(MAIL),
            usage: Usage::default(),
            stream: None,
            cached: false,
        };
        assert!(told(output(), Outputs::Exact).contains(MAIL));
        assert!(told(output(), Outputs::Redacted).contains("[redacted: email]"));
        let failure = Failure::new(ErrorCode::ToolFailed, format!("no mail to {MAIL}"));
        let failed = Body::Failed { node: "n".parse().unwrap(), failure, retry_at: None };
        assert!(!told(failed, Outputs::Exact).contains(MAIL));
    }

    #[test]
    fn who_sees_redacted_choices_can_choose_unless_they_look_alike() {
        let views = views(Outputs::Exact);
        let question = |choices: &[&str]| Question {
            message: String::new(),
            approval_type: ice_core::blueprint::ApprovalType::Choice,
            choices: choices.iter().map(|choice| (*choice).to_owned()).collect(),
            schema: None,
            auto_approve_after: None,
            timeout_seconds: None,
            escalation_path: None,
        };
        let said = Value::from("to [redacted: email]");
        let one = question(&["to nobody", "to ada@example.org"]);
        assert_eq!(views.meant(&one, &said), Some(Value::from("to ada@example.org")));
        assert_eq!(views.meant(&one, &Value::from("to nobody")), None);
        assert_eq!(views.meant(&question(&["to a@b.org", "to b@b.org"]), &said), None);
    }
}
