//! A conversation of several turns: after each answer a person says what is next, until they end it. The run waits outside of
//! memory meanwhile; what ended is not done again.

use ice_core::blueprint::ApprovalType;
use ice_core::llm::{Message, Role};
use ice_core::path::NodePath;
use ice_core::value::{Map, Value};

use super::calls::is_final;
use super::conversation::{Answer, Conversation, Status, Turn, Work, value};
use super::shown;
use crate::executors::StepContext;
use crate::executors::builtin::memory::Aware;
use crate::journal::{Failure, Question};

/// Bytes of an answer that the question has which follows it.
const SHOWN: usize = 16 << 10;
/// The most turns of a conversation.
const TURNS: u32 = 1_000;
/// Turns that fail one after the other: nobody is asked after the last of them.
const FAILED: u32 = 3;

/// Lets an agent work and a person speak in turn, beginning with a request. Its rounds are the steps `base.round[0]` and so on
/// over all turns; what is said to it then are `base.turn[1]` and so on.
///
/// A turn that fails is told to the person, who may say something else: the conversation ends with the failure if they end it,
/// if it is not for them to mend, or if the turns before failed as well.
///
/// Not cancel-safe, as [`StepContext::step`].
pub(super) async fn talk(
    work: Work<'_>,
    ctx: &StepContext,
    base: &NodePath,
    request: Value,
    mut aware: Option<Aware>,
) -> Result<Answer, Failure> {
    let ctx = &ctx.watched(work.agent, base);
    let mut conversation = Conversation::new(work, ctx, base, request);
    let mut failed = 0;
    for turn in 1..=TURNS {
        let address = conversation.address(&format!(".turn[{turn}]"))?;
        let ended = conversation.hold_watched().await;
        let told = match &ended {
            Err(failure) if is_final(failure) || failed + 1 == FAILED => return ended,
            Err(failure) => {
                failed += 1;
                format!("the turn failed with {failure}")
            }
            Ok(answer) => {
                failed = 0;
                if let Some(aware) = aware.as_mut().filter(|_| answer.status == Status::Success) {
                    aware.remember(ctx, &format!(".turn[{}].remembered", turn - 1), &answer.text).await?;
                }
                match answer.status {
                    Status::Success => answer.text.clone(),
                    status @ (Status::MaxIterationsReached | Status::RepeatedCalls) => {
                        format!("{}\n[the turn ended with `{}`]", answer.text, status.as_str())
                    }
                    // They are of the whole conversation: there is nothing left.
                    Status::MaxToolCallsReached
                    | Status::MaxTokensReached
                    | Status::MaxCostReached
                    | Status::MaxTurnsReached => return ended,
                }
            }
        };
        if turn == TURNS {
            return ended.map(|answer| Answer { status: Status::MaxTurnsReached, ..answer });
        }
        let Some(said) = words(&ctx.ask(&address, question(&told))?) else { return ended };
        conversation.go_on(ended.ok(), &said)?;
        if let Some(aware) = &mut aware {
            aware.asked(said);
        }
    }
    Ok(conversation.end(Map::default(), Status::MaxTurnsReached))
}

/// What a person is asked after a turn.
fn question(told: &str) -> Question {
    let message = shown::beginning(told.trim(), SHOWN);
    let message = if message.is_empty() { "What is next?".to_owned() } else { message };
    Question {
        message,
        approval_type: ApprovalType::InputRequired,
        choices: Vec::new(),
        schema: None,
        auto_approve_after: None,
        timeout_seconds: None,
        escalation_path: None,
    }
}

/// What a person says next; nothing if they end the conversation.
fn words(receipt: &Value) -> Option<String> {
    match receipt.get("answer")? {
        Value::Null => None,
        Value::String(text) => Some(text.to_string()).filter(|text| !text.trim().is_empty()),
        other @ (Value::Bool(_) | Value::Number(_) | Value::List(_) | Value::Map(_) | Value::Blob(_)) => {
            Some(other.to_string())
        }
    }
}

impl Conversation<'_> {
    /// Begins the next turn with what a person says.
    fn go_on(&mut self, ended: Option<Answer>, said: &str) -> Result<(), Failure> {
        match ended {
            Some(answer) => self.history = answer.history,
            None => {
                // The round that failed has its receipt: what comes is another one.
                self.iterations = self.iterations.saturating_add(1);
                // What made it fail would make the next one fail as well; what was done stays.
                if self.history.len() == self.turn.history {
                    self.messages.truncate(self.turn.said);
                }
            }
        }
        // Vendors refuse calls without results.
        if let Some(results) = self.not_made("this call was not made: the turn had ended")? {
            self.messages.push(results);
        }
        let (said, words) = (self.messages.len(), value(&Message::text(Role::User, said))?);
        self.messages.push(words);
        self.turn = Turn { began: self.iterations, said, history: self.history.len() };
        self.repeats = super::repeats::Repeats::default();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversation_ends_with_nothing_and_goes_on_with_anything_else() {
        let said =
            |answer: &str| words(&Value::map([("answer", serde_json::from_str::<Value>(answer).unwrap())]));
        for nothing in ["null", r#""""#, r#"" \n""#] {
            assert_eq!(said(nothing), None, "{nothing}");
        }
        for (answer, words) in
            [(r#"" a ""#, " a "), ("42", "42"), ("false", "false"), (r#"{"a":[1]}"#, r#"{"a":[1]}"#)]
        {
            assert_eq!(said(answer).as_deref(), Some(words));
        }
    }

    #[test]
    fn a_question_is_never_empty_and_never_long() {
        assert_eq!(question(" \n").message, "What is next?");
        let long = question(&"ä".repeat(SHOWN)).message;
        assert!(long.len() < SHOWN + 100 && long.contains("bytes are left out here"), "{}", long.len());
    }
}
