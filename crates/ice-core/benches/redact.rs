//! What redacting a text costs, beside the floor: looking for the one byte that it does not hold. And that texts made to take long
//! do not.
#![expect(clippy::expect_used, reason = "a benchmark of something that fails shows nothing")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ice_core::redact::{KnownSecrets, Pieces, Policy, Preset, Redactor};
use ice_core::value::Value;

const MIB: usize = 1 << 20;

/// Prose in which nothing is to be found. Its sentences are put together in a fixed order that does not repeat soon.
fn prose(bytes: usize) -> String {
    const SENTENCES: [&str; 16] = [
        "The harbour was quiet that morning, and the boats lay still between the long wooden piers. ",
        "Nobody had expected the report to say so little about what had been measured in the first place. ",
        "A graph is drawn by hand before it is drawn by a program, or it is drawn for the program alone. ",
        "When the rain had gone they walked along the river and talked about the work that was left to do. ",
        "Every step is written down before it is taken, so that a crash loses nothing that anybody saw. ",
        "She kept the letters in a box under the window, tied with string, in no order that he could find. ",
        "It is easier to leave a thing out than to take it away once people have come to count on it. ",
        "The engine asks, the model answers, and the journal holds what both of them said to each other. ",
        "Most of the time is spent waiting, which costs nothing as long as nobody waits in the way of others. ",
        "There were three ways to the village, and the shortest of them was the one that took the longest. ",
        "Prices went up in the spring and came down again in the autumn, as they had done the year before. ",
        "What cannot be taken back is asked for first; what can be taken back is done and told afterwards. ",
        "He read the page twice, put the book down, and went out to see whether the others had come home. ",
        "A list of names is not a list of people, and a list of people is not yet a group of friends. ",
        "The test failed on one machine only, and it took them a week to see that its clock was running late. ",
        "Under the bridge the water is deep and slow, and in summer the children jump from the stones. ",
    ];
    let mut text = String::with_capacity(bytes + 128);
    let mut state = 1_u32;
    while text.len() < bytes {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        text.push_str(SENTENCES.get((state >> 28) as usize).copied().unwrap_or(""));
    }
    text
}

fn logs(bytes: usize) -> String {
    let mut text = String::with_capacity(bytes + 256);
    let mut number = 0_u64;
    while text.len() < bytes {
        number += 7_919;
        let line = format!(
            "{{\"timestamp\":\"2026-11-28T10:{:02}:{:02}.{:03}Z\",\"level\":\"INFO\",\"target\":\"ice::engine\",\"run\":\"0192f0c1-2f6e-7c3a-9a51-{number:012x}\",\"node\":\"loop[{}].body.clean\",\"elapsed_ms\":{},\"message\":\"the node has ended\"}}\n",
            number % 60,
            number % 59,
            number % 1_000,
            number % 40,
            number % 10_007
        );
        text.push_str(&line);
    }
    text
}

fn digits(bytes: usize) -> String {
    let mut text = String::with_capacity(bytes + 128);
    let mut number = 1_u64;
    while text.len() < bytes {
        number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        text.push_str(&format!(
            "{},{}.{:03},{};",
            number >> 40,
            number % 100_000,
            number % 997,
            number % 10_000_000_019
        ));
    }
    text
}

/// One thing to be found in a thousand bytes.
fn sown(bytes: usize) -> String {
    let clean = prose(bytes);
    let mut text = String::with_capacity(bytes + bytes / 20);
    for part in clean.as_bytes().chunks(1_000) {
        text.push_str(std::str::from_utf8(part).expect("the prose is ASCII"));
        text.push_str(" Write to ada@example.org or call +49 30 901820. ");
    }
    text
}

