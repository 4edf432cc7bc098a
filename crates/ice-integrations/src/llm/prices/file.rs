//! Files of prices as they are written: TOML, read strictly.

use std::collections::HashMap;

use ice_core::llm::{LongPrompt, Price, Usd};
use jiff::civil::Date;
use serde::{Deserialize, Deserializer};
use toml::Spanned;

use super::{InvalidPattern, ModelEntry, ModelPattern, PriceError};

/// The longest file.
const MAX_BYTES: usize = 1 << 20;
/// More tokens than any model reads or writes.
const MAX_TOKENS: u64 = 1 << 40;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    model: Vec<Line>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    provider: Spanned<String>,
    /// Patterns as texts: an error within a list would be told at the place of the list.
    models: Spanned<Vec<Spanned<String>>>,
    input: Dollars,
    output: Dollars,
    cached: Option<Dollars>,
    cache_write: Option<Dollars>,
    above: Option<Above>,
    context: Spanned<u64>,
    max_output: Spanned<u64>,
    #[serde(default)]
    tools: bool,
    #[serde(default)]
    vision: bool,
    #[serde(default)]
    json_schema: bool,
    #[serde(default = "yes")]
    temperature: bool,
    as_of: Date,
    until: Option<Spanned<Date>>,
    source: Spanned<String>,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Above {
    tokens: Spanned<u64>,
    input: Dollars,
    output: Dollars,
    cached: Option<Dollars>,
    cache_write: Option<Dollars>,
}

/// An amount as a text: a number of TOML is a float, which is not exact.
struct Dollars(Usd);

impl<'de> Deserialize<'de> for Dollars {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map(Self).map_err(serde::de::Error::custom)
    }
}

/// Reads a file; `label` is what it is called in errors.
pub(super) fn read(text: &str, label: &str) -> Result<Vec<ModelEntry>, PriceError> {
    if text.len() > MAX_BYTES {
        let message =
            format!("the file has more than {MAX_BYTES} bytes: it holds something else than prices");
        return Err(PriceError::at(label, text, 0, message));
    }
    let wrong = |byte: usize, message: String| PriceError::at(label, text, byte, message);
    let file: File = toml::from_str(text)
        .map_err(|error| wrong(error.span().map_or(0, |span| span.start), error.message().to_owned()))?;
    let mut seen: HashMap<(String, ModelPattern), usize> = HashMap::new();
    let mut entries = Vec::with_capacity(file.model.len());
    for line in file.model {
        line.check().map_err(|(byte, message)| wrong(byte, message))?;
        let mut models = Vec::with_capacity(line.models.as_ref().len());
        for written in line.models.as_ref() {
            let byte = written.span().start;
            let pattern: ModelPattern =
                written.as_ref().parse().map_err(|error: InvalidPattern| wrong(byte, error.to_string()))?;
            let provider = line.provider.as_ref();
            if let Some(first) = seen.insert((provider.clone(), pattern.clone()), byte) {
                let first = wrong(first, String::new()).line;
                let message = format!(
                    "`{pattern}` of `{provider}` has a price in line {first} already: remove one of them"
                );
                return Err(wrong(byte, message));
            }
            models.push(pattern);
        }
        entries.push(line.into_entry(models));
    }
    Ok(entries)
}

impl Line {
    /// What is wrong with a line, and at which byte.
    fn check(&self) -> Result<(), (usize, String)> {
        let fail = |byte: usize, message: &str| Err((byte, message.to_owned()));
        let provider = self.provider.as_ref();
        if provider.is_empty() || provider.len() > 64 || provider.trim() != provider {
            return fail(self.provider.span().start, "a provider has a name of 1 to 64 bytes");
        }
        if self.models.as_ref().is_empty() {
            return fail(self.models.span().start, "the line is about no model: name one");
        }
        if !(1..=MAX_TOKENS).contains(self.context.as_ref()) {
            return fail(self.context.span().start, "`context` must be at least one token");
        }
        if self.max_output.as_ref() > self.context.as_ref() {
            return fail(self.max_output.span().start, "`max_output` cannot be more than `context`");
        }
        if let Some(above) =
            self.above.as_ref().filter(|above| above.tokens.as_ref() >= self.context.as_ref())
        {
            return fail(
                above.tokens.span().start,
                "no prompt is longer than `context`: this price would never hold",
            );
        }
        if let Some(until) = self.until.as_ref().filter(|until| *until.as_ref() < self.as_of) {
            return fail(until.span().start, "`until` lies before `as_of`");
        }
        let source = self.source.as_ref();
        if !source.starts_with("https://") || source.len() < 12 || source.contains(char::is_whitespace) {
            return fail(
                self.source.span().start,
                "`source` is the https:// address of the page that states the price",
            );
        }
        Ok(())
    }

    fn into_entry(self, models: Vec<ModelPattern>) -> ModelEntry {
        let price =
            |input: Dollars, output: Dollars, cached: Option<Dollars>, cache_write: Option<Dollars>| Price {
                input: input.0,
                output: output.0,
                cached: cached.map(|price| price.0),
                cache_write: cache_write.map(|price| price.0),
                long: None,
            };
        let long = self.above.map(|above| {
            let price = price(above.input, above.output, above.cached, above.cache_write);
            Box::new(LongPrompt { above: above.tokens.into_inner(), price })
        });
        ModelEntry {
            provider: self.provider.into_inner(),
            models,
            price: Price { long, ..price(self.input, self.output, self.cached, self.cache_write) },
            context: self.context.into_inner(),
            max_output: self.max_output.into_inner(),
            tools: self.tools,
            vision: self.vision,
            json_schema: self.json_schema,
            temperature: self.temperature,
            as_of: self.as_of,
            until: self.until.map(Spanned::into_inner),
            source: self.source.into_inner(),
        }
    }
}
