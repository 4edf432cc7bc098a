//! The headings above a part.

/// The longest heading that is kept, in characters.
const MAX_CHARS: usize = 200;

/// Headings by their levels.
#[derive(Debug, Default)]
pub(super) struct Headings(Vec<(u8, String)>);

impl Headings {
    /// Takes a heading: those of its level and below it end.
    pub(super) fn enter(&mut self, level: u8, text: &str) {
        self.0.retain(|(above, _)| *above < level);
        let text: String = text.trim().chars().take(MAX_CHARS).collect();
        if !text.is_empty() {
            self.0.push((level, text));
        }
    }

    /// The headings, the outermost first.
    pub(super) fn path(&self) -> Vec<String> {
        self.0.iter().map(|(_, text)| text.clone()).collect()
    }
}
