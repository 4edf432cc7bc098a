//! What files may hold: damaged ones, ones of other kinds, and those that were made to do harm.

use candle_core::quantized::gguf_file::Value;

use super::super::{LocalModel, LocalModelError, LocalSettings};
use super::kit::{Laid, Made, WIDTH};

async fn check(made: Made, told: &str) {
    assert_eq!(made.lay().refusal().await, format!("FOLDER/tiny.gguf{told}"));
}

fn anew(why: &str) -> String {
    format!(" is not as it should be: {why}; get the model anew")
}

#[tokio::test]
async fn what_is_no_model_is_told() {
    let none = LocalModel::new("local", LocalSettings::of("/no/such/model.gguf"));
    let told = none.load().await.unwrap_err().to_string();
    let expected =
        "/no/such/model.gguf holds no model: name a GGUF file, or a folder with one GGUF file in it";
    assert_eq!(told, expected);
    let laid = Made::new().lay();
    std::fs::copy(laid.folder().join("tiny.gguf"), laid.folder().join("other.GGUF")).unwrap();
    let told = "FOLDER holds several models: name one of other.GGUF, tiny.gguf";
    assert_eq!(laid.refusal().await, told);
    std::fs::remove_file(laid.folder().join("tiny.gguf")).unwrap();
    assert_eq!(laid.model().load().await.unwrap(), "other");
    assert_eq!(Laid::of(b"").refusal().await, format!("FOLDER/tiny.gguf{}", anew("it is no GGUF file")));
    assert_eq!(
        Laid::of(b"PK\x03\x04abcd").refusal().await,
        format!("FOLDER/tiny.gguf{}", anew("it is no GGUF file"))
    );
    let version = [b"GGUF".as_slice(), &9_u32.to_le_bytes(), &[0; 16]].concat();
    let told = "FOLDER/tiny.gguf: version 9 of GGUF is not known here: 2 and 3 are";
    assert_eq!(Laid::of(&version).refusal().await, told);
}

#[tokio::test]
async fn a_file_that_ends_early_is_refused_wherever_it_ends() {
    let whole = Made::new().bytes();
    let ends = (0..whole.len() - 64).step_by(whole.len() / 60).chain([whole.len() - 33 * 4 * WIDTH]);
    for end in ends {
        let error = Laid::of(&whole[..end]).error().await;
        assert!(matches!(error, LocalModelError::Invalid { .. }), "{end} of {}: {error:?}", whole.len());
    }
}

#[tokio::test]
async fn a_damaged_head_never_brings_the_process_down() {
    let whole = Made::new().bytes();
    // The words and what they are made of stand between the two ends that are tried.
    let head = whole.windows(8).position(|window| window == b"tokenize").unwrap();
    let tail = whole.windows(10).rposition(|window| window == b"token_embd").unwrap();
    let places = (4..head).step_by(7).chain((tail.saturating_sub(400)..tail + 600).step_by(11));
    let mut refused = 0;
    for place in places {
        for byte in [0x00, 0xff] {
            let mut damaged = whole.clone();
            damaged[place] = byte;
            match Laid::of(&damaged).model().load().await {
                Ok(_) => {}
                Err(LocalModelError::Stopped { .. }) => panic!("byte {place} as {byte:#x} panics"),
                Err(_) => refused += 1,
            }
        }
    }
    assert!(refused > 50, "{refused}");
}

#[tokio::test]
async fn sizes_that_cannot_be_are_refused() {
    let number = |name: &str, number: u32| Made::new().saying(name, Some(Value::U32(number)));
    let told = anew("`llama.attention.head_count` is no number from 1 to 1024");
    check(number("llama.attention.head_count", 0), &told).await;
    let told = anew("a width of 64 cannot be shared among 5 heads with 2 of keys");
    check(number("llama.attention.head_count", 5), &told).await;
    check(number("llama.block_count", 2), &anew("it lacks `blk.1.attn_norm.weight`")).await;
    check(number("general.alignment", 0), &anew("`general.alignment` is no power of two from 8 to 65536"))
        .await;
    let told = anew("`token_embd.weight` is [261, 64], and the width is 128");
    check(
        number("llama.embedding_length", 128).saying("llama.rope.dimension_count", Some(Value::U32(32))),
        &told,
    )
    .await;
    let zero = Made::new().saying("llama.attention.layer_norm_rms_epsilon", Some(Value::F32(0.0)));
    check(zero, &anew("`llama.attention.layer_norm_rms_epsilon` must lie between 0 and 1")).await;
    let wide = Made::new().with("blk.0.attn_q.weight", &[32, WIDTH]);
    check(wide, &anew("`blk.0.attn_q.weight` is [32, 64], not [64, 64]")).await;
    let few = Made::new().with("token_embd.weight", &[260, WIDTH]);
    check(few, &anew("the tokenizer knows `ll`, and the model has only 260 words")).await;
    let words =
        Made::new().saying("tokenizer.ggml.merges", Some(Value::Array(vec![Value::String("x".to_owned())])));
    check(words, &anew("`tokenizer.ggml.merges` has `x`, which is no pair")).await;
}

