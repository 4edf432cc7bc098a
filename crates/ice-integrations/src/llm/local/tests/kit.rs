//! A model of one layer, as a GGUF file that each test may change.

use std::path::PathBuf;

use candle_core::quantized::gguf_file::{self, Value};
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};
use futures::StreamExt;
use ice_core::llm::{Chunk, LlmContext, LlmError, LlmProvider, Request, Response};
use tempfile::TempDir;

use super::super::{LocalModel, LocalModelError, LocalSettings};

pub(super) const WIDTH: usize = 64;
pub(super) const CONTEXT: u32 = 200;
pub(super) const TEMPLATE: &str = "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

/// What a file is made of.
pub(super) struct Made {
    pub(super) said: Vec<(String, Value)>,
    pub(super) numbers: Vec<(String, QTensor)>,
}

/// The letters that stand for bytes in such words: those that can be seen stand for themselves.
fn letters() -> Vec<char> {
    let seen = |byte: &u8| matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
    let mut others = 0;
    let letter = |byte: u8| {
        if seen(&byte) {
            char::from(byte)
        } else {
            others += 1;
            char::from_u32(255 + others).unwrap()
        }
    };
    (0..=255).map(letter).collect()
}

/// The words: three that steer, every byte, and two that were merged.
pub(super) fn words() -> Vec<String> {
    let mut words: Vec<String> = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"].map(str::to_owned).to_vec();
    words.extend(letters().into_iter().map(String::from));
    words.extend(["he", "ll"].map(str::to_owned));
    words
}

/// Numbers that look random and are the same everywhere.
fn numbers(name: &str, shape: &[usize]) -> QTensor {
    let count = shape.iter().product();
    let mut draws = blake3::Hasher::new().update(name.as_bytes()).finalize_xof();
    let mut draw = || {
        let mut bytes = [0; 4];
        draws.fill(&mut bytes);
        u32::from_le_bytes(bytes) as f32 / u32::MAX as f32 - 0.5
    };
    let norm = name.contains("norm");
    let numbers: Vec<f32> = (0..count).map(|_| if norm { 1.0 } else { draw() }).collect();
    QTensor::quantize(&Tensor::from_vec(numbers, shape, &Device::Cpu).unwrap(), GgmlDType::F32).unwrap()
}

impl Made {
    pub(super) fn new() -> Self {
        let text = |text: &str| Value::String(text.to_owned());
        let texts = |texts: Vec<String>| Value::Array(texts.into_iter().map(Value::String).collect());
        let words = words();
        let kinds = (0..words.len()).map(|id| Value::I32(if id < 3 { 3 } else { 1 })).collect();
        let said = [
            ("general.architecture", text("llama")),
            ("llama.context_length", Value::U32(CONTEXT)),
            ("llama.embedding_length", Value::U32(WIDTH as u32)),
            ("llama.block_count", Value::U32(1)),
            ("llama.feed_forward_length", Value::U32(96)),
            ("llama.attention.head_count", Value::U32(4)),
            ("llama.attention.head_count_kv", Value::U32(2)),
            ("llama.rope.dimension_count", Value::U32(16)),
            ("llama.attention.layer_norm_rms_epsilon", Value::F32(1e-5)),
            ("tokenizer.ggml.model", text("gpt2")),
            ("tokenizer.ggml.pre", text("smollm")),
            ("tokenizer.ggml.merges", texts(vec!["h e".to_owned(), "l l".to_owned()])),
            ("tokenizer.ggml.token_type", Value::Array(kinds)),
            ("tokenizer.ggml.bos_token_id", Value::U32(1)),
            ("tokenizer.ggml.eos_token_id", Value::U32(2)),
            ("tokenizer.chat_template", text(TEMPLATE)),
        ];
        let count = words.len();
        let mut said: Vec<(String, Value)> = said.map(|(name, value)| (name.to_owned(), value)).to_vec();
        said.push(("tokenizer.ggml.tokens".to_owned(), texts(words)));
        let shapes: [(&str, &[usize]); 11] = [
            ("token_embd", &[count, WIDTH]),
            ("output_norm", &[WIDTH]),
            ("blk.0.attn_norm", &[WIDTH]),
            ("blk.0.attn_q", &[WIDTH, WIDTH]),
            ("blk.0.attn_k", &[32, WIDTH]),
            ("blk.0.attn_v", &[32, WIDTH]),
            ("blk.0.attn_output", &[WIDTH, WIDTH]),
            ("blk.0.ffn_norm", &[WIDTH]),
            ("blk.0.ffn_gate", &[96, WIDTH]),
            ("blk.0.ffn_up", &[96, WIDTH]),
            ("blk.0.ffn_down", &[WIDTH, 96]),
        ];
        let numbers = shapes.map(|(name, shape)| (format!("{name}.weight"), numbers(name, shape)));
        Self { said, numbers: numbers.into() }
    }

