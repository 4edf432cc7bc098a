//! Networks on top of the engine: what of them is started on demand, and their schedules.

use std::sync::Arc;

use ice_core::check::check;
use ice_core::error::ErrorCode;
use ice_core::id::Tenant;
use ice_core::network::{CheckedNetwork, FailurePolicy as Policy, Group};
use ice_core::value::{Map, Value};

use super::service::invalid;
use super::{Assembled, Caller, Control, Refusal, Response, Start};
use crate::engine::NewSchedule;
use crate::journal::{FailurePolicy, RunOptions};
use crate::workflow::{self, Plan};

impl Control {
    /// Registers the schedules of a network, and sees to it that they are kept.
    pub(super) async fn schedule(&self, caller: &Caller, start: Start) -> Result<Response, Refusal> {
        let Start { documents, inputs, options } = start;
        let assembled = self.assemble(&documents)?;
        let Some(network) = &assembled.network else {
            return Err(Refusal::new(ErrorCode::InputInvalid, "only networks have schedules"));
        };
        let (inputs, options) = (with_global(network, inputs)?, of_network(network, options));
        let mut schedules = Vec::new();
        for group in network.scheduled() {
            let plan = compiled(&group, &assembled)?;
            let Some((entry, timing)) = group.schedule else { continue };
            let (entry, inputs, options) = (entry.to_string(), inputs.clone(), options.clone());
            schedules.push(NewSchedule { entry, timing, plan, inputs, options });
        }
        if schedules.is_empty() {
            let message = format!("no workflow of the network `{}` has a schedule", network.network.name);
            return Err(Refusal::new(ErrorCode::InputInvalid, message));
        }
        let Caller { tenant, principal } = caller;
        let name = network.network.name.as_str();
        let schedules = self.engine.schedule(tenant, name, &schedules, principal).await?;
        self.engine.keep_schedules(tenant);
        Ok(Response::Schedules { schedules })
    }

    pub(super) async fn schedules(
        &self,
        tenant: &Tenant,
        network: Option<&str>,
    ) -> Result<Response, Refusal> {
        let mut schedules = self.engine.schedules(tenant).await?;
        schedules.retain(|schedule| network.is_none_or(|network| schedule.network == network));
        Ok(Response::Schedules { schedules })
    }

    pub(super) async fn unschedule(
        &self,
        tenant: &Tenant,
        network: &str,
        forget: bool,
    ) -> Result<Response, Refusal> {
        let schedules = if forget {
            self.engine.unschedule(tenant, network).await?
        } else {
            self.engine.pause_schedules(tenant, network).await?
        };
        Ok(Response::Schedules { schedules })
    }
}

/// What is started of a network on demand.
pub(super) fn on_demand(
    network: &CheckedNetwork,
    assembled: &Assembled,
    inputs: Value,
    options: RunOptions,
) -> Result<(Arc<Plan>, Value, RunOptions), Refusal> {
    Ok((plan(network, assembled)?, with_global(network, inputs)?, of_network(network, options)))
}

/// The plan of what is run on demand.
pub(super) fn plan(network: &CheckedNetwork, assembled: &Assembled) -> Result<Arc<Plan>, Refusal> {
    let group = network.on_demand().ok_or_else(|| {
        let name = &network.network.name;
        let message =
            format!("every workflow of the network `{name}` has a schedule, or comes after one that has");
        Refusal::new(ErrorCode::InputInvalid, message)
    })?;
    compiled(&group, assembled)
}

fn compiled(group: &Group, assembled: &Assembled) -> Result<Arc<Plan>, Refusal> {
    let catalog = assembled.registry.catalog(crate::executable_kinds());
    let checked = check(&group.blueprint, &catalog).map_err(|found| invalid(vec![found]))?;
    let lock = assembled.parts.first().and_then(|part| part.reading.lock.as_ref());
    workflow::compile_locked(&checked, lock, &assembled.registry)
        .map_err(|error| Refusal::new(error.code(), error.to_string()))
}

/// The inputs of a run: those of the network, and over them what was given.
fn with_global(network: &CheckedNetwork, given: Value) -> Result<Value, Refusal> {
    let mut inputs: Map = network.network.global.as_map().cloned().unwrap_or_default();
    match given {
        Value::Null => {}
        Value::Map(given) => {
            inputs.extend(given.iter().map(|(name, value)| (Arc::clone(name), value.clone())))
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::List(_) | Value::Blob(_) => {
            let message = format!("the inputs must be an object, not {}", given.type_name());
            return Err(Refusal::new(ErrorCode::InputInvalid, message));
        }
    }
    Ok(Value::from(inputs))
}

/// How the runs of a network are carried out.
fn of_network(network: &CheckedNetwork, options: RunOptions) -> RunOptions {
    let failure_policy = match network.network.failure_policy {
        Policy::Halt => FailurePolicy::Halt,
        Policy::ContinuePossible => FailurePolicy::ContinuePossible,
        Policy::Always => FailurePolicy::Always,
    };
    let max_concurrent = options.max_concurrent.or(Some(network.network.max_concurrent));
    RunOptions { failure_policy, max_concurrent, ..options }
}
