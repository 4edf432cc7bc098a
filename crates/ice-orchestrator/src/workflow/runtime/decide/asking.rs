//! What is decided about questions: answers, and time that is up.

use ice_core::path::NodePath;

use super::{Decider, shallow};
use crate::journal::{Answer, AnswerKind, Body, Lapse};
use crate::workflow::model::PlanNode;
use crate::workflow::runtime::failing::{Safety, shorten};
use crate::workflow::runtime::frame::{Asked, Frame, Place};

impl Decider<'_> {
    /// The first answer to a question counts; one to a question that was asked before, or that is none, does not.
    pub(super) fn answer(&mut self, node: NodePath, question: u64, mut answer: Answer) {
        let state = self.state;
        let Some(asked) = state.locate(&node).and_then(|place| state.asked(place)) else { return };
        let is_open = asked.number == question && asked.answer.is_none() && state.stopping.is_none();
        if !is_open {
            return;
        }
        if let Some((_, lapse)) = asked.lapse().filter(|(due, _)| *due <= self.now) {
            // Its time was up before, though nobody was there to notice.
            self.lapse(node.clone(), asked);
            match lapse {
                Lapse::AutoApprove | Lapse::Reject => return,
                // It is open still, for whoever is asked next.
                Lapse::Escalate => {}
            }
        }
        let Ok(response) = asked.question.accept(&answer.response) else { return };
        answer.response = response;
        if let Some(comment) = &mut answer.comment {
            shorten(comment);
        }
        self.out.records.push(Body::Answered { node, answer: Box::new(answer) });
    }

    /// The time of a question is up.
    pub(super) fn lapse(&mut self, node: NodePath, asked: &Asked) {
        let answered = |node, kind| Body::Answered { node, answer: Box::new(Answer::lapsed(kind)) };
        let to = asked.question.escalation_path.clone();
        self.out.records.extend(asked.lapse().map(|(_, lapse)| match lapse {
            Lapse::AutoApprove => answered(node, AnswerKind::AutoApproved),
            Lapse::Escalate => Body::Escalated { node, to: to.unwrap_or_default() },
            Lapse::Reject => answered(node, AnswerKind::TimedOut),
        }));
    }

    /// A question that was answered gives what its node gives.
    pub(super) fn answered(&mut self, frame: &Frame, node: &PlanNode, place: Place, asked: &Asked) {
        let (Some(path), Some((answer, at, _))) = (frame.path(place.node), &asked.answer) else { return };
        let took = at.since(asked.at);
        let output = answer.output(&asked.question, asked.escalated_at.is_some(), took);
        match node.shape(output).and_then(shallow) {
            Ok(output) => self.out.records.push(Body::Closed { node: path, output }),
            Err(failure) => self.failed(node, path, asked.attempt, Safety::Safe, failure),
        }
    }
}
