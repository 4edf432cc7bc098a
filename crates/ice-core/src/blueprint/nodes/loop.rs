//! `loop`: runs a body for every item of a list.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::blueprint::Node;
use crate::blueprint::read::{Fields, ScopeField};
use crate::blueprint::rules::Rules;
use crate::blueprint::text::{Form, Visit, visit_text};
use crate::diagnostic::Trail;

/// Runs a body for every item of a list. Its output is a list: per item, the output of the body's last node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LoopNode {
    /// What to loop over: a name or dotted path in scope, or a template that yields a list.
    pub items_source: String,
    /// The name of the present item within the body; `loop_index` counts from 0 beside it.
    #[serde(default = "default_item")]
    pub item_var: String,
    /// The nodes that run for every item.
    pub body: Vec<Node>,
    /// The most items that are taken; all if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub max_iterations: Option<u64>,
    /// Whether items run side by side.
    #[serde(default)]
    pub parallel: bool,
    /// The most items that run side by side, with `parallel`; the run's own limit if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub max_concurrency: Option<u32>,
}

impl LoopNode {
    pub(crate) fn read(fields: &mut Fields<'_>) -> Self {
        fields.require("items_source");
        let items_source = fields.path("items_source").unwrap_or_default();
        fields.nodes(ScopeField { name: "body", scope: "body", legacy: "body_nodes", required: true });
        Self {
            items_source,
            item_var: fields.text("item_var").unwrap_or_else(default_item),
            body: Vec::new(),
            max_iterations: fields.whole("max_iterations"),
            parallel: fields.flag("parallel", false),
            max_concurrency: fields.whole("max_concurrency"),
        }
    }

    pub(crate) fn rules(&self, rules: Rules<'_>) {
        rules.not_blank("items_source", &self.items_source);
        rules.identifier("item_var", &self.item_var);
        if self.item_var == "loop_index" {
            rules.broken("item_var", "`loop_index` is the number of the item", None);
        }
        if self.body.is_empty() {
            rules.broken("body", "a loop needs at least one node in its `body`", None);
        }
        rules.positive("max_iterations", self.max_iterations);
        rules.positive("max_concurrency", self.max_concurrency.map(u64::from));
        if self.max_concurrency.is_some() && !self.parallel {
            let advice = "set `parallel: true`, or remove it".to_owned();
            rules.doubtful("max_concurrency", "without `parallel` one item runs at a time", advice);
        }
    }

    pub(crate) fn texts<'n>(&'n self, at: &Trail<'_>, visit: &mut Visit<'_, 'n>) {
        visit_text("items_source", &self.items_source, Form::Path, at, visit);
    }
}

fn default_item() -> String {
    "item".to_owned()
}
