//! The same call over and over: a model that is stuck is told so once, and then ended.

use ice_core::value::Value;

/// The calls of a conversation, each with how often it was asked for.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    seen: Vec<Seen>,
}

#[derive(Debug)]
struct Seen {
    tool: String,
    arguments: Value,
    times: u32,
    /// Whether the model was told that it is not made any more.
    told: bool,
}

impl Repeats {
    /// Whether the model was told before that a call of this is not made any more.
    pub(super) fn was_told(&self, tool: &str, arguments: &Value) -> bool {
        self.find(tool, arguments).and_then(|at| self.seen.get(at)).is_some_and(|seen| seen.told)
    }

    /// Counts a call. Says whether it is made: at most so often.
    pub(super) fn admit(&mut self, tool: &str, arguments: &Value, most: u32) -> bool {
        let at = self.find(tool, arguments);
        match at.and_then(|at| self.seen.get_mut(at)) {
            Some(seen) => {
                seen.times = seen.times.saturating_add(1);
                seen.told |= seen.times > most;
                seen.times <= most
            }
            None => {
                let (tool, arguments) = (tool.to_owned(), arguments.clone());
                self.seen.push(Seen { tool, arguments, times: 1, told: false });
                true
            }
        }
    }

    fn find(&self, tool: &str, arguments: &Value) -> Option<usize> {
        self.seen.iter().position(|seen| seen.tool == tool && seen.arguments == *arguments)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_admitted_so_often_and_told_from_others() {
        let mut repeats = Repeats::default();
        let (one, two) = (Value::from(1), Value::from(2));
        assert!(repeats.admit("a", &one, 2) && repeats.admit("a", &two, 2) && repeats.admit("b", &one, 2));
        assert!(repeats.admit("a", &one, 2) && !repeats.was_told("a", &one));
        assert!(!repeats.admit("a", &one, 2) && repeats.was_told("a", &one));
        assert!(!repeats.was_told("a", &two) && !repeats.was_told("b", &one) && !repeats.was_told("c", &one));
    }
}
