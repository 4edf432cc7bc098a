//! PDF: the text of each page in the order in which the page shows it.

use std::collections::HashMap;

use ice_core::tools::ToolError;
use lopdf::content::Content;
use lopdf::{Dictionary, Document, Encoding, LoadOptions, Object, ObjectId};

use crate::ingest::Place;
use crate::ingest::document::Sink;
use crate::ingest::limits::{damaged, exceeded};

/// The most that one stream may unpack to, in bytes.
const MAX_STREAM: usize = 16 << 20;
/// The most that the content of a page or a form may unpack to: its operations are held in memory.
const MAX_CONTENT: usize = 8 << 20;
/// The most bytes that are shown on all pages, with the forms on them.
const MAX_SHOWN: usize = 512 << 20;
/// How deep forms may show forms.
const MAX_FORMS: usize = 8;
/// Of the height of a line: below it a move stays in the line, above it a paragraph begins.
const SAME_LINE: f32 = 0.3;
const NEXT_PARAGRAPH: f32 = 1.7;
/// In thousandths of the font's size: a gap that is a space.
const GAP: f32 = 200.0;

/// Paragraphs of pages. What is drawn as a picture is not read.
pub(crate) fn pdf(bytes: &[u8], sink: &mut Sink<'_>) -> Result<(), ToolError> {
    let options = LoadOptions { max_decompressed_size: Some(MAX_STREAM), ..LoadOptions::default() };
    let document = Document::load_mem_with_options(bytes, options)
        .map_err(|error| damaged(format!("the PDF cannot be read: {error}")))?;
    if document.is_encrypted() {
        return Err(damaged("the PDF is encrypted: give it without a password"));
    }
    let pages: Vec<ObjectId> = document.page_iter().take(sink.limits.pages.saturating_add(1)).collect();
    if pages.len() > sink.limits.pages {
        return Err(exceeded("the PDF has more pages", sink.limits.pages as u64));
    }
    if pages.is_empty() {
        return Err(damaged("the PDF has no pages, or they cannot be found"));
    }
    let mut fonts = Fonts::default();
    let mut work = Work::default();
    for (number, page) in (1_u32..).zip(&pages) {
        sink.watch()?;
        let mut reader = Page {
            document: &document,
            fonts: &mut fonts,
            sink,
            number,
            state: State::default(),
            lines: Lines::default(),
            work: &mut work,
            showing: Vec::new(),
        };
        reader.read(*page)?;
        sink.observer.progressed(u64::from(number), pages.len() as u64);
    }
    Ok(())
}

/// What was done so far, for all pages.
#[derive(Default)]
struct Work {
    operations: u64,
    bytes: usize,
}

/// The encodings of fonts, by the places of their dictionaries: each is read once.
#[derive(Default)]
struct Fonts<'d>(HashMap<usize, Option<Encoding<'d>>>);

/// The state of text on a page.
#[derive(Clone, Copy)]
struct State {
    /// Where the line begins, and how it is scaled: `a b c d e f`.
    line: [f32; 6],
    leading: f32,
    size: f32,
    font: Option<usize>,
}

impl Default for State {
    fn default() -> Self {
        Self { line: [1.0, 0.0, 0.0, 1.0, 0.0, 0.0], leading: 0.0, size: 1.0, font: None }
    }
}

/// What was read of a page.
#[derive(Default)]
struct Lines {
    block: String,
    /// The line in which the block begins, and the one that is being read.
    first: u64,
    current: u64,
    /// The height of what was shown last.
    height: Option<f32>,
}

struct Page<'p, 'd, 's> {
    document: &'d Document,
    fonts: &'p mut Fonts<'d>,
    sink: &'p mut Sink<'s>,
    number: u32,
    state: State,
    lines: Lines,
    work: &'p mut Work,
    /// The forms that are being shown, each within the one before.
    showing: Vec<usize>,
}

impl<'d> Page<'_, 'd, '_> {
    fn read(&mut self, page: ObjectId) -> Result<(), ToolError> {
        let failed =
            |error: lopdf::Error| damaged(format!("page {} of the PDF cannot be read: {error}", self.number));
        let content = self.document.get_page_content_with_limit(page, MAX_CONTENT).map_err(failed)?;
        let (direct, named) = self.document.get_page_resources(page).map_err(failed)?;
        let mut resources: Vec<&'d Dictionary> = direct.into_iter().collect();
        resources.extend(named.into_iter().filter_map(|id| self.document.get_dictionary(id).ok()));
        self.show(&content, &resources)?;
        self.end_block()
    }