#[test]
fn lists_that_nothing_reads_take_no_memory() {
    let list = |item: Value| Some(Value::Array(vec![item; 1 << 16]));
    let made = Made::new()
        .saying("other.bytes", list(Value::U8(1)))
        .saying("other.flags", list(Value::Bool(true)))
        .saying("other.texts", list(Value::String("text".to_owned())))
        .saying("tokenizer.ggml.scores", list(Value::F32(0.5)));
    let bytes = made.bytes();
    let head = super::super::gguf::read(&mut std::io::Cursor::new(&bytes), bytes.len() as u64).unwrap();
    let mut lists: Vec<(&str, usize)> = head
        .metadata
        .iter()
        .filter_map(|(name, value)| Some((name.as_str(), value.to_vec().ok()?.len())))
        .collect();
    lists.sort_unstable();
    let words = super::kit::words().len();
    let expected = [
        ("other.bytes", 0),
        ("other.flags", 0),
        ("other.texts", 0),
        ("tokenizer.ggml.merges", 2),
        ("tokenizer.ggml.scores", 0),
        ("tokenizer.ggml.token_type", words),
        ("tokenizer.ggml.tokens", words),
    ];
    assert_eq!(lists, expected);
}

#[tokio::test]
async fn a_list_that_nothing_reads_is_checked_all_the_same() {
    let list = Some(Value::Array(vec![Value::U8(1)]));
    let told = ": `llama.expert_count` is set, which does not run here: use another model";
    check(Made::new().saying("llama.expert_count", list.clone()), told).await;
    let mut bytes = Made::new().saying("other.bytes", list).bytes();
    let name = b"other.bytes";
    let at = bytes.windows(name.len()).position(|window| window == name).unwrap() + name.len();
    // The list is of kind 9, then comes that of its items.
    bytes[at + 4] = 77;
    let told = Laid::of(&bytes).refusal().await;
    assert_eq!(told, format!("FOLDER/tiny.gguf{}", anew("a value of the kind 77, which there is not")));
}

#[tokio::test]
async fn a_model_of_another_kind_is_refused() {
    let text = |name: &str, text: &str| Made::new().saying(name, Some(Value::String(text.to_owned())));
    check(
        text("general.architecture", "gemma3"),
        ": models of the kind `gemma3` do not run here: use one of the kind `llama`",
    )
    .await;
    check(
        text("tokenizer.ggml.model", "llama"),
        ": words of the kind `llama` cannot be read from the file: lay the model's tokenizer.json beside the file",
    )
    .await;
    check(
        text("tokenizer.ggml.pre", "tekken"),
        ": texts that are split as for `tekken` cannot be read: lay the model's tokenizer.json beside the file",
    )
    .await;
    check(
        text("llama.rope.scaling.type", "yarn"),
        ": `llama.rope.scaling.type` is `yarn`, which does not run here: use another model",
    )
    .await;
    check(
        Made::new().with("blk.0.attn_q.bias", &[WIDTH]),
        ": it has `blk.0.attn_q.bias`, which would be left out here: use another model",
    )
    .await;
}

#[tokio::test]
async fn a_tokenizer_beside_the_file_goes_before_its_own() {
    let laid = Made::new().saying("tokenizer.ggml.model", Some(Value::String("llama".to_owned()))).lay();
    let vocabulary: serde_json::Map<String, serde_json::Value> =
        super::kit::words().into_iter().enumerate().map(|(id, word)| (word, id.into())).collect();
    let special = |id: u32, word: &str| {
        serde_json::json!({"id": id, "content": word, "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true})
    };
    let tokenizer = serde_json::json!({
        "version": "1.0", "truncation": {"max_length": 2, "strategy": "LongestFirst", "stride": 0, "direction": "Right"},
        "padding": null, "normalizer": null, "post_processor": null,
        "added_tokens": [special(1, "<|im_start|>"), special(2, "<|im_end|>")],
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
        "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
        "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
            "vocab": vocabulary, "merges": []}
    });
    let beside = laid.folder().join("tokenizer.json");
    std::fs::write(&beside, tokenizer.to_string()).unwrap();
    let (_, end) = super::kit::heard(&laid.model(), &Default::default(), super::kit::plain("hello", 3)).await;
    // Without merges, five letters are five tokens.
    assert_eq!(end.unwrap().usage.input, 19 + 5);
    std::fs::write(&beside, "{}").unwrap();
    let told = laid.refusal().await;
    assert!(told.starts_with("FOLDER/tokenizer.json is not as it should be: "), "{told}");
}

#[tokio::test]
async fn numbers_that_are_none_are_told_and_no_answer_is_made_of_them() {
    let mut bytes = Made::new().bytes();
    let at = bytes.len() - 4 * 96 * WIDTH;
    for place in (at..bytes.len() - 4).step_by(4) {
        bytes[place..place + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    }
    let laid = Laid::of(&bytes);
    let (_, end) = super::kit::heard(&laid.model(), &Default::default(), super::kit::plain("a", 3)).await;
    let error = end.unwrap_err();
    let told = "`local` cannot answer, its model is damaged: what it computes are no numbers";
    assert_eq!((error.message.as_str(), error.another_model_helps), (told, true));
    assert_eq!((error.usage.input, error.usage.output), (20, 0));
}
