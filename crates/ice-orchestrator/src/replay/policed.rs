//! What a policy made of what was decided before it was recorded.

use ice_core::error::ErrorCode;
use ice_core::llm::PromptPolicy;
use ice_core::value::Value;

use crate::executors::inspected;
use crate::journal::{Body, Failure, Intent};

/// Whether a record is what was decided, as it is or after a policy has looked at it.
pub(super) fn is_same(policy: &dyn PromptPolicy, decided: &Body, found: &Body) -> bool {
    if decided == found {
        return true;
    }
    let (Body::Started { intent, .. }, Body::Started { effect: recorded, .. }) = (decided, found) else {
        return false;
    };
    let Ok(Some(other)) = look(policy, intent) else { return false };
    let mut policed = decided.clone();
    if let Body::Started { intent, effect, .. } = &mut policed {
        *intent = other;
        // Another input may have a greater effect.
        *effect = (*effect).max(*recorded);
    }
    policed == *found
}

/// Whether a record says that a policy stopped what was decided.
pub(super) fn is_stopped(policy: &dyn PromptPolicy, decided: &Body, found: &Body) -> bool {
    match (decided, found) {
        (Body::Started { node, intent, .. }, Body::Failed { node: of, failure, .. }) => {
            node == of
                && failure.code == ErrorCode::PolicyStopped
                && look(policy, intent).is_err_and(|stopped| stopped == *failure)
        }
        _ => false,
    }
}

fn look(policy: &dyn PromptPolicy, intent: &Intent) -> Result<Option<Intent>, Failure> {
    inspected(policy, intent, |request: &Value| request.to().map(|request| (request, 0)))
}