    /// With something said otherwise, or not at all.
    pub(super) fn saying(mut self, name: &str, value: Option<Value>) -> Self {
        self.said.retain(|(known, _)| known != name);
        self.said.extend(value.map(|value| (name.to_owned(), value)));
        self
    }

    /// With a block of other numbers.
    pub(super) fn with(mut self, name: &str, shape: &[usize]) -> Self {
        self.numbers.retain(|(known, _)| known != name);
        self.numbers.push((name.to_owned(), numbers(name, shape)));
        self
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = std::io::Cursor::new(Vec::new());
        let said: Vec<(&str, &Value)> =
            self.said.iter().map(|(name, value)| (name.as_str(), value)).collect();
        let numbers: Vec<(&str, &QTensor)> =
            self.numbers.iter().map(|(name, numbers)| (name.as_str(), numbers)).collect();
        gguf_file::write(&mut bytes, &said, &numbers).unwrap();
        bytes.into_inner()
    }

    pub(super) fn lay(&self) -> Laid {
        Laid::of(&self.bytes())
    }
}

/// A folder with a file in it.
pub(super) struct Laid(TempDir);

impl Laid {
    pub(super) fn of(bytes: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("tiny.gguf"), bytes).unwrap();
        Self(folder)
    }

    pub(super) fn folder(&self) -> PathBuf {
        self.0.path().to_owned()
    }

    pub(super) fn model(&self) -> LocalModel {
        LocalModel::new("local", LocalSettings::of(self.folder()))
    }

    pub(super) async fn error(&self) -> LocalModelError {
        self.model().load().await.unwrap_err()
    }

    /// What is told of the file, its own place left out.
    pub(super) async fn refusal(&self) -> String {
        let error = self.error().await.to_string();
        error.replace(&*self.folder().to_string_lossy(), "FOLDER")
    }
}

/// A request that is answered without chance.
pub(super) fn plain(prompt: &str, most: u64) -> Request {
    Request { temperature: Some(0.0), max_tokens: Some(most), ..Request::prompt("any", prompt) }
}

/// What a stream tells, piece by piece, and how it ends.
pub(super) async fn heard(
    model: &LocalModel,
    ctx: &LlmContext,
    request: Request,
) -> (Vec<String>, Result<Response, LlmError>) {
    let mut pieces = Vec::new();
    let mut chunks = match model.stream(ctx, request).await {
        Ok(chunks) => chunks,
        Err(error) => return (pieces, Err(error)),
    };
    while let Some(chunk) = chunks.next().await {
        match chunk {
            Ok(Chunk::Text { delta }) => pieces.push(delta),
            Ok(Chunk::Reasoning { delta }) => panic!("{delta}"),
            Ok(Chunk::Done { response }) => {
                assert!(chunks.next().await.is_none());
                return (pieces, Ok(response));
            }
            Err(error) => {
                assert!(chunks.next().await.is_none());
                return (pieces, Err(error));
            }
        }
    }
    panic!("the stream has no end")
}
