//! The tokenizer of a GGUF file, made from what the file says of its words.

use candle_core::quantized::gguf_file::{Content, Value};
use tokenizers::decoders::byte_level::ByteLevel as BytesBack;
use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{AddedToken, PreTokenizerWrapper, SplitDelimiterBehavior, Tokenizer};

use super::error::Flaw;
use super::gguf::clip;
use super::shape::text;

/// How Llama 3 splits texts before they become tokens, as its own configuration has it.
const LLAMA_3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// The kinds of words, as the format counts them.
const CONTROL: u64 = 3;
const OF_THE_USER: u64 = 4;

/// Makes the tokenizer.
pub(super) fn of(content: &Content) -> Result<Tokenizer, Flaw> {
    let beside = "lay the model's tokenizer.json beside the file";
    let kind = text(content, "tokenizer.ggml.model").unwrap_or_default();
    if kind != "gpt2" {
        let what = format!("words of the kind `{}` cannot be read from the file: {beside}", clip(kind));
        return Err(Flaw::unsupported(what));
    }
    let words = texts(content, "tokenizer.ggml.tokens")?;
    let merges = texts(content, "tokenizer.ggml.merges")?;
    let vocabulary: Vocab =
        words.iter().enumerate().map(|(id, word)| ((*word).to_owned(), id as u32)).collect();
    let merges = merges.into_iter().map(|pair| {
        let (left, right) = pair.split_once(' ').ok_or_else(|| {
            Flaw::invalid(format!("`tokenizer.ggml.merges` has `{}`, which is no pair", clip(pair)))
        })?;
        Ok((left.to_owned(), right.to_owned()))
    });
    let merges = merges.collect::<Result<Vec<_>, Flaw>>()?;
    let splitting = text(content, "tokenizer.ggml.pre").unwrap_or("default");
    // Texts get no space before their first word.
    let bytes = |use_regex| PreTokenizerWrapper::from(ByteLevel::new(false, true, use_regex));
    let (split, ignore_merges) = match splitting {
        "smollm" => (Sequence::new(vec![Digits::new(true).into(), bytes(true)]).into(), false),
        "default" | "gpt-2" => (bytes(true), false),
        "llama-bpe" | "llama3" | "llama-v3" => {
            let pattern = SplitPattern::Regex(LLAMA_3.to_owned());
            let split = Split::new(pattern, SplitDelimiterBehavior::Isolated, false).map_err(broken)?;
            (Sequence::new(vec![split.into(), bytes(false)]).into(), true)
        }
        other => {
            let what = format!("texts that are split as for `{}` cannot be read: {beside}", clip(other));
            return Err(Flaw::unsupported(what));
        }
    };
    let model = BPE::builder().vocab_and_merges(vocabulary, merges).ignore_merges(ignore_merges);
    let mut tokenizer = Tokenizer::new(model.build().map_err(broken)?);
    tokenizer.with_pre_tokenizer(Some::<PreTokenizerWrapper>(split));
    tokenizer.with_decoder(Some(BytesBack::new(false, true, true)));
    let kinds = match content.metadata.get("tokenizer.ggml.token_type") {
        Some(Value::Array(kinds)) => kinds.as_slice(),
        Some(_) | None => &[],
    };
    let of_kind = |wanted: u64, special: bool| {
        let kinds = kinds.iter().zip(&words);
        let found = kinds.filter(|(kind, word)| number(kind) == Some(wanted) && !word.is_empty());
        found
            .map(|(_, word)| AddedToken::from((*word).to_owned(), special).normalized(false))
            .collect::<Vec<_>>()
    };
    tokenizer.add_special_tokens(of_kind(CONTROL, true)).map_err(broken)?;
    tokenizer.add_tokens(of_kind(OF_THE_USER, false)).map_err(broken)?;
    Ok(tokenizer)
}

fn broken(error: tokenizers::Error) -> Flaw {
    let why: String = error.to_string().chars().take(200).collect();
    Flaw::invalid(format!("its words make no tokenizer: {why}"))
}

fn number(value: &Value) -> Option<u64> {
    value.to_u64().ok().or_else(|| u64::try_from(value.to_i32().ok()?).ok())
}

fn texts<'c>(content: &'c Content, name: &str) -> Result<Vec<&'c str>, Flaw> {
    let items = match content.metadata.get(name) {
        Some(Value::Array(items)) => items.as_slice(),
        Some(_) | None => &[],
    };
    let texts = items.iter().map(|item| item.to_string().ok().map(String::as_str));
    let texts: Option<Vec<&str>> = texts.collect();
    texts
        .filter(|texts| !texts.is_empty())
        .ok_or_else(|| Flaw::invalid(format!("`{name}` is no list of texts")))
}
