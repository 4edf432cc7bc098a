//! Answers of people who wait until they count.

use ice_core::path::NodePath;
use uuid::Uuid;

use super::{Driver, Held};
use crate::engine::run::{Told, Unanswered};
use crate::journal::Answer;
use crate::workflow::runtime::Input;

impl Driver {
    /// Takes an answer, or tells why not. Whoever gave it hears of it once it is kept.
    pub(super) fn answered(&mut self, node: NodePath, mut answer: Answer, told: Told) {
        let asked = self.state.question_at(&node);
        let views = &self.shared.engine.views;
        if let Some(meant) = asked.and_then(|(_, question)| views.meant(question, &answer.response)) {
            answer.response = meant;
        }
        let refused = match asked {
            Some((number, question)) => match question.accept(&answer.response) {
                Ok(_) => {
                    self.answers.push((answer.id, told));
                    self.queue.push_back(Input::Answer { node, question: number, answer });
                    return;
                }
                Err(what) => Unanswered::Unfit(what),
            },
            None => Unanswered::NotAsked,
        };
        // Whoever it was may have gone away.
        let _gone = told.send(Err(refused));
    }

    /// An answer counts: whoever gave it hears of it once the record before `upto` is kept.
    pub(super) fn counts(&mut self, id: Option<Uuid>, upto: u64) {
        if let Some(at) = self.answers.iter().position(|(known, _)| *known == id) {
            let (_, told) = self.answers.swap_remove(at);
            self.held.push_back((upto, Held::Answered(told)));
        }
    }

    /// An answer was taken, and if it counts, that is known.
    pub(super) fn taken(&mut self, id: Option<Uuid>) {
        if let Some(at) = self.answers.iter().position(|(known, _)| *known == id) {
            let (_, told) = self.answers.swap_remove(at);
            let _gone = told.send(Err(Unanswered::NotAsked));
        }
    }

    /// The task ends: tells those whose answers are kept.
    pub(super) fn tell_answered(&mut self) {
        let durable = self.durable();
        for (upto, held) in self.held.drain(..) {
            match held {
                Held::Answered(told) if upto <= durable => {
                    let _gone = told.send(Ok(()));
                }
                Held::Answered(_) | Held::Start(_) | Held::Step { .. } => {}
            }
        }
    }
}
