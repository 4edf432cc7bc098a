//! What calls of models take, and agents that make them.

use ice_core::budget::{Budget, Spend};
use ice_core::llm::{Estimate, ModelCapabilities, Price, Request, Usage, tokens};
use ice_core::template::{Limits, Template};

use super::tally::{Count, NOTHING, Tally};
use super::walk::{Estimator, Surroundings};
use crate::workflow::model::{Agent, AgentBounds, LlmOutput, LlmPlan, Plan};

/// Tokens that a value is taken to have which is written into a prompt and not known before.
const VALUE_TOKENS: u64 = 250;
/// Tokens that an answer is taken to have, if it may have as many.
const ANSWER_TOKENS: u64 = 400;
/// Tokens of what a model is told of a wrong answer, without the schema.
const WRONG_TOKENS: u64 = 200;
/// Rounds that an agent is taken to work, if it may.
const ROUNDS: u64 = 3;
/// The most calls that an agent makes in one round.
const CALLS: u64 = 64;

/// What a model has to read, in tokens.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Told {
    known: u64,
    assumed: u64,
}

impl Told {
    const fn sum(self) -> u64 {
        self.known.saturating_add(self.assumed)
    }

    pub(super) const fn and(self, known: u64) -> Self {
        Self { known: self.known.saturating_add(known), ..self }
    }
}

impl Estimator<'_> {
    /// One call of a model with this much to read.
    pub(super) fn model_call(&mut self, plan: &Plan, provider: &str, request: &Request, told: Told) -> Tally {
        let model = capabilities(plan, provider, &request.model);
        let price = model.as_ref().and_then(|model| model.price.as_ref());
        let reads = model.as_ref().map(|model| model.max_input_tokens).filter(|_| told.assumed > 0);
        let answer = writes(request, model.as_ref()).unwrap_or(ANSWER_TOKENS).min(ANSWER_TOKENS);
        self.assume(format!("an answer has {ANSWER_TOKENS} tokens, if it may"));
        let call = |spend: Spend| Spend { model_calls: 1, ..spend };
        let tally = Tally {
            least: call(spent(price, told.known, 0)),
            likely: call(spent(price, told.sum(), answer)),
            most: dearest(
                price,
                reads.unwrap_or(told.known).max(told.known),
                writes(request, model.as_ref()).unwrap_or_default(),
            ),
            assumed: told.assumed.saturating_add(answer),
            assumed_calls: 0,
        };
        if model.is_none() { tally.without_bound() } else { tally }
    }

    /// Asking once more for an answer that does not follow its schema, which it need not come to.
    pub(super) fn repair(
        &mut self,
        plan: &Plan,
        work: &LlmPlan,
        declared: &LlmOutput,
        request: &Request,
        told: Told,
    ) -> Tally {
        let model = capabilities(plan, &work.provider, &request.model);
        let before = writes(request, model.as_ref()).unwrap_or(ANSWER_TOKENS);
        let wrong = tokens::estimate_text(&declared.schema.to_string()).saturating_add(WRONG_TOKENS);
        let again = told.and(before.saturating_add(wrong));
        self.model_call(plan, &work.provider, request, again).times(&Count::within(0, 0, 1))
    }

    /// An agent's work. It is told of nodes before it, or not.
    pub(super) fn agent(&mut self, agent: &Agent, is_told: bool, around: &Surroundings<'_>) -> Tally {
        let system = agent.system_prompt.as_ref().map(|prompt| self.written(prompt, around));
        let mut told = system.unwrap_or_default().and(tokens::estimate_input(&agent.request));
        if is_told {
            told.assumed = told.assumed.saturating_add(VALUE_TOKENS);
            self.assume(format!("a value that is not known before has {VALUE_TOKENS} tokens"));
        }
        let call = self.model_call(around.plan, &agent.provider, &agent.request, told);
        let most = u64::from(agent.bounds.rounds.max(1));
        let has_tools = agent.has_calls();
        let rounds = Count::within(1, if has_tools { ROUNDS } else { 1 }, most);
        if has_tools && !rounds.is_known {
            self.assume(format!("agents work {} rounds", rounds.likely));
        }
        let tools = |calls: u64| Spend { tool_calls: calls, ..NOTHING };
        let further = rounds.likely.saturating_sub(1);
        let mut tally = call.times(&rounds);
        if has_tools {
            tally.likely += tools(further);
            tally.assumed_calls = tally.assumed_calls.saturating_add(further);
        }
        // Every round reads what the rounds before said.
        let grown = call.likely.tokens.saturating_sub(told.sum()).saturating_add(VALUE_TOKENS);
        let again = grown.saturating_mul(rounds.likely.saturating_mul(further) / 2);
        let model = capabilities(around.plan, &agent.provider, &agent.request.model);
        let price = model.as_ref().and_then(|model| model.price.as_ref());
        tally.likely += Spend { unpriced: false, ..spent(price, again, 0) };
        tally.assumed = tally.assumed.saturating_add(again).min(tally.likely.tokens);
        let writes = writes(&agent.request, model.as_ref());
        if let (Some(model), Some(writes)) = (&model, writes)
            && most > 1
        {
            // What it reads in later rounds has no other bound than the model's.
            tally.most = dearest(price, model.max_input_tokens, writes).times(most as f64);
        }
        if has_tools {
            tally.most += tools(CALLS.saturating_mul(most - 1));
        }
        for other in &agent.agents {
            // One that is let work is taken to be, once; at most it is with every call.
            let work = self.agent(&other.agent, false, around);
            tally = tally.and(work.times(&Count::within(0, 1, (most - 1).saturating_mul(CALLS))));
        }
        let AgentBounds { tokens, tool_calls, .. } = agent.bounds;
        tally.keep_within(&Budget { tokens, tool_calls, ..Budget::default() });
        tally
    }

    /// A conversation with an agent, of which one turn is this: a person says how many there are.
    pub(super) fn turns(&mut self, turn: Tally, agent: &Agent) -> Tally {
        self.assume("a conversation has one turn".to_owned());
        let mut tally = turn.without_bound();
        let AgentBounds { tokens, tool_calls, .. } = agent.bounds;
        tally.keep_within(&Budget { tokens, tool_calls, ..Budget::default() });
        tally
    }

    /// What a template becomes, in tokens: exact if the inputs are all it needs.
    pub(super) fn written(&mut self, template: &Template, around: &Surroundings<'_>) -> Told {
        if let Ok(text) = template.render(&around.known(), &Limits::default()) {
            let text = text.as_str().map_or_else(|| text.to_string(), str::to_owned);
            return Told { known: tokens::estimate_text(&text), assumed: 0 };
        }
        self.assume(format!("a value that is not known before has {VALUE_TOKENS} tokens"));
        let (literal, values) = split(template.source());
        Told { known: literal.div_ceil(4), assumed: values.max(1).saturating_mul(VALUE_TOKENS) }
    }
}

