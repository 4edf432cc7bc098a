//! What the small files of a model say, checked: nothing of them is believed that could make the model panic or take more
//! memory than there is.

use candle_transformers::models::bert::{Config, HiddenAct, PositionEmbeddingType};
use ice_core::embedding::Dimension;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::error::LocalError;
use super::folder::{CONFIG, MODULES, SENTENCE};

/// Texts are read to this length at most: the memory that attention takes grows with its square.
const MOST_TOKENS: usize = 2_048;
/// A text has at least its first token between two that stand around it.
const LEAST_TOKENS: usize = 8;

/// How the vectors of a text's tokens become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pooling {
    /// Their mean.
    Mean,
    /// The vector of the first one, `[CLS]`.
    First,
}

/// The shape of a model, and how it is used.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    pub(super) bert: Config,
    pub(super) dimension: Dimension,
    pub(super) pooling: Pooling,
    /// The longest text, in tokens; of a longer one, the beginning is read.
    pub(super) max_tokens: usize,
    /// Whether texts are put into lower case first.
    pub(super) lower_case: bool,
}

#[derive(Deserialize)]
struct Written {
    model_type: String,
    vocab_size: usize,
    hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    intermediate_size: usize,
    hidden_act: String,
    max_position_embeddings: usize,
    #[serde(default = "two")]
    type_vocab_size: usize,
    #[serde(default = "epsilon")]
    layer_norm_eps: f64,
    #[serde(default)]
    pad_token_id: usize,
    #[serde(default)]
    position_embedding_type: Option<String>,
}

const fn two() -> usize {
    2
}

const fn epsilon() -> f64 {
    1e-12
}

#[derive(Deserialize)]
struct Sentence {
    #[serde(default)]
    max_seq_length: Option<usize>,
    #[serde(default)]
    do_lower_case: bool,
}

#[derive(Deserialize)]
struct Module {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    path: String,
}

#[derive(Deserialize)]
struct PoolingConfig {
    #[serde(default)]
    pooling_mode_cls_token: bool,
    #[serde(default)]
    pooling_mode_mean_tokens: bool,
    #[serde(flatten)]
    rest: serde_json::Map<String, serde_json::Value>,
}

impl Shape {
    /// Reads the files; `pooling` is that of the folder which [`pooling_folder`] found.
    pub(super) fn read(
        config: &[u8],
        sentence: Option<&[u8]>,
        pooling: Option<&[u8]>,
    ) -> Result<Self, LocalError> {
        let written: Written = parse(CONFIG, config)?;
        let unsupported = |what: String| LocalError::Unsupported { file: CONFIG.to_owned(), what };
        if written.model_type != "bert" {
            return Err(unsupported(format!("the model `{}`", clip(&written.model_type))));
        }
        if let Some(positions) = written.position_embedding_type.as_deref().filter(|kind| *kind != "absolute")
        {
            return Err(unsupported(format!("the position embedding `{}`", clip(positions))));
        }
        let hidden_act = match written.hidden_act.as_str() {
            "gelu" => HiddenAct::Gelu,
            "gelu_new" | "gelu_pytorch_tanh" => HiddenAct::GeluApproximate,
            "relu" => HiddenAct::Relu,
            other => return Err(unsupported(format!("the activation `{}`", clip(other)))),
        };
        written.check()?;
        let dimension = Dimension::new(written.hidden_size)
            .map_err(|error| LocalError::invalid(CONFIG, error.to_string()))?;
        let sentence: Option<Sentence> = sentence.map(|bytes| parse(SENTENCE, bytes)).transpose()?;
        let most = written.max_position_embeddings.min(MOST_TOKENS);
        let max_tokens = sentence.as_ref().and_then(|said| said.max_seq_length).unwrap_or(most).min(most);
        if max_tokens < LEAST_TOKENS {
            let why = format!("texts of {max_tokens} tokens say nothing: {LEAST_TOKENS} is the least");
            return Err(LocalError::invalid(SENTENCE, why));
        }
        Ok(Self {
            dimension,
            pooling: pooling.map_or(Ok(Pooling::Mean), Pooling::read)?,
            max_tokens,
            lower_case: sentence.is_some_and(|said| said.do_lower_case),
            bert: Config {
                vocab_size: written.vocab_size,
                hidden_size: written.hidden_size,
                num_hidden_layers: written.num_hidden_layers,
                num_attention_heads: written.num_attention_heads,
                intermediate_size: written.intermediate_size,
                hidden_act,
                max_position_embeddings: written.max_position_embeddings,
                type_vocab_size: written.type_vocab_size,
                layer_norm_eps: written.layer_norm_eps,
                pad_token_id: written.pad_token_id,
                position_embedding_type: PositionEmbeddingType::Absolute,
                model_type: Some(written.model_type),
                ..Config::default()
            },
        })
    }
}