    /// Takes what a stream of a page or a form shows.
    fn show(&mut self, content: &[u8], resources: &[&'d Dictionary]) -> Result<(), ToolError> {
        self.work.bytes = self.work.bytes.saturating_add(content.len());
        if self.work.bytes > MAX_SHOWN {
            return Err(exceeded("the pages of the PDF have more bytes", MAX_SHOWN as u64));
        }
        // What is damaged in a page is left out; the rest of the document is still worth reading.
        let Ok(content) = Content::decode(content) else { return Ok(()) };
        for operation in &content.operations {
            self.work.operations += 1;
            if self.work.operations > self.sink.limits.operations {
                return Err(exceeded(
                    "the pages of the PDF have more operations",
                    self.sink.limits.operations,
                ));
            }
            if self.work.operations.is_multiple_of(4096) {
                self.sink.watch()?;
            }
            let operands = operation.operands.as_slice();
            let number =
                |index: usize| operands.get(index).and_then(|operand| operand.as_float().ok()).unwrap_or(0.0);
            match operation.operator.as_str() {
                "BT" => self.state.line = State::default().line,
                "Tf" => {
                    self.state.font = operands
                        .first()
                        .and_then(|name| name.as_name().ok())
                        .and_then(|name| self.font(resources, name));
                    self.state.size = number(1).abs().max(0.001);
                }
                "TL" => self.state.leading = number(0),
                "Td" => self.go(number(0), number(1)),
                "TD" => {
                    self.state.leading = -number(1);
                    self.go(number(0), number(1));
                }
                "Tm" => self.state.line = std::array::from_fn(number),
                "T*" => self.go(0.0, -self.state.leading),
                "Tj" => self.say(operands.first())?,
                "'" => {
                    self.go(0.0, -self.state.leading);
                    self.say(operands.first())?;
                }
                "\"" => {
                    self.go(0.0, -self.state.leading);
                    self.say(operands.get(2))?;
                }
                "TJ" => {
                    for part in operands.first().and_then(|list| list.as_array().ok()).into_iter().flatten() {
                        match part.as_float() {
                            Ok(gap) if -gap > GAP => self.space(),
                            Ok(_) => {}
                            Err(_) => self.say(Some(part))?,
                        }
                    }
                }
                "Do" if self.showing.len() < MAX_FORMS => {
                    if let Some(name) = operands.first().and_then(|name| name.as_name().ok()) {
                        self.form(resources, name)?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Shows a form, which is a page within a page.
    fn form(&mut self, resources: &[&'d Dictionary], name: &[u8]) -> Result<(), ToolError> {
        let found = resources.iter().find_map(|resources| {
            let forms = self.document.get_dict_in_dict(resources, b"XObject").ok()?;
            forms.get_deref(name, self.document).ok()?.as_stream().ok()
        });
        let Some(form) =
            found.filter(|form| matches!(form.dict.get(b"Subtype").and_then(Object::as_name), Ok(b"Form")))
        else {
            return Ok(());
        };
        let place = std::ptr::from_ref(form).addr();
        if self.showing.contains(&place) {
            return Ok(());
        }
        let Ok(content) = form.get_plain_content_with_limit(MAX_CONTENT) else { return Ok(()) };
        let own = self.document.get_dict_in_dict(&form.dict, b"Resources").ok();
        let before = self.state;
        self.showing.push(place);
        match own {
            Some(own) => self.show(&content, &[own])?,
            None => self.show(&content, resources)?,
        }
        self.showing.pop();
        self.state = before;
        Ok(())
    }

    /// The font of a name, read if it is new.
    fn font(&mut self, resources: &[&'d Dictionary], name: &[u8]) -> Option<usize> {
        let font = resources.iter().find_map(|resources| {
            let fonts = self.document.get_dict_in_dict(resources, b"Font").ok()?;
            fonts.get_deref(name, self.document).ok()?.as_dict().ok()
        })?;
        let place = std::ptr::from_ref(font).addr();
        let document = self.document;
        self.fonts
            .0
            .entry(place)
            .or_insert_with(|| font.get_font_encoding_with_limit(document, MAX_STREAM).ok());
        Some(place)
    }

    /// Moves the beginning of the line.
    fn go(&mut self, x: f32, y: f32) {
        let [a, b, c, d, e, f] = self.state.line;
        self.state.line = [a, b, c, d, a.mul_add(x, c.mul_add(y, e)), b.mul_add(x, d.mul_add(y, f))];
        if x != 0.0 {
            self.space();
        }
    }

    fn space(&mut self) {
        if !self.lines.block.is_empty() && !self.lines.block.ends_with([' ', '\n']) {
            self.lines.block.push(' ');
        }
    }

    fn say(&mut self, text: Option<&Object>) -> Result<(), ToolError> {
        let Some(bytes) = text.and_then(|text| text.as_str().ok()) else { return Ok(()) };
        let encoding = self.state.font.and_then(|place| self.fonts.0.get(&place)).and_then(Option::as_ref);
        let text = match encoding {
            Some(encoding) => encoding.bytes_to_string(bytes).unwrap_or_default(),
            // Most fonts that say nothing are close to Latin 1.
            None => bytes.iter().copied().map(char::from).collect(),
        };
        let text: String = text.chars().filter(|char| !char.is_control()).collect();
        if text.is_empty() {
            return Ok(());
        }
        self.advance()?;
        self.sink.room(self.lines.block.len() + text.len())?;
        self.lines.block.push_str(&text);
        Ok(())
    }

    /// Ends the line or the paragraph, if what is shown now stands in another one.
    fn advance(&mut self) -> Result<(), ToolError> {
        let [_, b, _, d, _, height] = self.state.line;
        let unit = (self.state.size * d.abs().max(b.abs())).max(0.001);
        let moved = self.lines.height.map(|before| (before - height).abs() / unit);
        self.lines.height = Some(height);
        match moved {
            None => {
                self.lines.current += 1;
                self.lines.first = self.lines.current;
            }
            Some(moved) if moved < SAME_LINE => {}
            Some(moved) => {
                if moved > NEXT_PARAGRAPH {
                    self.end_block()?;
                } else if !self.lines.block.is_empty() {
                    self.lines.block.push('\n');
                }
                self.lines.current += 1;
                if self.lines.block.is_empty() {
                    self.lines.first = self.lines.current;
                }
            }
        }
        Ok(())
    }

    fn end_block(&mut self) -> Result<(), ToolError> {
        let place =
            Place { page: Some(self.number), line: Some(self.lines.first.max(1)), ..Place::default() };
        self.sink.add(&self.lines.block, place, false)?;
        self.lines.block.clear();
        Ok(())
    }
}
