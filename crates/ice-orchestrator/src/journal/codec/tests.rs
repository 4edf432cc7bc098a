use ice_core::llm::Usage;
use ice_core::time::Moment;
use proptest::prelude::*;

use super::*;
use crate::journal::Record;

fn push(encoder: &mut Encoder, record: &Record, chunk: &mut Chunk) -> Result<(), EncodeError> {
    encoder.push(record.at, &record.body, chunk)
}

fn succeeded(output: Value) -> Record {
    let node = "n".parse().unwrap();
    Record {
        at: Moment::from_millis(1),
        body: Body::Succeeded { node, output, usage: Usage::default(), stream: None, cached: false },
    }
}

fn output(record: &Record) -> &Value {
    let Body::Succeeded { output, .. } = &record.body else { panic!("{record:?}") };
    output
}

/// Writes values as records of one journal, each in a chunk of its own, and reads them back.
fn round_trip(values: &[Value]) -> (Vec<Value>, Vec<usize>) {
    let (mut encoder, mut decoder) = (Encoder::default(), Decoder::default());
    let (mut back, mut sizes) = (Vec::new(), Vec::new());
    let mut blobs = HashMap::new();
    for value in values {
        let mut chunk = Chunk::default();
        push(&mut encoder, &succeeded(value.clone()), &mut chunk).unwrap();
        sizes.push(chunk.bytes.len() + chunk.blobs.iter().map(Bytes::len).sum::<usize>());
        blobs.extend(chunk.blobs.iter().map(|blob| (BlobHash::of(blob), blob.clone())));
        assert!(chunk.bytes.len() < PACK + 10_000, "{}", chunk.bytes.len());
        let records = decoder.read(&chunk.bytes).unwrap();
        for pack in decoder.take_packs() {
            decoder.unpack(pack, &blobs[&pack]).unwrap();
        }
        let stored = output(&records[0]).clone();
        loop {
            let missing = decoder.missing(&stored);
            if missing.is_empty() {
                break;
            }
            for (hash, is_text) in missing {
                decoder.supply(hash, is_text, &blobs[&hash]).unwrap();
            }
        }
        back.push(decoder.resolve(&stored).unwrap());
    }
    (back, sizes)
}

fn text(length: usize, seed: usize) -> Value {
    Value::from((0..length).map(|at| char::from(b'a' + ((at * 7 + seed) % 26) as u8)).collect::<String>())
}

#[test]
fn a_list_that_grows_by_shared_items_costs_what_is_new_and_comes_back_whole() {
    let message = |n: usize| Value::map([("n", Value::from(n)), ("said", text(1_200, n))]);
    let messages: Vec<Value> = (0..300).map(message).collect();
    let grown: Vec<Value> = (1..=300)
        .map(|upto| Value::map([("messages", Value::list(messages.iter().take(upto).cloned()))]))
        .collect();
    let (back, sizes) = round_trip(&grown);
    assert!(back == grown);
    let written: usize = sizes.iter().sum();
    assert!(written < 300 * (1_200 + 5_000), "{written}");
    // A list that only begins the same is another one.
    let mut other: Vec<Value> = messages.iter().take(40).cloned().collect();
    other[20] = Value::from(3);
    let (back, _) = round_trip(&[grown[39].clone(), Value::from(other.clone())]);
    assert_eq!(back[1], Value::from(other));
}

#[test]
fn a_large_text_is_written_once() {
    let large = text(1 << 20, 0);
    let values: Vec<Value> =
        (0..50).map(|n| Value::map([("n", Value::from(n)), ("data", large.clone())])).collect();
    let (back, sizes) = round_trip(&values);
    assert_eq!(back, values);
    assert!(sizes[0] > 1 << 20);
    assert!(sizes[1..].iter().all(|size| *size < 300), "{sizes:?}");
}

#[test]
fn a_conversation_grows_by_what_is_new() {
    let mut messages: Vec<Value> = Vec::new();
    let mut values = Vec::new();
    for turn in 0..400 {
        messages.push(Value::map([("role", Value::from("user")), ("text", text(2_000, turn))]));
        values.push(Value::list(messages.iter().cloned()));
    }
    let (back, sizes) = round_trip(&values);
    assert_eq!(back, values);
    let (early, late): (usize, usize) = (sizes[20..60].iter().sum(), sizes[360..400].iter().sum());
    assert!(late < early * 2, "forty turns wrote {early} bytes early and {late} bytes late");
}

#[test]
fn many_small_objects_are_packed() {
    let rows =
        |from: i64| Value::list((from..from + 20_000).map(|n| Value::list([Value::from(n), text(200, 7)])));
    let (back, sizes) = round_trip(&[rows(0), rows(0), rows(1)]);
    assert!(back == [rows(0), rows(0), rows(1)]);
    assert!(sizes[0] > 4 * PACK && sizes[1] < 1_000, "{sizes:?}");
}

