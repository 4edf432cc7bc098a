//! `ice budgets list`.

use clap::Args;
use ice_core::budget::{Payer, Period};
use ice_core::llm::Usd;
use ice_orchestrator::control::{Request, Response};
use ice_orchestrator::engine::SharedBudget;

use crate::commands::runs::with_link;
use crate::data::{DataFolder, LinkError};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::render::{self, text};
use crate::shell::Shell;

/// Lists the budgets that runs share, with what was spent of them and what is set apart for runs that go on.
#[derive(Debug, Args)]
pub(super) struct List {}

impl List {
    /// Carries it out.
    pub(super) fn run(&self, shell: &Shell) -> Result<Exit, Fault> {
        let folder = DataFolder::of(shell)?;
        let budgets = if folder.path().exists() {
            shell.block_on(with_link(&folder, async |link| {
                let Response::Budgets { budgets } = link.call(Request::Budgets).await? else {
                    return Err(LinkError::astray());
                };
                Ok(budgets)
            }))?
        } else {
            Vec::new()
        };
        if shell.screen.json {
            shell.screen.document(&budgets)?;
        } else if budgets.is_empty() {
            shell.screen.note("no budget is shared; `ice budgets set` sets one");
        } else {
            shell.screen.line(table(shell, &budgets))?;
        }
        Ok(Exit::Succeeded)
    }
}

/// Shared budgets as a table: a row for each limit.
pub(super) fn table(shell: &Shell, budgets: &[SharedBudget]) -> String {
    let rows = budgets.iter().flat_map(|budget| {
        let left = budget.left();
        let whose = match &budget.payer {
            Payer::Tenant => "all runs".to_owned(),
            Payer::Blueprint(id) => id.to_string(),
        };
        let per = budget.per.map_or("ever", Period::as_str);
        let money = |amount: Usd| format!("${amount}");
        let cost = budget.limit.cost_usd.map(|limit| {
            let left = left.cost_usd.unwrap_or_default();
            [
                "money".to_owned(),
                money(limit),
                money(budget.spent.cost_usd),
                money(budget.held.cost_usd),
                money(left),
            ]
        });
        let (limit, spent, held) = (&budget.limit, &budget.spent, &budget.held);
        let counts = [
            ("tokens", limit.tokens, spent.tokens, held.tokens, left.tokens),
            ("model calls", limit.model_calls, spent.model_calls, held.model_calls, left.model_calls),
            ("tool calls", limit.tool_calls, spent.tool_calls, held.tool_calls, left.tool_calls),
        ];
        let counts = counts.into_iter().filter_map(|(what, limit, spent, held, left)| {
            let numbers = [limit?, spent, held, left.unwrap_or_default()].map(text::number);
            let [limit, spent, held, left] = numbers;
            Some([what.to_owned(), limit, spent, held, left])
        });
        let limits: Vec<[String; 5]> = cost.into_iter().chain(counts).collect();
        limits.into_iter().map(move |[what, limit, spent, held, left]| {
            [whose.clone(), what, limit, per.to_owned(), spent, held, left]
        })
    });
    let headings = ["OF", "WHAT", "LIMIT", "PER", "SPENT", "HELD", "LEFT"];
    render::table::plain(&shell.screen, headings, rows)
}
