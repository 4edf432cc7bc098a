//! A model small enough to be made here, for what folders may hold and how calls end; and the real one that `cargo xtask
//! setup` fetches, against what sentence-transformers gives. Without it, the tests named `real_` are skipped.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::{Device, Tensor};
use futures::FutureExt;
use ice_core::embedding::{EmbedContext, EmbedError, EmbedErrorKind, Embedder, Embedding, conformance};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::{LocalEmbedder, LocalError, LocalOptions};

const WORDS: [&str; 10] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "b", "c", "d", "e", "##e"];
const HIDDEN: usize = 4;

/// A folder with a model of one layer that knows nine words.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        folder.put("config.json", &config());
        folder.put("tokenizer.json", &tokenizer());
        folder.put("sentence_bert_config.json", &json!({"max_seq_length": 8, "do_lower_case": false}));
        let at = folder.path().join("model.safetensors");
        candle_core::safetensors::save(&weights(), at).unwrap();
        folder
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn put(&self, name: &str, value: &Value) {
        let at = self.path().join(name);
        std::fs::create_dir_all(at.parent().unwrap()).unwrap();
        std::fs::write(at, value.to_string()).unwrap();
    }

    async fn load(&self) -> Result<LocalEmbedder, LocalError> {
        LocalEmbedder::load(self.path(), LocalOptions::default()).await
    }

    /// What is told of the folder, its own path left out.
    async fn refusal(&self) -> String {
        let error = self.load().await.unwrap_err().to_string();
        error.replace(&*self.path().to_string_lossy(), "FOLDER")
    }
}

fn config() -> Value {
    json!({
        "model_type": "bert", "vocab_size": WORDS.len(), "hidden_size": HIDDEN, "num_hidden_layers": 1,
        "num_attention_heads": 2, "intermediate_size": 6, "hidden_act": "gelu", "max_position_embeddings": 16,
        "type_vocab_size": 2, "layer_norm_eps": 1e-12, "pad_token_id": 0
    })
}

fn tokenizer() -> Value {
    let words: HashMap<&str, usize> = WORDS.iter().enumerate().map(|(id, word)| (*word, id)).collect();
    let special = |word: &str, id: u32| {
        json!({"id": id, "content": word, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false,
               "special": true})
    };
    json!({
        "version": "1.0",
        // Bounds of its own, which do not count.
        "truncation": {"max_length": 4, "strategy": "LongestFirst", "stride": 0, "direction": "Right"},
        "padding": {"strategy": {"Fixed": 12}, "direction": "Right", "pad_to_multiple_of": null, "pad_id": 0,
                    "pad_type_id": 0, "pad_token": "[PAD]"},
        "added_tokens": [special("[CLS]", 2), special("[SEP]", 3)],
        "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
                       "strip_accents": null, "lowercase": true},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]},
        "decoder": null,
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                  "max_input_chars_per_word": 100, "vocab": words}
    })
}

/// Numbers that are all different, and the same each time.
fn weights() -> HashMap<String, Tensor> {
    let mut seed = 0_u32;
    let mut tensor = |shape: &[usize]| {
        let numbers = (0..shape.iter().product()).map(|_| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f64::from(seed >> 8) / f64::from(1_u32 << 24) - 0.5
        });
        let numbers: Vec<f32> = numbers.map(|number| number as f32).collect();
        Tensor::from_vec(numbers, shape, &Device::Cpu).unwrap()
    };
    let (layer, attention) = ("encoder.layer.0", "encoder.layer.0.attention");
    let mut shapes: Vec<(String, Vec<usize>)> = vec![
        ("embeddings.word_embeddings.weight".to_owned(), vec![WORDS.len(), HIDDEN]),
        ("embeddings.position_embeddings.weight".to_owned(), vec![16, HIDDEN]),
        ("embeddings.token_type_embeddings.weight".to_owned(), vec![2, HIDDEN]),
    ];
    for (name, out, into) in [
        (format!("{attention}.self.query"), HIDDEN, HIDDEN),
        (format!("{attention}.self.key"), HIDDEN, HIDDEN),
        (format!("{attention}.self.value"), HIDDEN, HIDDEN),
        (format!("{attention}.output.dense"), HIDDEN, HIDDEN),
        (format!("{layer}.intermediate.dense"), 6, HIDDEN),
        (format!("{layer}.output.dense"), HIDDEN, 6),
    ] {
        shapes.push((format!("{name}.weight"), vec![out, into]));
        shapes.push((format!("{name}.bias"), vec![out]));
    }
    for name in ["embeddings", &format!("{attention}.output"), &format!("{layer}.output")] {
        shapes.push((format!("{name}.LayerNorm.weight"), vec![HIDDEN]));
        shapes.push((format!("{name}.LayerNorm.bias"), vec![HIDDEN]));
    }
    shapes.into_iter().map(|(name, shape)| (name, tensor(&shape))).collect()
}

