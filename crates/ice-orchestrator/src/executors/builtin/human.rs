//! `human`: asks a person.

use ice_core::error::ErrorCode;

use super::{Begin, template_failure};
use crate::executors::Env;
use crate::journal::{Failure, Question};
use crate::workflow::model::HumanPlan;

/// The longest question, in bytes.
const MAX_MESSAGE: usize = 64 << 10;

pub(crate) fn begin(plan: &HumanPlan, env: &Env<'_>) -> Result<Begin, Failure> {
    let message = plan.message.render(env, &env.limits);
    let message = message.map_err(|error| template_failure("prompt_message", &error))?;
    let message = message.as_str().map_or_else(|| message.to_string(), str::to_owned);
    if message.len() > MAX_MESSAGE {
        let what = format!("the question has {} bytes, more than {MAX_MESSAGE}", message.len());
        return Err(Failure::new(ErrorCode::LimitExceeded, what).about("prompt_message"));
    }
    Ok(Begin::Question(Question { message, ..plan.question.clone() }))
}
