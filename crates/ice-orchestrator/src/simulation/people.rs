//! The people that a simulated run asks.

use ice_core::blueprint::ApprovalType;
use ice_core::path::NodePath;
use ice_core::value::Value;

use super::event::Event;
use super::{Choices, Simulation, World};
use crate::journal::{Answer, AnswerKind, Question};
use crate::workflow::runtime::{Input, decide};

impl<W: World, C: Choices> Simulation<'_, W, C> {
    /// The answers that could be given now: to questions that others can see.
    pub(super) fn answers(&self) -> Vec<Event> {
        let visible = self.journal.visible();
        let asked = self.state.questions.iter().filter_map(|place| {
            let node = self.state.path(*place)?;
            let (_, question) = self.state.question_at(&node).filter(|(number, _)| *number < visible)?;
            Some((node, responses(question).len()))
        });
        asked
            .flat_map(|(node, many)| (0..many).map(move |which| Event::Answer(node.clone(), which)))
            .collect()
    }

    /// An answer that comes once the run stops changes nothing.
    pub(super) fn late_answers(&self) -> Result<(), String> {
        if self.state.stopping.is_none() {
            return Ok(());
        }
        for place in &self.state.questions {
            let (Some(node), Some(asked)) = (self.state.path(*place), self.state.asked(*place)) else {
                continue;
            };
            for response in responses(&asked.question) {
                if !decide(&self.state, self.given(&node, asked.number, response), self.now).is_empty() {
                    return Err(format!("the question of {node} is answered though the run stops"));
                }
            }
        }
        Ok(())
    }

    /// Somebody answers, and somebody else says something else a moment later, which changes nothing.
    pub(super) fn answer(&mut self, node: &NodePath, which: usize) -> Result<(), String> {
        let place = self.state.locate(node);
        let asked = place.and_then(|place| self.state.asked(place)).ok_or("a question is gone")?;
        let (number, mut responses) = (asked.number, responses(&asked.question));
        let response = responses.get(which).cloned().ok_or("there is no such answer")?;
        let second = self.given(node, number, responses.swap_remove(0));
        let first = self.given(node, number, response);
        // An answer is durable before it is taken up, and so is all that was written before it was sent.
        self.journal.sync_written();
        self.advance = true;
        self.take(first)?;
        if decide(&self.state, second, self.now).is_empty() {
            Ok(())
        } else {
            Err(format!("the question of {node} is answered twice"))
        }
    }

    fn given(&self, node: &NodePath, question: u64, response: Value) -> Input {
        let by = self.by.clone();
        let answer = Answer { response, kind: AnswerKind::Given, by, comment: None, id: None };
        Input::Answer { node: node.clone(), question, answer }
    }
}

/// Answers that a question takes.
fn responses(question: &Question) -> Vec<Value> {
    match question.approval_type {
        ApprovalType::ApproveReject => vec![Value::from(true), Value::from(false)],
        ApprovalType::Choice => question.choices.iter().map(|choice| Value::from(choice.as_str())).collect(),
        ApprovalType::InputRequired if question.accept(&Value::Null).is_ok() => vec![Value::Null],
        ApprovalType::InputRequired => Vec::new(),
    }
}
