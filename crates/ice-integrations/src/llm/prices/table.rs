//! The table.

use std::sync::Arc;

use super::{ModelEntry, PriceError, file};

/// The table that comes along.
const BUILT_IN: &str = include_str!("prices.toml");

/// What models cost and can do. A clone costs a few reference counts.
#[derive(Clone, Debug, Default)]
pub struct PriceTable {
    /// The lowest first.
    layers: Vec<Arc<[ModelEntry]>>,
}

impl PriceTable {
    /// The table that comes along: what vendors' pages state, each line with its day and page. Prices change; a file of
    /// one's own stands before it with [`overlay`](Self::overlay).
    #[must_use]
    pub fn built_in() -> Self {
        // A test reads it: it cannot be at fault here.
        Self::read(BUILT_IN, "prices.toml").unwrap_or_default()
    }

    /// Reads a table from TOML. `label` is what errors call it, for example its file name.
    ///
    /// # Errors
    /// [`PriceError`] at the first thing that is wrong: no TOML, an unknown or missing field, an amount that is no decimal
    /// text, a model that has two prices, or more than 1 MiB.
    pub fn read(text: &str, label: &str) -> Result<Self, PriceError> {
        Ok(Self { layers: vec![file::read(text, label)?.into()] })
    }

    /// This table with another before it: what the other says of a model holds, also where this one names the model and
    /// the other only the beginning of its name.
    #[must_use]
    pub fn overlay(mut self, other: Self) -> Self {
        self.layers.extend(other.layers);
        self
    }

    /// What is known of a model: the line that names it, else the one with the longest beginning of its name.
    #[must_use]
    pub fn lookup(&self, provider: &str, model: &str) -> Option<&ModelEntry> {
        self.layers.iter().rev().find_map(|layer| {
            let of_provider = layer.iter().filter(|entry| entry.provider == provider);
            let fits = of_provider.filter_map(|entry| {
                entry.models.iter().filter_map(|pattern| pattern.fit(model)).max().map(|fit| (fit, entry))
            });
            fits.max_by_key(|(fit, _)| *fit).map(|(_, entry)| entry)
        })
    }

    /// Every line, those that stand before others first.
    pub fn entries(&self) -> impl Iterator<Item = &ModelEntry> {
        self.layers.iter().rev().flat_map(|layer| layer.iter())
    }
}

#[cfg(test)]
mod tests {
    use ice_core::llm::{ModelCapabilities, Price, Usage, Usd};

    use super::*;

    /// A line, and then others of its fields.
    fn line(models: &str, input: &str) -> String {
        format!(
            "[[model]]\nprovider = \"p\"\nmodels = {models}\ninput = \"{input}\"\noutput = \"2\"\ncontext = 1000\n\
             max_output = 100\nas_of = \"2026-11-28\"\nsource = \"https://p.example/prices\"\n"
        )
    }

    fn table(lines: &[String]) -> PriceTable {
        PriceTable::read(&lines.join("\n"), "t.toml").unwrap()
    }

    fn input(table: &PriceTable, model: &str) -> Option<String> {
        table.lookup("p", model).map(|entry| entry.price.input.to_string())
    }

    fn check(text: &str, expected: &str) {
        assert_eq!(PriceTable::read(text, "t.toml").unwrap_err().to_string(), expected, "{text}");
    }

    #[test]
    fn a_name_stands_before_beginnings_and_a_longer_one_before_shorter_ones() {
        let lines = [
            line("[\"m*\"]", "1"),
            line("[\"m-large*\"]", "2"),
            line("[\"m-large-2\"]", "3"),
            line("[\"m-l*\"]", "4"),
        ];
        let table = table(&lines);
        for (model, expected) in [
            ("m", Some("1")),
            ("m-lite", Some("4")),
            ("m-large-1", Some("2")),
            ("m-large-2", Some("3")),
            ("x", None),
        ] {
            assert_eq!(input(&table, model).as_deref(), expected, "{model}");
        }
        assert!(table.lookup("q", "m").is_none());
    }

    #[test]
    fn what_lies_above_holds() {
        let below = table(&[line("[\"a\", \"b\"]", "1"), line("[\"c\"]", "1")]);
        let above = table(&[line("[\"a*\"]", "9")]);
        let both = below.overlay(above);
        assert_eq!(input(&both, "a").as_deref(), Some("9"));
        assert_eq!(input(&both, "b").as_deref(), Some("1"));
        assert_eq!(both.entries().count(), 3);
    }

    #[test]
    fn long_prompts_have_their_own_price() {
        let text = line("[\"a\"]", "1")
            + "[model.above]\ntokens = 500\ninput = \"2\"\noutput = \"3\"\ncached = \"0.5\"\n";
        let table = table(&[text]);
        let price = &table.lookup("p", "a").unwrap().price;
        let usage = |input| Usage { input, output: 100, cached: 100, ..Usage::default() };
        assert_eq!(price.of(&usage(500)).to_string(), "0.0007");
        assert_eq!(price.of(&usage(501)).to_string(), "0.001152");
    }