async fn embed(embedder: &LocalEmbedder, texts: &[&str]) -> (Vec<Embedding>, u64) {
    let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
    let embedded = embedder.embed(&EmbedContext::default(), &texts).await.unwrap();
    (embedded.vectors, embedded.usage.input)
}

#[tokio::test]
async fn a_text_is_read_to_the_length_that_the_folder_states() {
    let folder = Folder::new();
    let embedder = folder.load().await.unwrap();
    assert_eq!((embedder.max_tokens(), embedder.dimension().get(), embedder.name()), (8, HIDDEN, "local"));
    // Six words fit between the two tokens that stand around them; what follows is not read.
    let (vectors, read) = embed(&embedder, &["a b c d a b", "a b c d a b c d", "a b c d a"]).await;
    assert_eq!((&vectors[0], read), (&vectors[1], 8 + 8 + 7));
    assert_ne!(vectors[0], vectors[2]);
    std::fs::remove_file(folder.path().join("sentence_bert_config.json")).unwrap();
    assert_eq!(folder.load().await.unwrap().max_tokens(), 16);
}

#[tokio::test]
async fn filling_up_does_not_change_a_vector_and_every_vector_is_one_long() {
    let embedder = Folder::new().load().await.unwrap();
    let texts: Vec<String> = (0..100).map(|at| ["a", "b c", "d e a b", "ee e"][at % 4].to_owned()).collect();
    let many = embedder.embed(&EmbedContext::default(), &texts).await.unwrap().vectors;
    for (at, together) in many.iter().enumerate() {
        let (alone, _) = embed(&embedder, &[&texts[at]]).await;
        assert!(alone[0].cosine(together).unwrap() > 0.999_99, "{at}");
        let length: f32 = together.vector().iter().map(|number| number * number).sum();
        assert!((length - 1.0).abs() < 1e-5, "{length}");
    }
}