fn redact(criterion: &mut Criterion) {
    let strict = Redactor::preset(Preset::Strict).expect("the preset is valid");
    let secrets = Redactor::preset(Preset::Secrets).expect("the preset is valid");
    let mut group = criterion.benchmark_group("redact");
    group.sample_size(20);
    let texts =
        [("prose", prose(MIB)), ("json logs", logs(MIB)), ("digits", digits(MIB)), ("sown", sown(MIB))];
    for (name, text) in &texts {
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(format!("floor: memchr, {name}"), |bencher| {
            bencher.iter(|| memchr::memchr(0, black_box(text.as_bytes())));
        });
        group.bench_function(format!("strict, {name}"), |bencher| {
            bencher.iter(|| black_box(strict.text(black_box(text)).len()))
        });
        group.bench_function(format!("secrets, {name}"), |bencher| {
            bencher.iter(|| black_box(secrets.text(black_box(text)).len()))
        });
    }
    group.finish();
}

/// Ten times the bytes must take ten times as long: compare the throughput of either size.
fn hostile(criterion: &mut Criterion) {
    let strict = Redactor::preset(Preset::Strict).expect("the preset is valid");
    let mut group = criterion.benchmark_group("redact hostile");
    group.sample_size(10);
    let parts = [
        "1",
        "@",
        "1 ",
        "a@b.cc",
        "sk-",
        "eyJ-",
        "://a:b@",
        "name: ",
        "-----BEGIN PRIVATE KEY-----",
        ":::1",
        "4111 ",
        " street",
        "Dr. Aa ",
    ];
    for part in parts {
        for size in [MIB, 10 * MIB] {
            let text = part.repeat(size / part.len());
            group.throughput(Throughput::Bytes(text.len() as u64));
            group.bench_function(format!("{part:?} {} MiB", size / MIB), |bencher| {
                bencher.iter(|| black_box(strict.findings(black_box(&text)).len()));
            });
        }
    }
    group.finish();
}

/// An event as it is shown: what a tool was called with and gave, so many bytes of prose in it.
fn event(bytes: usize) -> Value {
    Value::map([
        ("event", Value::from("node.succeeded")),
        ("input", Value::map([("path", Value::from("data/airports.csv")), ("limit", Value::from(40))])),
        ("output", Value::map([("text", Value::from(prose(bytes))), ("count", Value::from(3_376))])),
    ])
}

/// What redacting the parts of runs costs, one by one: an event, a piece of a stream, what is written to memory.
fn parts(criterion: &mut Criterion) {
    let known = KnownSecrets::default();
    known.add((0..20).map(|number| format!("kn0wn-{number:016x}"))).expect("there is room for so many");
    let builder = |preset| Redactor::builder(Policy::preset(preset)).sharing(&known);
    let secrets = builder(Preset::Secrets).build().expect("the preset is valid");
    let strict = builder(Preset::Strict).build().expect("the preset is valid");
    let mut group = criterion.benchmark_group("redact parts");
    group.sample_size(30);
    for (name, redactor) in [("secrets", &secrets), ("strict", &strict)] {
        for bytes in [200, 10_000] {
            let event = event(bytes);
            group.bench_function(format!("{name}, event of {bytes} bytes"), |bencher| {
                bencher.iter(|| black_box(redactor.value(black_box(&event)).is_some()));
            });
        }
        let text = prose(10_000);
        let words: Vec<&str> = text.split_inclusive(' ').collect();
        group.throughput(Throughput::Elements(words.len() as u64));
        group.bench_function(format!("{name}, pieces of a stream"), |bencher| {
            bencher.iter(|| {
                let mut pieces = Pieces::new(redactor.clone());
                words.iter().map(|word| pieces.push(black_box(word)).len()).sum::<usize>()
            });
        });
    }
    group.finish();
    criterion.bench_function("redact parts/making the redactor, secrets", |bencher| {
        bencher.iter(|| black_box(Redactor::secrets(&known)));
    });
    criterion.bench_function("redact parts/making the redactor, strict", |bencher| {
        bencher.iter(|| black_box(builder(Preset::Strict).build().is_ok()));
    });
}

criterion_group!(benches, redact, hostile, parts);
criterion_main!(benches);