#[test]
fn what_is_too_large_is_refused_and_the_next_record_is_whole() {
    let (mut encoder, mut decoder) = (Encoder::default(), Decoder::default());
    let mut chunk = Chunk::default();
    let (small, large) = (text(2_000, 0), Value::from("x".repeat(MAX_OBJECT_BYTES + 1)));
    let refused = push(&mut encoder, &succeeded(Value::list([small.clone(), large])), &mut chunk);
    assert!(matches!(refused, Err(EncodeError::TooLarge { limit: MAX_OBJECT_BYTES, .. })), "{refused:?}");
    let node = "n".parse().unwrap();
    let failure =
        crate::journal::Failure::new(ice_core::error::ErrorCode::ToolFailed, "x".repeat(MAX_RECORD_BYTES));
    let failed = Record { at: Moment::from_millis(1), body: Body::Failed { node, failure, retry_at: None } };
    let refused = push(&mut encoder, &failed, &mut chunk);
    assert!(matches!(refused, Err(EncodeError::TooLarge { limit: MAX_RECORD_BYTES, .. })), "{refused:?}");
    push(&mut encoder, &succeeded(small.clone()), &mut chunk).unwrap();
    let records = decoder.read(&chunk.bytes).unwrap();
    assert_eq!((records.len(), decoder.resolve(output(&records[0])).unwrap()), (1, small));
}

#[test]
fn values_that_look_like_references_come_back_as_they_were() {
    let hash = BlobHash::of(b"x").to_string();
    for key in [TEXT, TREE, LIST, MAP, "$ice.new"] {
        let value = Value::map([(key, Value::from(hash.as_str()))]);
        let nested = Value::list([value.clone(), Value::map([(MAP, value.clone())]), text(3_000, 1)]);
        let values = [value, nested];
        assert_eq!(round_trip(&values).0, values);
    }
}

#[test]
fn a_text_that_is_the_json_of_a_value_is_not_taken_for_it() {
    for count in [200, 40_000] {
        let tree = Value::map([("items", Value::list((0..count).map(Value::from)))]);
        let tree = Value::map([("inner", tree), ("text", text(2_000, 3))]);
        // The text of every object that stands for a part of the tree.
        let mut encoder = Encoder::default();
        let mut chunk = Chunk::default();
        push(&mut encoder, &succeeded(tree.clone()), &mut chunk).unwrap();
        let lines = std::str::from_utf8(&chunk.bytes).unwrap().lines();
        let texts = lines.filter_map(|line| Some(Value::from(line.strip_prefix('o')?.get(66..)?)));
        let mut values: Vec<Value> = texts.collect();
        assert!(values.len() > 2);
        values.push(tree.clone());
        assert_eq!(round_trip(&values).0, values);
        values.reverse();
        assert_eq!(round_trip(&values).0, values);
    }
}

#[test]
fn deep_values_survive() {
    let mut value = Value::from(1);
    for level in 0..250 {
        value = if level % 2 == 0 { Value::list([value]) } else { Value::map([("a", value)]) };
    }
    assert_eq!(round_trip(&[value.clone()]).0, [value]);
}

#[test]
fn what_is_remembered_is_bounded_in_bytes() {
    let mut encoder = Encoder::default();
    for seed in 0..200 {
        let mut chunk = Chunk::default();
        let value = Value::from(format!("{seed}{}", "x".repeat(1 << 20)));
        push(&mut encoder, &succeeded(value), &mut chunk).unwrap();
    }
    let held: usize = encoder.remembered.values().map(|(value, _)| own_bytes(value)).sum();
    assert!(held <= REMEMBERED_BYTES && held == encoder.remembered_bytes, "{held}");
}

#[test]
fn damage_is_named() {
    let mut chunk = Chunk::default();
    push(&mut Encoder::default(), &succeeded(text(2_000, 0)), &mut chunk).unwrap();
    let mut decoder = Decoder::default();
    assert!(matches!(decoder.read(b"x"), Err(DecodeError::Line { line: 1, .. })));
    assert!(matches!(decoder.read(b"r{}\n"), Err(DecodeError::Line { line: 1, .. })));
    let record = chunk.bytes.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let records = decoder.read(&chunk.bytes[record..]).unwrap();
    assert!(matches!(decoder.resolve(output(&records[0])), Err(DecodeError::Missing(_))));
    assert!(matches!(decoder.supply(BlobHash::of(b"a"), true, b"b"), Err(DecodeError::Object { .. })));
    assert!(matches!(decoder.read(b"pa"), Err(DecodeError::Line { line: 1, .. })));
    for pack in [&b"r{}"[..], b"o12"] {
        assert!(matches!(decoder.unpack(BlobHash::of(pack), pack), Err(DecodeError::Object { .. })));
    }
    let object = &chunk.bytes[..record];
    assert!(matches!(decoder.unpack(BlobHash::of(b"a"), object), Err(DecodeError::Object { .. })));
    decoder.unpack(BlobHash::of(object), object).unwrap();
    assert_eq!(decoder.resolve(output(&records[0])).unwrap(), text(2_000, 0));
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
        (900_usize..1_200, 0_usize..3).prop_map(|(length, seed)| text(length, seed)),
    ];
    leaf.prop_recursive(4, 64, 40, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..40).prop_map(Value::from),
            prop::collection::vec(("[a-z$.]{0,6}", inner.clone()), 0..8).prop_map(Value::map),
            (prop::sample::select(vec![TEXT, TREE, LIST, MAP]), inner).prop_map(|entry| Value::map([entry])),
        ]
    })
}

proptest! {
    #[test]
    fn values_survive(values in prop::collection::vec(any_value(), 1..4)) {
        prop_assert_eq!(round_trip(&values).0, values);
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut decoder = Decoder::default();
        for record in decoder.read(&bytes).unwrap_or_default() {
            let mut body = record.body;
            for value in values_mut(&mut body).into_iter().flatten() {
                let _ = (decoder.missing(value), decoder.resolve(value));
            }
        }
    }
}
