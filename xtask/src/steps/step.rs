//! A step: something with a name that passes, fails or is skipped, and takes a while.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::command::Runner;
use crate::console;
use crate::setup::{self, Tool};

/// How a step ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All was well.
    Passed,
    /// Something was wrong; it has been printed.
    Failed,
    /// It was not done, for want of data that a machine need not have.
    Skipped(String),
    /// It was not done, for want of a program: as bad as a failure.
    Missing(String),
}

impl Outcome {
    /// How `work` ends, which needs a tool.
    pub(super) fn with_tool(
        runner: &Runner,
        tool: &Tool,
        work: impl FnOnce() -> Result<Self>,
    ) -> Result<Self> {
        if setup::ensure(runner, tool) {
            work()
        } else {
            Ok(Self::Missing(format!("{} is not there", tool.name)))
        }
    }

    /// Says why something was not done. `true` if nothing is wrong.
    pub(crate) fn tell(&self, name: &str) -> bool {
        if let Self::Skipped(_) | Self::Missing(_) = self {
            console::warn(&format!("{name}: {}", word(self)));
        }
        self.is_good()
    }

    /// Whether nothing is wrong.
    fn is_good(&self) -> bool {
        match self {
            Self::Passed | Self::Skipped(_) => true,
            Self::Failed | Self::Missing(_) => false,
        }
    }
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

    /// A step that may also be skipped, or lack a program.
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
        let failed = !outcome.is_good();
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
        done.iter().filter(|(_, outcome, _)| !outcome.is_good()).map(|(name, ..)| *name).collect();
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
        Outcome::Missing(reason) => format!("NOT DONE: {reason}"),
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
    use crate::project::fixture::project;
    use crate::setup::Need;

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
    fn a_step_without_its_tool_fails() {
        let (_folder, project) = project(&[("a", "")]);
        let runner = Runner::new(&project);
        let tool = |probe| Tool {
            name: "drill",
            probe,
            version: None,
            sources: &[],
            need: Need::Guards,
            skipped: "x",
        };
        let drilled = |tool: &Tool| Outcome::with_tool(&runner, tool, || Ok(Outcome::Passed)).unwrap();
        let missing = drilled(&tool(&["no-such-program-of-ice"]));
        assert_eq!(missing, Outcome::Missing("drill is not there".into()));
        assert_eq!(word(&missing), "NOT DONE: drill is not there");
        assert!(!run(vec![Step::with_outcome("a", || Ok(missing))], false));
        assert_eq!(drilled(&tool(&["true"])), Outcome::Passed);
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
