//! The shape of a model, checked against its numbers: nothing that would be left out, nothing that does not fit.

use std::collections::BTreeSet;

use candle_core::quantized::gguf_file::{Content, Value};
use candle_transformers::models::quantized_llama::MAX_SEQ_LEN;

use super::error::Flaw;
use super::gguf::clip;

/// The only kind of model.
const KIND: &str = "llama";

/// What of a model's shape is needed here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ModelShape {
    /// The longest conversation with its answer, in tokens.
    pub(super) context: usize,
    /// How many words there are numbers for.
    pub(super) words: usize,
}

impl ModelShape {
    /// Checks what is said of a model and which numbers it has.
    pub(super) fn read(content: &Content) -> Result<Self, Flaw> {
        let kind = text(content, "general.architecture").unwrap_or_default();
        if kind != KIND {
            let what =
                format!("models of the kind `{}` do not run here: use one of the kind `{KIND}`", clip(kind));
            return Err(Flaw::unsupported(what));
        }
        let width = whole(content, "llama.embedding_length", 1..=65_536)?;
        let heads = whole(content, "llama.attention.head_count", 1..=1_024)?;
        let key_heads = whole(content, "llama.attention.head_count_kv", 1..=1_024)?;
        let layers = whole(content, "llama.block_count", 1..=1_024)?;
        let turned = whole(content, "llama.rope.dimension_count", 2..=65_536)?;
        let stated = whole(content, "llama.context_length", 1..=usize::MAX)?;
        if !width.is_multiple_of(heads) || !heads.is_multiple_of(key_heads) {
            let why =
                format!("a width of {width} cannot be shared among {heads} heads with {key_heads} of keys");
            return Err(Flaw::invalid(why));
        }
        let head = width / heads;
        if turned != head || !head.is_multiple_of(2) {
            let what = format!(
                "heads of {head} of which {turned} numbers are turned do not run here: use another model"
            );
            return Err(Flaw::unsupported(what));
        }
        for scaled in ["llama.rope.scaling.type", "llama.expert_count", "llama.attention.sliding_window"] {
            if let Some(value) = content.metadata.get(scaled).filter(|value| !is_nothing(value)) {
                let what =
                    format!("`{scaled}` is {}, which does not run here: use another model", told(value));
                return Err(Flaw::unsupported(what));
            }
        }
        let epsilon = match content.metadata.get("llama.attention.layer_norm_rms_epsilon") {
            Some(Value::F32(epsilon)) => *epsilon,
            Some(_) | None => 0.0,
        };
        if !(epsilon > 0.0 && epsilon < 1.0) {
            return Err(Flaw::invalid("`llama.attention.layer_norm_rms_epsilon` must lie between 0 and 1"));
        }
        let words = match content.tensor_infos.get("token_embd.weight").map(|info| info.shape.dims()) {
            Some(&[words, numbers]) if numbers == width => words,
            Some(other) => {
                return Err(Flaw::invalid(format!(
                    "`token_embd.weight` is {other:?}, and the width is {width}"
                )));
            }
            None => return Err(Flaw::invalid("it lacks `token_embd.weight`")),
        };
        let inner = whole(content, "llama.feed_forward_length", 1..=1 << 20)?;
        let expected = Expected { width, keys: head * key_heads, inner, words };
        expected.check(content, layers)?;
        Ok(Self { context: stated.min(MAX_SEQ_LEN), words })
    }
}

/// What the numbers of a model must be.
struct Expected {
    width: usize,
    keys: usize,
    inner: usize,
    words: usize,
}

impl Expected {
    /// Whether every block of numbers is there and has its shape, and none is there that would be left out.
    fn check(&self, content: &Content, layers: usize) -> Result<(), Flaw> {
        let (width, keys, inner) = (self.width, self.keys, self.inner);
        let mut known = BTreeSet::from(["token_embd.weight".to_owned(), "output.weight".to_owned()]);
        let mut want = vec![("output_norm.weight".to_owned(), vec![width])];
        for layer in 0..layers {
            let parts: [(&str, &[usize]); 9] = [
                ("attn_norm", &[width]),
                ("attn_q", &[width, width]),
                ("attn_k", &[keys, width]),
                ("attn_v", &[keys, width]),
                ("attn_output", &[width, width]),
                ("ffn_norm", &[width]),
                ("ffn_gate", &[inner, width]),
                ("ffn_up", &[inner, width]),
                ("ffn_down", &[width, inner]),
            ];
            want.extend(parts.map(|(part, shape)| (format!("blk.{layer}.{part}.weight"), shape.to_vec())));
        }
        if content.tensor_infos.contains_key("output.weight") {
            want.push(("output.weight".to_owned(), vec![self.words, width]));
        }
        for (name, shape) in want {
            match content.tensor_infos.get(&name).map(|info| info.shape.dims()) {
                Some(found) if found == shape => {}
                Some(found) => return Err(Flaw::invalid(format!("`{name}` is {found:?}, not {shape:?}"))),
                None => return Err(Flaw::invalid(format!("it lacks `{name}`"))),
            }
            known.insert(name);
        }
        match content.tensor_infos.keys().filter(|name| !known.contains(*name)).min() {
            Some(other) => {
                let what =
                    format!("it has `{}`, which would be left out here: use another model", clip(other));
                Err(Flaw::unsupported(what))
            }
            None => Ok(()),
        }
    }
}

/// Something said of a model that is a text.
pub(super) fn text<'c>(content: &'c Content, name: &str) -> Option<&'c str> {
    match content.metadata.get(name) {
        Some(Value::String(text)) => Some(text),
        Some(_) | None => None,
    }
}

/// Something said of a model that is a whole number in 32 bits, such as a token.
pub(super) fn number(content: &Content, name: &str) -> Option<u32> {
    let number = content.metadata.get(name)?.to_u64().ok()?;
    u32::try_from(number).ok()
}

fn whole(content: &Content, name: &str, range: std::ops::RangeInclusive<usize>) -> Result<usize, Flaw> {
    let found = match content.metadata.get(name) {
        Some(Value::U32(number)) => usize::try_from(*number).ok(),
        Some(_) | None => None,
    };
    let (least, most) = (range.start(), range.end());
    found
        .filter(|number| range.contains(number))
        .ok_or_else(|| Flaw::invalid(format!("`{name}` is no number from {least} to {most}")))
}

fn is_nothing(value: &Value) -> bool {
    value.to_u64().is_ok_and(|number| number == 0) || value.to_string().is_ok_and(|text| text == "none")
}

fn told(value: &Value) -> String {
    value.to_string().map_or_else(
        |_| value.to_u64().map_or_else(|_| "set".to_owned(), |n| n.to_string()),
        |text| format!("`{}`", clip(text)),
    )
}
