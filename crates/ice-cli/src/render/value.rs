//! Values for people: as indented JSON, with what is long left out and counted.

use ice_core::value::Value;

use super::text::{count, number};

/// The most lines that are shown.
const MAX_LINES: usize = 40;

/// The most entries of a list or a map, by how deep it lies, and characters of a text: the first that fits is
/// taken. The last one fits whatever the value is.
const LIMITS: [([usize; 4], usize); 6] = [
    ([40, 40, 40, 40], 200),
    ([20, 10, 10, 5], 200),
    ([12, 6, 3, 2], 200),
    ([12, 4, 2, 0], 150),
    ([12, 2, 0, 0], 150),
    ([12, 0, 0, 0], 80),
];

/// The value with what is long left out, in about 40 lines; nothing if it is short enough as it is.
pub(crate) fn shortened(value: &Value) -> Option<String> {
    let mut is_cut = false;
    let mut lines = Vec::new();
    for (entries, characters) in LIMITS {
        let mut writer = Writer { lines: vec![String::new()], entries, characters, is_cut: false };
        writer.write(value, 0);
        (lines, is_cut) = (writer.lines, writer.is_cut);
        if lines.len() <= MAX_LINES {
            break;
        }
    }
    is_cut.then(|| lines.join("\n"))
}

struct Writer {
    lines: Vec<String>,
    entries: [usize; 4],
    characters: usize,
    is_cut: bool,
}

impl Writer {
    fn write(&mut self, value: &Value, depth: usize) {
        match value {
            Value::String(text) => self.text(text),
            Value::List(list) if !list.is_empty() => {
                self.add("[");
                self.entries(list.len(), "entry", "entries", depth, list.iter().map(|value| (None, value)));
                self.add("]");
            }
            Value::Map(map) if !map.is_empty() => {
                self.add("{");
                let entries = map.iter().map(|(name, value)| (Some(name.as_ref()), value));
                self.entries(map.len(), "field", "fields", depth, entries);
                self.add("}");
            }
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::List(_)
            | Value::Map(_)
            | Value::Blob(_) => self.add(&value.to_string()),
        }
    }

    fn entries<'v>(
        &mut self,
        length: usize,
        one: &str,
        many: &str,
        depth: usize,
        entries: impl Iterator<Item = (Option<&'v str>, &'v Value)>,
    ) {
        let most = self.entries.get(depth).or(self.entries.last()).copied().unwrap_or(0);
        let noun = if length == 1 { one } else { many };
        if most == 0 {
            self.is_cut = true;
            return self.add(&format!("… {} {noun}", number(length as u64)));
        }
        for (at, (name, value)) in entries.take(most).enumerate() {
            if self.lines.len() > MAX_LINES {
                return;
            }
            self.line(depth + 1);
            if let Some(name) = name {
                self.text(name);
                self.add(": ");
            }
            self.write(value, depth + 1);
            if at + 1 < length {
                self.add(",");
            }
        }
        let more = length.saturating_sub(most);
        if more > 0 {
            self.is_cut = true;
            self.line(depth + 1);
            let noun = if more == 1 { one } else { many };
            self.add(&format!("… {} more {noun}", number(more as u64)));
        }
        self.line(depth);
    }

    fn text(&mut self, text: &str) {
        let Some((cut, _)) = text.char_indices().nth(self.characters) else {
            return self.add(&Value::string(text).to_string());
        };
        self.is_cut = true;
        let (shown, more) = text.split_at(cut);
        self.add(&Value::string(shown).to_string());
        self.add(&format!(" … {}", count(more.chars().count() as u64, "more character")));
    }

    fn line(&mut self, depth: usize) {
        self.lines.push("  ".repeat(depth));
    }

    fn add(&mut self, text: &str) {
        if let Some(last) = self.lines.last_mut() {
            last.push_str(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, expected: Option<&[&str]>) {
        let found = shortened(&serde_json::from_str(json).unwrap());
        assert_eq!(found, expected.map(|lines| lines.join("\n")), "{json}");
    }

    #[test]
    fn what_is_short_stays_as_it_is() {
        for json in ["null", "{}", r#"{"a": [1, {"b": "c"}], "d": []}"#] {
            check(json, None);
        }
    }

    #[test]
    fn what_is_long_is_left_out_and_counted() {
        let rows: Vec<String> = (0..3_376).map(|at| format!("{{\"n\": {at}, \"m\": {{}}}}")).collect();
        let text = "é\\n".repeat(5_000);
        let json = format!(r#"{{"rows": [{}], "text": "{text}"}}"#, rows.join(","));
        let shown = format!(r#"  "text": "{}" … 9,800 more characters"#, "é\\n".repeat(100));
        let mut expected = vec!["{".to_owned(), "  \"rows\": [".to_owned()];
        for at in 0..6 {
            expected.push("    {".to_owned());
            expected.push(format!("      \"n\": {at},"));
            expected.push("      \"m\": {}".to_owned());
            expected.push("    },".to_owned());
        }
        expected.extend(["    … 3,370 more entries".to_owned(), "  ],".to_owned(), shown, "}".to_owned()]);
        check(&json, Some(&expected.iter().map(String::as_str).collect::<Vec<_>>()));
    }

    #[test]
    fn no_value_needs_more_lines_than_there_are() {
        let deep = format!("{}1{}", "[".repeat(60), "]".repeat(60));
        let bushy = (0..5).fold("1".to_owned(), |inner, _| format!("[{}]", vec![inner; 9].join(",")));
        for json in [deep, bushy] {
            let shown = shortened(&serde_json::from_str(&json).unwrap()).unwrap();
            assert!(shown.lines().count() <= MAX_LINES + 1, "{shown}");
        }
    }
}
