//! `ice budgets set` and `ice budgets remove`.

use clap::{Args, ValueEnum};
use ice_core::budget::{Payer, Period};
use ice_core::id::BlueprintId;
use ice_orchestrator::control::{Request, Response};
use ice_orchestrator::engine::SharedBudget;

use super::list::table;
use crate::commands::budget::SpendArgs;
use crate::commands::runs::with_link;
use crate::data::{DataFolder, LinkError};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::shell::Shell;

/// For how long a budget is.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Per {
    /// From midnight to midnight, UTC
    Day,
    /// From the first of a month to the first of the next, UTC
    Month,
}

/// Whose runs share a budget.
#[derive(Debug, Args)]
struct Of {
    /// Of the runs of this blueprint alone; of all runs of the data folder otherwise
    #[arg(long, value_name = "ID")]
    blueprint: Option<BlueprintId>,
}

impl Of {
    fn payer(&self) -> Payer {
        self.blueprint.clone().map_or(Payer::Tenant, Payer::Blueprint)
    }
}

/// Sets what runs may spend together, in place of what was set before; what was spent of that counts on, unless the period is
/// another one. It holds for runs that are started, and for those that are taken up again.
#[derive(Debug, Args)]
pub(super) struct Set {
    #[command(flatten)]
    of: Of,
    #[command(flatten)]
    limit: SpendArgs,
    /// How often it may be spent; once and for all if absent
    #[arg(long, value_name = "PERIOD")]
    per: Option<Per>,
}

impl Set {
    /// Carries it out.
    pub(super) fn run(&self, shell: &Shell) -> Result<Exit, Fault> {
        let limit = self.limit.budget();
        if limit.is_unlimited() {
            return Err(Fault::usage("nothing is limited").help(
                "name at least one of --max-cost, --max-tokens, --max-model-calls and --max-tool-calls; `ice budgets remove` \
                 takes a budget away",
            ));
        }
        let folder = DataFolder::of(shell)?;
        folder.prepare()?;
        let per = self.per.map(|per| match per {
            Per::Day => Period::Day,
            Per::Month => Period::Month,
        });
        let request = Request::SetBudget { payer: self.of.payer(), limit: Some(limit), per };
        let budgets = call(shell, &folder, &request)?;
        match (budgets.first(), shell.screen.json) {
            (Some(budget), true) => shell.screen.document(budget)?,
            (_, _) => shell.screen.line(table(shell, &budgets))?,
        }
        Ok(Exit::Succeeded)
    }
}

/// Removes a shared budget, with what was spent of it.
#[derive(Debug, Args)]
pub(super) struct Remove {
    #[command(flatten)]
    of: Of,
}

impl Remove {
    /// Carries it out.
    pub(super) fn run(&self, shell: &Shell) -> Result<Exit, Fault> {
        let folder = DataFolder::of(shell)?;
        let request = Request::SetBudget { payer: self.of.payer(), limit: None, per: None };
        let removed = if folder.path().exists() { call(shell, &folder, &request)? } else { Vec::new() };
        let Some(budget) = removed.first() else {
            let whose = self.of.payer();
            return Err(Fault::usage(format!("{whose} has no budget"))
                .help("`ice budgets list` shows those that runs share"));
        };
        if shell.screen.json {
            shell.screen.document(budget)?;
        } else {
            shell.screen.line(format_args!("removed the budget of {}", budget.payer))?;
        }
        Ok(Exit::Succeeded)
    }
}

fn call(shell: &Shell, folder: &DataFolder, request: &Request) -> Result<Vec<SharedBudget>, Fault> {
    shell.block_on(with_link(folder, async |link| {
        let Response::Budgets { budgets } = link.call(request.clone()).await? else {
            return Err(LinkError::astray());
        };
        Ok(budgets)
    }))
}
