//! `ice estimate`: what a run may spend, before it is started.

use std::fmt::Display;
use std::path::PathBuf;

use clap::Args;
use ice_core::budget::{Budget, Spend};
use ice_core::llm::Usd;
use ice_core::value::Value;
use ice_orchestrator::journal::RunOptions;
use ice_orchestrator::workflow::{NodeEstimate, Range, RunEstimate, compile, estimate};

use super::budget::BudgetArgs;
use super::grants;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::input;
use crate::load::{self, Loaded};
use crate::render::{table, text};
use crate::screen::{BOLD, DIM, Screen, YELLOW, styled};
use crate::shell::Shell;

/// The most nodes that are shown.
const MAX_NODES: usize = 30;

/// Estimates what a run of a blueprint spends on models and tools, as a range, and how sure that is.
#[derive(Debug, Args)]
pub(crate) struct Estimate {
    /// The blueprint, JSON or YAML; `-` is standard input
    file: PathBuf,
    /// An input, as for `ice run`: the more of them are known, the better
    #[arg(short, long, value_name = "INPUT")]
    input: Vec<String>,
    /// A further folder or file from which blueprints may be used
    #[arg(long, value_name = "PATH")]
    ro: Vec<PathBuf>,
    #[command(flatten)]
    budget: BudgetArgs,
}

impl Estimate {
    /// Carries it out: 1 if the budget that was given does not allow the least that a run needs.
    pub(crate) fn run(&self, shell: &Shell) -> Result<Exit, Fault> {
        let granted = grants::readable(&self.ro)?;
        let loaded = load::load(&self.file, &granted, &shell.toolbox)?;
        if loaded.assembled.checked.is_none() {
            loaded.tell(&shell.screen);
        }
        let inputs = if self.input.is_empty() { None } else { Some(input::inputs(&self.input)?.values) };
        let mut options = RunOptions::default();
        self.budget.apply(&mut options);
        let found = of(&loaded, inputs.as_ref(), &options)?;
        let too_much = self.budget.budget().overrun(&Spend::default(), &found.least());
        if shell.screen.json {
            shell.screen.document(&found)?;
        } else {
            print(&shell.screen, &found)?;
            let never = too_much.map(|overrun| {
                format!("the run cannot succeed within its budget: {}", overrun.of_the_least())
            });
            if let Some(warning) = never.or_else(|| warning(&self.budget.budget(), &found)) {
                shell.screen.note(format_args!("{} {warning}", styled(YELLOW, "warning:")));
            }
        }
        Ok(if too_much.is_some() { Exit::Failed } else { Exit::Succeeded })
    }
}

/// Estimates what a run of what was loaded spends.
pub(crate) fn of(
    loaded: &Loaded,
    inputs: Option<&Value>,
    options: &RunOptions,
) -> Result<RunEstimate, Fault> {
    let checked = loaded.assembled.checked.as_ref().ok_or_else(|| loaded.fault())?;
    let plan = compile(checked, &loaded.assembled.registry)
        .map_err(|error| Fault::new(error.code(), error.to_string()))?;
    Ok(estimate(&plan, inputs, options))
}

/// What is to be said of a budget that may not be enough. One that cannot be is refused at the start.
pub(crate) fn warning(budget: &Budget, found: &RunEstimate) -> Option<String> {
    let nothing = Spend::default();
    if budget.overrun(&nothing, &found.least()).is_some() {
        return None;
    }
    let overrun = budget.overrun(&nothing, &found.likely())?;
    Some(format!("the run may end because of its budget: {overrun}"))
}

fn print(screen: &Screen, found: &RunEstimate) -> Result<(), Fault> {
    let money = |amount: Usd| format!("${amount}");
    let rows = [
        row("cost", &found.cost_usd, money),
        row("tokens", &found.tokens, text::number),
        row("model calls", &found.model_calls, text::number),
        row("tool calls", &found.tool_calls, text::number),
    ];
    screen.line(table::plain(screen, ["", "LEAST", "LIKELY", "MOST"], rows))?;
    if found.unpriced {
        screen.line(styled(DIM, "the price of some model is not known: the cost is more"))?;
    }
    screen.line("")?;
    let sure = format!("{:.0} %", found.confidence * 100.0);
    screen.line(format_args!(
        "{} {sure} of what is likely rests on what is known",
        styled(BOLD, "confidence")
    ))?;
    for assumption in &found.assumptions {
        screen.line(format_args!("  {} {assumption}", styled(DIM, "assumed:")))?;
    }
    if found.nodes.is_empty() {
        return Ok(());
    }
    screen.line("")?;
    let nodes = found.nodes.iter().take(MAX_NODES).map(node);
    screen.line(table::plain(screen, ["NODE", "KIND", "LIKELY", "AT MOST"], nodes))?;
    if found.nodes.len() > MAX_NODES {
        screen.line(format_args!("… and {} more", found.nodes.len() - MAX_NODES))?;
    }
    Ok(())
}

fn row<T: Copy, D: Display>(name: &str, range: &Range<T>, write: impl Fn(T) -> D) -> [String; 4] {
    let most = range.most.map_or_else(|| "no bound".to_owned(), |most| write(most).to_string());
    [name.to_owned(), write(range.least).to_string(), write(range.likely).to_string(), most]
}

fn node(node: &NodeEstimate) -> [String; 4] {
    let most = node.most.as_ref().map_or_else(|| "no bound".to_owned(), spend);
    [text::line(node.node.as_str(), 60), node.kind.to_string(), spend(&node.likely), most]
}

/// What was or would be spent, in words.
pub(crate) fn spend(spend: &Spend) -> String {
    let mut facts = Vec::new();
    if !spend.cost_usd.is_zero() {
        facts.push(format!("${}", spend.cost_usd));
    }
    for (count, what) in
        [(spend.tokens, "token"), (spend.model_calls, "model call"), (spend.tool_calls, "tool call")]
    {
        if count > 0 {
            facts.push(text::count(count, what));
        }
    }
    if facts.is_empty() { "nothing".to_owned() } else { facts.join(", ") }
}