#[tokio::test]
async fn the_first_token_is_taken_where_the_folder_says_so() {
    let folder = Folder::new();
    let mean = folder.load().await.unwrap();
    folder.put(
        "modules.json",
        &json!([{"type": "sentence_transformers.models.Transformer", "path": ""},
                {"type": "sentence_transformers.models.Pooling", "path": "1_Pooling"}]),
    );
    folder.put(
        "1_Pooling/config.json",
        &json!({"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false}),
    );
    let first = folder.load().await.unwrap();
    let (one, _) = embed(&mean, &["a b"]).await;
    let (other, _) = embed(&first, &["a b"]).await;
    assert_ne!(one[0].vector(), other[0].vector());
    // The files differ, so the models do, and their vectors are not compared.
    assert!(one[0].cosine(&other[0]).is_err());
}

#[tokio::test]
async fn the_name_of_a_model_tells_its_files_apart() {
    let folder = Folder::new();
    let (one, same) = (folder.load().await.unwrap(), folder.load().await.unwrap());
    assert_eq!(one.model(), same.model());
    folder.put("sentence_bert_config.json", &json!({"max_seq_length": 9}));
    assert_ne!(one.model(), folder.load().await.unwrap().model());
}

#[tokio::test]
async fn what_is_missing_is_named() {
    let folder = Folder::new();
    for name in ["config.json", "model.safetensors"] {
        std::fs::remove_file(folder.path().join(name)).unwrap();
    }
    let expected = "FOLDER lacks config.json, model.safetensors: a model is a folder with config.json, tokenizer.json and \
                    model.safetensors";
    assert_eq!(folder.refusal().await, expected);
    let folder = Folder::new();
    folder.put("modules.json", &json!([{"type": "x.Pooling", "path": "1_Pooling"}]));
    assert!(folder.refusal().await.starts_with("FOLDER lacks 1_Pooling/config.json"));
}

#[tokio::test]
async fn a_file_that_is_too_large_is_not_read() {
    let folder = Folder::new();
    let options = LocalOptions { max_weights_bytes: 100, ..LocalOptions::default() };
    let error = LocalEmbedder::load(folder.path(), options).await.unwrap_err();
    assert!(matches!(error, LocalError::TooLarge { most: 100, .. }), "{error}");
    std::fs::write(folder.path().join("config.json"), " ".repeat((1 << 20) + 1)).unwrap();
    assert_eq!(
        folder.refusal().await,
        "FOLDER/config.json is larger than 1048576 bytes: use a smaller model, or allow more"
    );
}

async fn check_config(change: impl Fn(&mut Value), expected: &str) {
    let folder = Folder::new();
    let mut changed = config();
    change(&mut changed);
    folder.put("config.json", &changed);
    assert_eq!(folder.refusal().await, expected);
}

#[tokio::test]
async fn a_model_of_another_kind_is_refused() {
    let advice = "is not known here: use a model of the kind `bert` with pooling by mean or CLS";
    let kind =
        |name: &'static str, value: &'static str| move |config: &mut Value| config[name] = json!(value);
    check_config(kind("model_type", "roberta"), &format!("config.json: the model `roberta` {advice}")).await;
    let what = format!("config.json: the position embedding `relative_key` {advice}");
    check_config(kind("position_embedding_type", "relative_key"), &what).await;
    check_config(kind("hidden_act", "silu"), &format!("config.json: the activation `silu` {advice}")).await;
    let folder = Folder::new();
    let pooling = json!([{"type": "x.Transformer", "path": ""}, {"type": "x.Pooling", "path": "p"}]);
    folder.put("modules.json", &pooling);
    folder.put("p/config.json", &json!({"pooling_mode_max_tokens": true}));
    assert_eq!(folder.refusal().await, format!("the pooling's config.json: this pooling {advice}"));
    for (kind, path) in [("x.Dense", "2_Dense"), ("x.Pooling", "../elsewhere")] {
        folder.put("modules.json", &json!([{"type": kind, "path": path}]));
        assert_eq!(folder.refusal().await, format!("modules.json: the module `{kind}` in `{path}` {advice}"));
    }
}

#[tokio::test]
async fn sizes_that_cannot_be_are_refused() {
    let number = |name: &'static str, value: u64| move |config: &mut Value| config[name] = json!(value);
    let told = |why: &str| format!("config.json is not as it should be: {why}; get the model anew");
    check_config(number("num_attention_heads", 0), &told("`num_attention_heads` is 0, not 1 to 256")).await;
    check_config(number("num_attention_heads", 3), &told("`hidden_size` 4 cannot be shared among 3 heads"))
        .await;
    check_config(number("vocab_size", 1 << 40), &told("`vocab_size` is 1099511627776, not 1 to 1000000"))
        .await;
    check_config(number("pad_token_id", 10), &told("`pad_token_id` is not in the vocabulary")).await;
    check_config(number("layer_norm_eps", 0), &told("`layer_norm_eps` must lie between 0 and 1")).await;
    check_config(number("hidden_size", 0), &told("0 is no dimension that is possible here: 1 to 16384"))
        .await;
    let missing = |config: &mut Value| drop(config.as_object_mut().unwrap().remove("hidden_size"));
    let folder = Folder::new();
    let mut changed = config();
    missing(&mut changed);
    folder.put("config.json", &changed);
    assert!(folder.refusal().await.contains("missing field `hidden_size`"));
}

#[tokio::test]
async fn numbers_that_do_not_fit_the_shape_are_refused() {
    let folder = Folder::new();
    let weights = folder.path().join("model.safetensors");
    let whole = std::fs::read(&weights).unwrap();
    let mut lying = whole.clone();
    lying[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    let header = u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
    let shifted = String::from_utf8_lossy(&whole[8..8 + header]).replacen(
        "\"data_offsets\":[0,",
        "\"data_offsets\":[9,",
        1,
    );
    let shifted = [&whole[..8], shifted.as_bytes(), &whole[8 + header..]].concat();
    for bad in [&[][..], &whole[..whole.len() - 4], &whole[..20], &lying, &shifted] {
        std::fs::write(&weights, bad).unwrap();
        let refused = folder.refusal().await;
        assert!(refused.starts_with("model.safetensors is not as it should be: "), "{refused}");
    }
    std::fs::write(&weights, &whole).unwrap();
    let mut larger = config();
    larger["num_hidden_layers"] = json!(2);
    folder.put("config.json", &larger);
    assert!(folder.refusal().await.contains("encoder.layer.1"));
}

#[tokio::test]
async fn words_that_the_model_does_not_have_are_refused() {
    let folder = Folder::new();
    let mut more = tokenizer();
    more["model"]["vocab"]["f"] = json!(10);
    folder.put("tokenizer.json", &more);
    let why = "it has words that the model, which has 10, does not know";
    assert_eq!(
        folder.refusal().await,
        format!("tokenizer.json is not as it should be: {why}; get the model anew")
    );
    folder.put("tokenizer.json", &json!({"model": 3}));
    assert!(folder.refusal().await.starts_with("tokenizer.json is not as it should be: "));
}

#[tokio::test]
async fn a_model_whose_numbers_are_none_says_so() {
    let folder = Folder::new();
    let mut broken = weights();
    let nothing = Tensor::full(f32::NAN, (WORDS.len(), HIDDEN), &Device::Cpu).unwrap();
    broken.insert("embeddings.word_embeddings.weight".to_owned(), nothing);
    candle_core::safetensors::save(&broken, folder.path().join("model.safetensors")).unwrap();
    let embedder = folder.load().await.unwrap();
    let refused = embedder.embed(&EmbedContext::default(), &["a".to_owned()]).await.unwrap_err();
    assert_eq!((refused.kind, refused.usage.input), (EmbedErrorKind::Malformed, 3));
}

#[tokio::test]
async fn a_call_that_waits_for_its_turn_can_be_cancelled() {
    let embedder = Folder::new().load().await.unwrap();
    let turn = Arc::clone(&embedder.turns).acquire_owned().await.unwrap();
    let (ctx, texts) = (EmbedContext::default(), ["a".to_owned()]);
    let mut call = Box::pin(embedder.embed(&ctx, &texts));
    assert!(call.as_mut().now_or_never().is_none());
    ctx.cancel.cancel();
    assert_eq!(call.await.unwrap_err().kind, EmbedErrorKind::Cancelled);
    drop(turn);
    let embedded = embedder.embed(&EmbedContext::default(), &texts).await.unwrap();
    assert_eq!(embedded.vectors.len(), 1);
}

#[tokio::test]
async fn work_that_was_stopped_computes_nothing_more() {
    let embedder = Folder::new().load().await.unwrap();
    let stop = CancellationToken::new();
    let texts = ["a".to_owned(), "b".to_owned()];
    let (rows, read) = embedder.loaded.embed(&texts, &stop).unwrap();
    assert_eq!((rows.len(), read), (2, 6));
    stop.cancel();
    assert_eq!(embedder.loaded.embed(&texts, &stop).unwrap_err(), EmbedError::cancelled());
}

#[tokio::test]
async fn a_call_that_is_dropped_gives_its_turn_back() {
    let embedder = Folder::new().load().await.unwrap();
    let (ctx, texts) = (EmbedContext::default(), vec!["a b c d e".to_owned(); 2_000]);
    let mut call = Box::pin(embedder.embed(&ctx, &texts));
    assert!(call.as_mut().now_or_never().is_none());
    drop(call);
    // The work of the dropped call stops; until it has, this one waits.
    let embedded = embedder.embed(&EmbedContext::default(), &texts[..1]).await.unwrap();
    assert_eq!(embedded.vectors.len(), 1);
}

/// The real model: where `cargo xtask setup` puts it, in cargo's folder for build output.
async fn installed() -> Option<LocalEmbedder> {
    let program = std::env::current_exe().unwrap();
    let mut folders = program.ancestors().map(|folder| folder.join("models/all-minilm-l6-v2"));
    let Some(folder) = folders.find(|folder: &PathBuf| folder.is_dir()) else {
        println!("skipped: the model all-MiniLM-L6-v2 is not installed; `cargo xtask setup` fetches it");
        return None;
    };
    Some(LocalEmbedder::load(folder, LocalOptions::default()).await.unwrap())
}

#[tokio::test]
async fn real_vectors_are_those_of_sentence_transformers() {
    let Some(embedder) = installed().await else { return };
    assert_eq!((embedder.dimension().get(), embedder.max_tokens()), (384, 256));
    let texts = [
        "That is a happy person",
        "That is a happy dog",
        "That is a very happy person",
        "Today is a sunny day",
    ];
    let (vectors, read) = embed(&embedder, &texts).await;
    let cosines: Vec<String> =
        vectors[1..].iter().map(|other| format!("{:.3}", vectors[0].cosine(other).unwrap())).collect();
    // The figures of the model's own page, to three decimals: 0.6946, 0.9429, 0.2569.
    assert_eq!(cosines, ["0.695", "0.943", "0.257"]);
    assert_eq!(read, 7 + 7 + 8 + 7);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_model_conforms() {
    let Some(embedder) = installed().await else { return };
    let embedder: Arc<dyn Embedder> = Arc::new(embedder);
    conformance::embedder(|| Arc::clone(&embedder)).await;
}