impl Written {
    /// Whether the numbers can be those of a model.
    fn check(&self) -> Result<(), LocalError> {
        let heads = self.num_attention_heads;
        let ranges = [
            ("vocab_size", self.vocab_size, 1_000_000),
            ("num_hidden_layers", self.num_hidden_layers, 128),
            ("num_attention_heads", heads, 256),
            ("intermediate_size", self.intermediate_size, 131_072),
            ("max_position_embeddings", self.max_position_embeddings, 131_072),
            ("type_vocab_size", self.type_vocab_size, 16),
        ];
        if let Some((name, value, most)) = ranges.iter().find(|(_, value, most)| !(1..=*most).contains(value))
        {
            return Err(LocalError::invalid(CONFIG, format!("`{name}` is {value}, not 1 to {most}")));
        }
        if !self.hidden_size.is_multiple_of(heads) {
            let why = format!("`hidden_size` {} cannot be shared among {heads} heads", self.hidden_size);
            return Err(LocalError::invalid(CONFIG, why));
        }
        if self.pad_token_id >= self.vocab_size {
            return Err(LocalError::invalid(CONFIG, "`pad_token_id` is not in the vocabulary"));
        }
        if !(self.layer_norm_eps > 0.0 && self.layer_norm_eps < 1.0) {
            return Err(LocalError::invalid(CONFIG, "`layer_norm_eps` must lie between 0 and 1"));
        }
        Ok(())
    }
}

impl Pooling {
    fn read(config: &[u8]) -> Result<Self, LocalError> {
        let file = "the pooling's config.json";
        let config: PoolingConfig = parse(file, config)?;
        let others: Vec<&str> = config
            .rest
            .iter()
            .filter(|(name, value)| name.starts_with("pooling_mode_") && value.as_bool() == Some(true))
            .map(|(name, _)| name.as_str())
            .collect();
        match (config.pooling_mode_mean_tokens, config.pooling_mode_cls_token, others.as_slice()) {
            (true, false, []) => Ok(Self::Mean),
            (false, true, []) => Ok(Self::First),
            _ => Err(LocalError::Unsupported { file: file.to_owned(), what: "this pooling".to_owned() }),
        }
    }
}

/// The folder of the pooling, as `modules.json` names it. A module that would change the vectors in another way is refused.
pub(super) fn pooling_folder(modules: &[u8]) -> Result<Option<String>, LocalError> {
    let modules: Vec<Module> = parse(MODULES, modules)?;
    let mut folder = None;
    for module in modules {
        match module.kind.rsplit('.').next().unwrap_or_default() {
            // The vectors are normalised in any case.
            "Transformer" if module.path.is_empty() => {}
            "Normalize" => {}
            "Pooling" if is_name(&module.path) && folder.is_none() => folder = Some(module.path),
            _ => {
                let what = format!("the module `{}` in `{}`", clip(&module.kind), clip(&module.path));
                return Err(LocalError::Unsupported { file: MODULES.to_owned(), what });
            }
        }
    }
    Ok(folder)
}

/// The name of a folder beside the file: never a way out of it.
fn is_name(path: &str) -> bool {
    (1..=64).contains(&path.len())
        && path.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

fn clip(text: &str) -> String {
    text.chars().take(60).collect()
}

fn parse<T: DeserializeOwned>(file: &str, bytes: &[u8]) -> Result<T, LocalError> {
    serde_json::from_slice(bytes).map_err(|error| LocalError::invalid(file, error.to_string()))
}
