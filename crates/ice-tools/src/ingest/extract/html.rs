//! HTML: the text that a reader sees, in blocks below their headings.
//!
//! Only the tokens of a page are read; no tree is made, so that no page is too deep.

use std::cell::RefCell;

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{
    BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
};
use ice_core::tools::ToolError;

use super::headings::Headings;
use crate::ingest::Place;
use crate::ingest::document::Sink;
use crate::ingest::limits::exceeded;

/// The most spaces within one tag: as many attributes, which are compared with each other.
const MAX_SPACES: usize = 30_000;
/// Bytes that are read between two looks at the observer.
const STEP: usize = 16 << 10;

/// Elements whose text is not for readers.
const HIDDEN: [&str; 8] =
    ["script", "style", "noscript", "template", "iframe", "noembed", "noframes", "textarea"];
/// Elements that stand within a line.
const INLINE: [&str; 27] = [
    "a", "abbr", "b", "bdi", "bdo", "cite", "code", "data", "del", "dfn", "em", "font", "i", "img", "ins",
    "kbd", "mark", "q", "s", "samp", "small", "span", "strong", "sub", "sup", "u", "var",
];

/// Blocks of text.
pub(crate) fn html(text: &str, sink: &mut Sink<'_>) -> Result<(), ToolError> {
    check_tags(text)?;
    let page = Page(RefCell::new(State {
        sink,
        block: String::new(),
        line: 1,
        headings: Headings::default(),
        level: None,
        hidden: None,
        kept: 0,
        stopped: None,
    }));
    let tokenizer = Tokenizer::new(page, TokenizerOpts { exact_errors: false, ..TokenizerOpts::default() });
    let input = BufferQueue::default();
    let mut at = 0;
    while at < text.len() {
        let end = text.floor_char_boundary((at + STEP).min(text.len()));
        input.push_back(StrTendril::from_slice(text.get(at..end).unwrap_or_default()));
        let _ = tokenizer.feed(&input);
        at = end;
        let mut state = tokenizer.sink.0.borrow_mut();
        state.stopped.take().map_or(Ok(()), Err)?;
        state.sink.watch()?;
        state.sink.observer.progressed(at as u64, text.len() as u64);
    }
    tokenizer.end();
    let mut state = tokenizer.sink.0.borrow_mut();
    state.end_block();
    state.stopped.take().map_or(Ok(()), Err)
}

/// Refuses tags with very many attributes.
fn check_tags(text: &str) -> Result<(), ToolError> {
    let mut spaces = None;
    let mut last = b' ';
    for byte in text.bytes() {
        match byte {
            b'>' => spaces = None,
            _ if last == b'<' && byte.is_ascii_alphabetic() => {
                spaces.get_or_insert(0);
            }
            b' ' | b'\t' | b'\n' | b'\r' | b'/' | b'"' | b'\'' => {
                if let Some(count) = &mut spaces {
                    *count += 1;
                    if *count > MAX_SPACES {
                        return Err(exceeded("a tag of the page has more attributes", MAX_SPACES as u64));
                    }
                }
            }
            _ => {}
        }
        last = byte;
    }
    Ok(())
}

struct Page<'p, 's>(RefCell<State<'p, 's>>);

struct State<'p, 's> {
    sink: &'p mut Sink<'s>,
    block: String,
    /// The line in which the block begins.
    line: u64,
    headings: Headings,
    /// The level of the heading that is being read.
    level: Option<u8>,
    /// The element whose text is left out.
    hidden: Option<String>,
    /// How many elements are open whose white space is kept.
    kept: usize,
    stopped: Option<ToolError>,
}

impl State<'_, '_> {
    fn say(&mut self, text: &str, line: u64) {
        if self.hidden.is_some() || self.stopped.is_some() {
            return;
        }
        if self.block.is_empty() {
            self.line = line;
        }
        if let Err(error) = self.sink.room(self.block.len() + text.len()) {
            self.stopped = Some(error);
            return;
        }
        if self.kept > 0 {
            self.block.push_str(text);
            return;
        }
        for char in text.chars() {
            if !char.is_ascii_whitespace() {
                self.block.push(char);
            } else if !self.block.is_empty() && !self.block.ends_with([' ', '\n', '\t']) {
                self.block.push(' ');
            }
        }
    }

    fn end_block(&mut self) {
        let level = self.level.take();
        if let Some(level) = level {
            self.headings.enter(level, &self.block);
        }
        if self.stopped.is_none() {
            let place = Place { line: Some(self.line), headings: self.headings.path(), ..Place::default() };
            self.stopped = self.sink.add(&self.block, place, level.is_some()).err();
        }
        self.block.clear();
    }

    fn tag(&mut self, tag: &Tag, line: u64) -> TokenSinkResult<()> {
        let name = &*tag.name;
        let opens = tag.kind == TagKind::StartTag;
        if let Some(hidden) = &self.hidden {
            if !opens && **hidden == *name {
                self.hidden = None;
            }
            return TokenSinkResult::Continue;
        }
        if opens && HIDDEN.contains(&name) {
            self.hidden = Some(name.to_owned());
            return match name {
                "script" => TokenSinkResult::RawData(RawKind::ScriptData),
                "textarea" => TokenSinkResult::RawData(RawKind::Rcdata),
                "template" | "noscript" => TokenSinkResult::Continue,
                _ => TokenSinkResult::RawData(RawKind::Rawtext),
            };
        }
        match name {
            "br" => self.block.push('\n'),
            "td" | "th" => {
                if opens && !self.block.is_empty() {
                    self.block.push('\t');
                }
            }
            "title" => {
                self.end_block();
                if opens {
                    return TokenSinkResult::RawData(RawKind::Rcdata);
                }
            }
            "pre" => {
                self.end_block();
                self.kept = if opens { self.kept.saturating_add(1) } else { self.kept.saturating_sub(1) };
            }
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                if opens {
                    self.end_block();
                    self.level = name.as_bytes().last().map(|digit| digit.saturating_sub(b'0'));
                } else {
                    self.end_block();
                }
            }
            _ if INLINE.contains(&name) => {}
            _ => self.end_block(),
        }
        if opens && self.block.is_empty() {
            self.line = line;
        }
        TokenSinkResult::Continue
    }
}

impl TokenSink for Page<'_, '_> {
    type Handle = ();

    fn process_token(&self, token: Token, line: u64) -> TokenSinkResult<()> {
        let mut state = self.0.borrow_mut();
        match token {
            Token::CharacterTokens(text) => {
                state.say(&text, line);
                TokenSinkResult::Continue
            }
            Token::TagToken(tag) => state.tag(&tag, line),
            Token::DoctypeToken(_)
            | Token::CommentToken(_)
            | Token::NullCharacterToken
            | Token::EOFToken
            | Token::ParseError(_) => TokenSinkResult::Continue,
        }
    }
}
