//! Markdown: its blocks as text, below their headings.

use ice_core::tools::ToolError;
use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use super::headings::Headings;
use super::text::Lines;
use crate::ingest::Place;
use crate::ingest::document::Sink;

/// Paragraphs, headings, items, cells of a row and blocks of code, without their marks.
pub(crate) fn markdown(text: &str, sink: &mut Sink<'_>) -> Result<(), ToolError> {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let mut lines = Lines::new(text);
    let mut headings = Headings::default();
    let mut block = String::new();
    let mut start = None;
    let mut level = None;
    for (count, (event, range)) in Parser::new_ext(text, options).into_offset_iter().enumerate() {
        if count.is_multiple_of(1024) {
            sink.watch()?;
            sink.observer.progressed(range.start as u64, text.len() as u64);
        }
        let mut say = |part: &str| {
            start.get_or_insert(range.start);
            block.push_str(part);
        };
        match event {
            Event::Text(part) | Event::Code(part) | Event::InlineMath(part) | Event::DisplayMath(part) => {
                say(&part)
            }
            Event::SoftBreak | Event::HardBreak => say("\n"),
            Event::End(TagEnd::TableCell) => say("\t"),
            Event::TaskListMarker(done) => say(if done { "[x] " } else { "[ ] " }),
            Event::Start(Tag::Heading { level: found, .. }) => level = Some(rank(found)),
            Event::End(
                TagEnd::Paragraph
                | TagEnd::Heading(_)
                | TagEnd::CodeBlock
                | TagEnd::Item
                | TagEnd::TableRow
                | TagEnd::TableHead,
            )
            | Event::Start(Tag::List(_) | Tag::Item | Tag::Paragraph | Tag::CodeBlock(_)) => {
                if let Some(first) = start.take() {
                    let begins = level.take();
                    if let Some(level) = begins {
                        headings.enter(level, &block);
                    }
                    let bytes = Some(first as u64..range.end.max(first) as u64);
                    let place = Place {
                        line: Some(lines.at(first)),
                        bytes,
                        headings: headings.path(),
                        ..Place::default()
                    };
                    sink.add(&block, place, begins.is_some())?;
                    block.clear();
                }
            }
            Event::Start(_)
            | Event::End(_)
            | Event::Html(_)
            | Event::InlineHtml(_)
            | Event::FootnoteReference(_)
            | Event::Rule => {}
        }
        sink.room(block.len())?;
    }
    sink.add(&block, Place { headings: headings.path(), ..Place::default() }, false)
}

const fn rank(level: HeadingLevel) -> u8 {
    match level {
        HeadingLevel::H1 => 1,
        HeadingLevel::H2 => 2,
        HeadingLevel::H3 => 3,
        HeadingLevel::H4 => 4,
        HeadingLevel::H5 => 5,
        HeadingLevel::H6 => 6,
    }
}