fn capabilities(plan: &Plan, provider: &str, model: &str) -> Option<ModelCapabilities> {
    plan.providers.get(provider)?.capabilities(model)
}

/// The longest answer, in tokens.
fn writes(request: &Request, model: Option<&ModelCapabilities>) -> Option<u64> {
    request.max_tokens.or(model.map(|model| model.max_output_tokens))
}

/// Tokens and what they cost, without the call.
fn spent(price: Option<&Price>, input: u64, output: u64) -> Spend {
    let usage = Usage { input, output, ..Usage::default() };
    let cost_usd = price.map(|price| price.of(&usage)).unwrap_or_default();
    Spend { cost_usd, unpriced: price.is_none(), ..usage.into() }
}

fn dearest(price: Option<&Price>, input_tokens: u64, max_output_tokens: u64) -> Spend {
    Spend::at_most(&Estimate { input_tokens, max_output_tokens }, price)
}

/// The characters of a template that stand for themselves, and the values written into it.
fn split(source: &str) -> (u64, u64) {
    let (mut literal, mut values, mut rest) = (0, 0, source);
    while let Some(open) = rest.find("{{").into_iter().chain(rest.find("{%")).min() {
        let (before, within) = rest.split_at(open);
        literal += before.chars().count() as u64;
        values += u64::from(within.starts_with("{{"));
        let close = if within.starts_with("{{") { "}}" } else { "%}" };
        rest = within.find(close).and_then(|at| within.get(at + 2..)).unwrap_or_default();
    }
    (literal + rest.chars().count() as u64, values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_for_itself_is_told_from_values() {
        assert_eq!(split("Hello {{ who }}, {% if x %}you{% endif %}!"), (6 + 2 + 3 + 1, 1));
        assert_eq!(split("äöü"), (3, 0));
        assert_eq!(split("open {{ x"), (5, 1));
    }
}
