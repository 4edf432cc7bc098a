//! What a command is told as it is started: arguments, environment, and the secrets that its policy names.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::command::{Command, SEARCH_PATH};
use crate::error::SandboxError;
use crate::policy::{Delivery, SandboxPolicy};
use crate::report::{SetupFailure, Stage};
use crate::secret::{MAX_SECRET, SecretBytes, SecretError, SecretRef, Secrets};
use crate::wire::{Order, Slot, Text};

/// Whoever knows the secrets.
#[derive(Clone, Default)]
pub(super) struct Keeper(Option<Arc<dyn Secrets>>);

impl Keeper {
    pub(super) fn new(secrets: impl Secrets + 'static) -> Self {
        Self(Some(Arc::new(secrets)))
    }

    async fn ask(&self, reference: &SecretRef, delivery: Delivery) -> Result<SecretBytes, SecretError> {
        let fail = |why: &str| Err(SecretError(why.to_owned()));
        let Some(secrets) = &self.0 else { return fail("the sandbox knows nobody who has secrets") };
        let secret = secrets.resolve(reference).await?;
        let bytes = secret.expose();
        if bytes.is_empty() {
            return fail("it is empty");
        }
        if bytes.len() > MAX_SECRET {
            return fail("it is longer than 64 KiB");
        }
        if delivery == Delivery::Variable && bytes.contains(&0) {
            return fail("it has a NUL byte in it, which no variable may have");
        }
        Ok(secret)
    }
}

impl std::fmt::Debug for Keeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keeper(..)")
    }
}

/// What a command is told.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) order: Order,
    /// In the order of its slots.
    pub(super) secrets: Vec<SecretBytes>,
}

impl Prepared {
    /// Asks for the secrets, one after another.
    pub(super) async fn new(
        command: &Command,
        policy: &SandboxPolicy,
        keeper: &Keeper,
        cancel: &CancellationToken,
    ) -> Result<Self, SandboxError> {
        let (mut order, mut secrets) = (order(Some(command), policy), Vec::new());
        for (name, secret) in &policy.secrets {
            let asked = cancel.run_until_cancelled(keeper.ask(&secret.reference, secret.delivery)).await;
            let bytes = asked.ok_or(SandboxError::Cancelled)?.map_err(|error| {
                let what = format!("`{name}`, which is {}: {error}", secret.reference);
                SetupFailure::new(Stage::Secret, what)
            })?;
            let length = bytes.expose().len();
            order.secrets.push(Slot { name: name.clone(), delivery: secret.delivery, bytes: length });
            secrets.push(bytes);
        }
        Ok(Self { order, secrets })
    }

    /// Not to be a command, but to look around.
    pub(super) fn to_look_around(policy: &SandboxPolicy) -> Self {
        Self { order: order(None, policy), secrets: Vec::new() }
    }
}

/// What the tool is told to become; without a command, to look around.
fn order(command: Option<&Command>, policy: &SandboxPolicy) -> Order {
    let mut environment: BTreeMap<String, Text> = BTreeMap::new();
    let fixed = [("PATH", SEARCH_PATH), ("HOME", "/cage"), ("TMPDIR", "/cage/.tmp"), ("LANG", "C.UTF-8")];
    for (name, value) in fixed.iter().chain(policy.profile.environment()) {
        environment.insert((*name).to_owned(), Text(value.into()));
    }
    for name in &policy.inherited {
        if let Some(value) = std::env::var_os(name) {
            environment.insert(name.clone(), Text(value));
        }
    }
    for (name, value) in &policy.environment {
        environment.insert(name.clone(), Text(value.into()));
    }
    Order {
        program: command.map(|command| Text(command.program.clone())),
        arguments: command
            .into_iter()
            .flat_map(|command| command.arguments.iter().cloned().map(Text))
            .collect(),
        environment,
        secrets: Vec::new(),
    }
}
