//! A step: something with a name that passes, fails or is skipped, and takes a while.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::console;

/// How a step ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All was well.
    Passed,
    /// Something was wrong; it has been printed.
    Failed,
    /// It was not done, for this reason.
    Skipped(String),
}

impl From<bool> for Outcome {
    fn from(good: bool) -> Self {
        if good { Self::Passed } else { Self::Failed }
    }
}

/// A step to be done.
pub(crate) struct Step<'a> {
    /// Its name.
    pub(crate) name: &'static str,
    /// Does it.
    pub(crate) work: Box<dyn FnOnce() -> Result<Outcome> + 'a>,
}

impl<'a> Step<'a> {
    /// A step that passes or fails.
    pub(crate) fn new(name: &'static str, work: impl FnOnce() -> Result<bool> + 'a) -> Self {
        Self { name, work: Box::new(move || work().map(Outcome::from)) }
    }

    /// A step that may be skipped.
    pub(crate) fn with_outcome(name: &'static str, work: impl FnOnce() -> Result<Outcome> + 'a) -> Self {
        Self { name, work: Box::new(work) }
    }
}

/// Does the steps in order, shows a table of them at the end. `true` if none failed.
pub(crate) fn run(steps: Vec<Step<'_>>, fail_fast: bool) -> bool {
    let mut done: Vec<(&str, Outcome, Duration)> = Vec::new();
    for step in steps {
        console::heading(step.name);
        let begin = Instant::now();
        let outcome = (step.work)().unwrap_or_else(|error| {
            console::warn(&format!("error: {error:#}"));
            Outcome::Failed
        });
        let spent = begin.elapsed();
        console::say(&format!("<== {}: {}, {:.1} s", step.name, word(&outcome), spent.as_secs_f64()));
        let failed = outcome == Outcome::Failed;
        done.push((step.name, outcome, spent));
        if failed && fail_fast {
            break;
        }
    }
    console::heading("summary");
    for line in table(&done) {
        console::say(&line);
    }
    let failed: Vec<&str> =
        done.iter().filter(|(_, outcome, _)| *outcome == Outcome::Failed).map(|(name, ..)| *name).collect();
    if !failed.is_empty() {
        console::say(&format!("failed steps: {}", failed.join(", ")));
    }
    failed.is_empty()
}

fn word(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Passed => "passed".to_owned(),
        Outcome::Failed => "FAILED".to_owned(),
        Outcome::Skipped(reason) => format!("skipped: {reason}"),
    }
}

fn table(done: &[(&str, Outcome, Duration)]) -> Vec<String> {
    done.iter()
        .map(|(name, outcome, spent)| format!("{name:<14} {:>8.1} s  {}", spent.as_secs_f64(), word(outcome)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failed_step_fails_all_and_the_rest_still_run() {
        let ran = std::cell::RefCell::new(Vec::new());
        let step = |name: &'static str, good: bool| {
            let ran = &ran;
            Step::new(name, move || {
                ran.borrow_mut().push(name);
                Ok(good)
            })
        };
        assert!(!run(vec![step("a", true), step("b", false), step("c", true)], false));
        assert_eq!(ran.take(), ["a", "b", "c"]);
        assert!(!run(vec![step("a", false), step("b", true)], true));
        assert_eq!(ran.take(), ["a"]);
    }

    #[test]
    fn an_error_fails_and_a_skip_does_not() {
        assert!(!run(vec![Step::new("a", || anyhow::bail!("broken"))], false));
        assert!(run(vec![Step::with_outcome("a", || Ok(Outcome::Skipped("why".into())))], false));
    }

    #[test]
    fn the_table_names_every_step() {
        let done = [
            ("test", Outcome::Passed, Duration::from_millis(1500)),
            ("deny", Outcome::Skipped("no tool".into()), Duration::ZERO),
        ];
        assert_eq!(
            table(&done),
            ["test                1.5 s  passed", "deny                0.0 s  skipped: no tool"]
        );
    }
}
