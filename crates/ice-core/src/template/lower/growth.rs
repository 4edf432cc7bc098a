//! What is known about an expression before it runs, and the static bounds on what grows.
//!
//! The meter alone bounds what an evaluation builds; these rules refuse the patterns that only ever make
//! values explode, before anything runs.

use std::collections::HashSet;

use super::super::error::TemplateError;
use super::tree::Node;

/// The most growing operators (`~`, and `+` and `*` on anything but numbers) in one template.
pub(in super::super) const MAX_GROWING: usize = 16;
/// The most expressions that nest values: list and map literals, `batch`, `groupby` and their like.
pub(in super::super) const MAX_NESTING: usize = 100;

/// A translated expression with what is known of its value.
pub(super) struct Typed {
    pub(super) node: Node,
    /// It is a number, or fails.
    pub(super) number: bool,
    /// The variable built by a growing operator that it reads, or the operator itself.
    pub(super) built: Built,
}

/// Whether a growing operator had a part in a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Built {
    /// No.
    Not,
    /// Yes, within this expression.
    Here,
    /// Yes, in the variable of this name.
    In(String),
}

impl Built {
    pub(super) fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::In(name), _) | (_, Self::In(name)) => Self::In(name),
            (Self::Here, Self::Here | Self::Not) | (Self::Not, Self::Here) => Self::Here,
            (Self::Not, Self::Not) => Self::Not,
        }
    }
}

impl Typed {
    pub(super) const fn plain(node: Node) -> Self {
        Self { node, number: false, built: Built::Not }
    }

    pub(super) const fn number(node: Node) -> Self {
        Self { node, number: true, built: Built::Not }
    }
}

/// The counts at some place of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) growing: usize,
    nesting: usize,
    /// How many variables are built by growing operators.
    pub(super) built: usize,
}

/// The counts of one template.
#[derive(Default)]
pub(super) struct Growth {
    growing: usize,
    nesting: usize,
    /// The variables that a growing operator had a part in.
    built: HashSet<String>,
    /// The variables that are numbers, each time they are bound.
    numbers: HashSet<String>,
    others: HashSet<String>,
}

impl Growth {
    /// Counts an operator; its result is a number if it cannot be anything else.
    pub(super) fn operator(
        &mut self,
        operator: &str,
        left: &Typed,
        right: &Typed,
    ) -> Result<(bool, Built), TemplateError> {
        let number = match operator {
            // Text or a list can only be added to its like.
            "+" => left.number || right.number,
            "*" => left.number && right.number,
            _ => false,
        };
        if number {
            return Ok((true, Built::Not));
        }
        if let Built::In(name) = left.built.clone().or(right.built.clone()) {
            return Err(TemplateError::too_large(format!(
                "`{operator}` is applied to `{name}`, which is itself built by `~`, `+` or `*`: values that grow \
                 from each other can double with every step; write the parts one after the other"
            )));
        }
        self.growing += 1;
        if self.growing > MAX_GROWING {
            return Err(TemplateError::too_large(format!(
                "a template may have {MAX_GROWING} operators `~`, `+` and `*` that can grow text or lists; write \
                 text and `{{{{ }}}}` one after the other, or use `join`"
            )));
        }
        Ok((false, Built::Here))
    }

    /// Counts an expression that nests values.
    pub(super) fn nest(&mut self) -> Result<(), TemplateError> {
        self.nesting += 1;
        if self.nesting > MAX_NESTING {
            return Err(TemplateError::too_large(format!(
                "a template may have {MAX_NESTING} list and map literals and filters that nest lists"
            )));
        }
        Ok(())
    }

    /// Notes what a variable is bound to.
    pub(super) fn bind(&mut self, name: &str, value: &Typed) {
        if value.number {
            self.numbers.insert(name.to_owned());
            return;
        }
        self.others.insert(name.to_owned());
        if value.built != Built::Not {
            self.built.insert(name.to_owned());
        }
    }

    /// What is known of a variable.
    pub(super) fn variable(&self, name: &str, node: Node) -> Typed {
        let built = if self.built.contains(name) { Built::In(name.to_owned()) } else { Built::Not };
        Typed { node, number: self.numbers.contains(name) && !self.others.contains(name), built }
    }

    /// A mark to ask later whether anything grew since, or to count anew from there.
    pub(super) fn mark(&self) -> Mark {
        Mark { growing: self.growing, nesting: self.nesting, built: self.built.len() }
    }

    /// Counts anew from a mark; what is known of variables stays.
    pub(super) const fn rewind(&mut self, mark: &Mark) {
        self.growing = mark.growing;
        self.nesting = mark.nesting;
    }
}
