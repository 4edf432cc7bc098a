//! What tools are called where vendors allow letters, digits, `_` and `-` alone, and 64 of them.

use std::collections::HashMap;

use ice_core::llm::ToolDefinition;

/// The longest name that every vendor takes.
const MOST: usize = 64;

/// The names of the tools of a request, there and here.
#[derive(Debug, Default)]
pub(super) struct Names {
    there: HashMap<String, String>,
    here: HashMap<String, String>,
}

impl Names {
    /// Names for these tools, each its own: the first ones are as like as can be.
    pub(super) fn of(tools: &[ToolDefinition]) -> Self {
        let mut names = Self::default();
        for tool in tools {
            let plain = plain(&tool.name);
            let mut name = plain.clone();
            let mut number = 2;
            while names.here.contains_key(&name) {
                let end = format!("-{number}");
                name = format!("{}{end}", plain.get(..plain.len().min(MOST - end.len())).unwrap_or_default());
                number += 1;
            }
            names.here.insert(name.clone(), tool.name.clone());
            names.there.insert(tool.name.clone(), name);
        }
        names
    }

    /// What a tool is called there. A conversation may be about tools that are not offered any more.
    pub(super) fn there(&self, name: &str) -> String {
        self.there.get(name).cloned().unwrap_or_else(|| plain(name))
    }

    /// The tool that is called so there; what a model made up is left as it is.
    pub(super) fn here(&self, name: &str) -> String {
        self.here.get(name).map_or_else(|| name.to_owned(), Clone::clone)
    }
}

fn plain(name: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    name.chars().map(|c| if allowed(c) { c } else { '-' }).take(MOST).collect()
}

#[cfg(test)]
mod tests {
    use ice_core::value::Value;

    use super::*;

    #[test]
    fn every_tool_has_a_name_of_its_own_and_is_found_again() {
        let long = "x".repeat(70);
        let known = ["files.read", "files-read", "fact-checker", "now", &long, &format!("{long}y")];
        let tool = |name: &str| ToolDefinition {
            name: name.to_owned(),
            description: String::new(),
            input_schema: Value::empty_map(),
        };
        let names = Names::of(&known.map(tool));
        let there = known.map(|name| names.there(name));
        let shorter = "x".repeat(62);
        assert_eq!(
            there,
            ["files-read", "files-read-2", "fact-checker", "now", &"x".repeat(64), &format!("{shorter}-2")]
        );
        assert_eq!(there.map(|name| names.here(&name)), known.map(str::to_owned));
        assert_eq!(
            (names.there("gone.tool").as_str(), names.here("made-up").as_str()),
            ("gone-tool", "made-up")
        );
    }
}
