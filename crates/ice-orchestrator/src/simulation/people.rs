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
            let asked = self.state.asked(*place).filter(|asked| asked.number < visible)?;
            Some((self.state.path(*place)?, asked))
        });
        let events = asked.flat_map(|(node, asked)| {
            let many = responses(&asked.question).len();
            (0..many).map(move |which| Event::Answer(node.clone(), which))
        });
        events.collect()
    }

    /// Somebody answers, and somebody else says something else a moment later, which changes nothing.
    pub(super) fn answer(&mut self, node: &NodePath, which: usize) -> Result<(), String> {
        let place = self.state.locate(node);
        let asked = place.and_then(|place| self.state.asked(place)).ok_or("a question is gone")?;
        let (number, mut responses) = (asked.number, responses(&asked.question));
        let response = responses.get(which).cloned().ok_or("there is no such answer")?;
        let input = |response| Input::Answer {
            node: node.clone(),
            question: number,
            answer: Answer {
                response,
                kind: AnswerKind::Given,
                by: self.by.clone(),
                comment: None,
                id: None,
            },
        };
        let (first, second) = (input(response), input(responses.swap_remove(0)));
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
