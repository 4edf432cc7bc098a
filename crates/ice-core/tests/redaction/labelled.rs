//! Reads the labelled sentences.

use std::ops::Range;

const FILE: &str = include_str!("labelled.txt");

/// A span that is to be found.
#[derive(Debug)]
pub(crate) struct Mark {
    /// A kind, or the label of a national id.
    pub(crate) kind: String,
    pub(crate) range: Range<usize>,
}

/// A sentence and what is to be found in it.
#[derive(Debug)]
pub(crate) struct Sentence {
    pub(crate) text: String,
    pub(crate) marks: Vec<Mark>,
    pub(crate) is_held_back: bool,
}

/// Every sentence of the file.
pub(crate) fn sentences() -> Vec<Sentence> {
    FILE.lines().filter(|line| !line.starts_with('#')).map(read).collect()
}

fn read(line: &str) -> Sentence {
    let (set, rest) = line.split_once(' ').unwrap();
    let rest = rest.replace('¦', "").replace("\\n", "\n");
    let (mut text, mut marks, mut rest) = (String::new(), Vec::new(), rest.as_str());
    while let Some((before, marked)) = rest.split_once('⟦') {
        let (mark, behind) = marked.split_once('⟧').unwrap();
        let (kind, value) = mark.split_once('|').unwrap();
        text.push_str(before);
        let start = text.len();
        text.push_str(value);
        marks.push(Mark { kind: kind.to_owned(), range: start..text.len() });
        rest = behind;
    }
    text.push_str(rest);
    Sentence { text, marks, is_held_back: set == "h" }
}