    #[test]
    fn amounts_are_exact() {
        let table = table(&[line("[\"a\"]", "0.0036251")]);
        let entry = table.lookup("p", "a").unwrap();
        assert_eq!(entry.price.input.to_string(), "0.0036251");
        let usage = Usage { input: 3_000_000, ..Usage::default() };
        assert_eq!(entry.price.of(&usage), "0.0108753".parse::<Usd>().unwrap());
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        check("[[model]\n", "t.toml:1:9: unclosed array table, expected `]`");
        let good = line("[\"a\"]", "1");
        check(
            &good.replace("\"1\"", "1.5"),
            "t.toml:4:9: invalid type: floating point `1.5`, expected a string",
        );
        check(
            &good.replace("\"1\"", "\"1,5\""),
            "t.toml:4:9: `1,5` is no amount of dollars such as `0.15`: digits with at most 12 decimals, up to 18446744",
        );
        check(
            &good.replace("[\"a\"]", "[\"a\", \"*\"]"),
            "t.toml:3:16: `*` is no name of a model: 1 to 128 characters without blanks, with `*` only at the end and after \
             something else",
        );
        check(&good.replace("[\"a\"]", "[]"), "t.toml:3:10: the line is about no model: name one");
        check(
            &good.replace("= 100\n", "= 1001\n"),
            "t.toml:7:14: `max_output` cannot be more than `context`",
        );
        check(
            &good.replace("https", "http"),
            "t.toml:9:10: `source` is the https:// address of the page that states the price",
        );
        check(&good.replace("= 1000\n", "= 0\n"), "t.toml:6:11: `context` must be at least one token");
        check(&good.replace("\"p\"", "\"\""), "t.toml:2:12: a provider has a name of 1 to 64 bytes");
        let until = good.clone() + "until = \"2026-11-27\"\n";
        check(&until, "t.toml:10:9: `until` lies before `as_of`");
        let above = good.clone() + "[model.above]\ntokens = 1000\ninput = \"1\"\noutput = \"1\"\n";
        check(&above, "t.toml:11:10: no prompt is longer than `context`: this price would never hold");
        let twice = [good.clone(), line("[\"b\", \"a\"]", "2")].join("\n");
        check(&twice, "t.toml:13:16: `a` of `p` has a price in line 3 already: remove one of them");
        let refused = PriceTable::read(&(good.clone() + "prize = 1\n"), "t.toml").unwrap_err();
        assert_eq!((refused.line, refused.column), (10, 1));
        assert!(refused.message.starts_with("unknown field `prize`, expected one of "), "{refused}");
        let refused = PriceTable::read(&good.replace("output = \"2\"\n", ""), "t.toml").unwrap_err();
        assert_eq!(refused.message, "missing field `output`");
        let refused = PriceTable::read(&good.replace("2026-11-28", "2026-11-31"), "t.toml").unwrap_err();
        assert_eq!((refused.line, refused.column), (8, 9));
        check(
            &"#".repeat((1 << 20) + 1),
            "t.toml:1:1: the file has more than 1048576 bytes: it holds something else than prices",
        );
    }

    #[test]
    fn the_built_in_table_is_whole() {
        let table = PriceTable::read(BUILT_IN, "prices.toml").unwrap_or_else(|error| panic!("{error}"));
        let providers: std::collections::BTreeSet<&str> =
            table.entries().map(|entry| entry.provider.as_str()).collect();
        assert_eq!(providers.into_iter().collect::<Vec<_>>(), ["anthropic", "deepseek", "google", "openai"]);
        assert_eq!(PriceTable::built_in().entries().count(), table.entries().count());
        let pages = [
            ("anthropic", "https://platform.claude.com/"),
            ("deepseek", "https://api-docs.deepseek.com/"),
            ("google", "https://ai.google.dev/"),
            ("openai", "https://developers.openai.com/"),
        ];
        for entry in table.entries() {
            let shown = &entry.models;
            let page = pages.iter().find(|(provider, _)| *provider == entry.provider).unwrap().1;
            assert!(entry.source.starts_with(page), "{shown:?} is not from a page of its vendor");
            // What is read again from a cache costs less, what is written into it not less, and answers cost more.
            assert!(entry.price.cached.is_none_or(|cached| cached < entry.price.input), "{shown:?}");
            assert!(entry.price.cache_write.is_none_or(|write| write >= entry.price.input), "{shown:?}");
            assert_eq!(entry.max_output == 0, entry.price.output.is_zero(), "{shown:?}");
            assert!(entry.max_output == 0 || entry.price.output > entry.price.input, "{shown:?}");
            if let Some(long) = &entry.price.long {
                assert!(
                    long.price.input > entry.price.input && long.price.output > entry.price.output,
                    "{shown:?}"
                );
                assert_eq!(long.price.cached.is_some(), entry.price.cached.is_some(), "{shown:?}");
                assert_eq!(long.price.cache_write.is_some(), entry.price.cache_write.is_some(), "{shown:?}");
            }
        }
    }

    #[test]
    fn a_line_of_the_built_in_table_is_what_its_page_says() {
        let table = PriceTable::built_in();
        let entry = table.lookup("openai", "gpt-4o-mini-2024-07-18").unwrap();
        let usd = |text: &str| text.parse::<Usd>().unwrap();
        let price =
            Price { input: usd("0.15"), output: usd("0.60"), cached: Some(usd("0.075")), ..Price::FREE };
        let expected = ModelCapabilities {
            max_input_tokens: 128_000,
            max_output_tokens: 16_384,
            tools: true,
            json_schema: true,
            vision: true,
            price: Some(price),
        };
        assert_eq!(entry.capabilities(), expected);
        assert!(table.lookup("openai", "gpt-4o-mini-tts").is_none());
        let usage = Usage { input: 300_000, output: 1_000, cached: 100_000, ..Usage::default() };
        // 200,000 at 4, 100,000 at 0.2, 1,000 at 15.
        assert_eq!(table.lookup("openai", "gpt-6.2-sol").unwrap().price.of(&usage), usd("0.835"));
    }
}
