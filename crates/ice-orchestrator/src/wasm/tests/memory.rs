//! Memory and tables.

use ice_core::process::{Limits, Verdict};

use super::*;

const PAGE: u64 = 65_536;

fn with_memory(pages: u64) -> Limits {
    Limits { memory_bytes: Some(pages * PAGE), ..ample() }
}

/// Grows memory by a page until it cannot, and then does `then`.
fn glutton(then: &str) -> String {
    start(&format!("(loop $l (br_if $l (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) {then}"))
}

#[tokio::test]
async fn growth_beyond_the_limit_is_refused_and_a_module_may_live_with_that() {
    let (_, report) = run(&engine(), &glutton(""), with_memory(10)).await;
    assert_eq!((report.verdict, report.usage.peak_memory_bytes), (Verdict::Ok, 10 * PAGE));
    assert_eq!(report.memory_source, "linear_memory");
}

#[tokio::test]
async fn a_module_that_traps_for_want_of_memory_met_its_limit() {
    let (_, report) = run(&engine(), &glutton("unreachable"), with_memory(10)).await;
    assert_eq!(report.verdict, Verdict::MemoryLimit);
}

#[tokio::test]
async fn growth_beyond_its_own_maximum_is_not_our_limit() {
    let text = r#"(module (memory (export "memory") 1 2) (func (export "_start")
        (drop (memory.grow (i32.const 5))) unreachable))"#;
    assert_eq!(verdict(text, with_memory(10)).await, trap("unreachable"));
}

#[tokio::test]
async fn a_module_that_begins_with_too_much_memory_is_not_run() {
    let text = r#"(module (memory (export "memory") 11) (func (export "_start")))"#;
    let (_, report) = run(&engine(), text, with_memory(10)).await;
    assert_eq!((report.verdict, report.usage.peak_memory_bytes), (Verdict::MemoryLimit, 0));
}

#[tokio::test]
async fn memories_are_counted_together() {
    let text = |pages| {
        format!(
            "(module (memory (export \"memory\") 4) (memory $b 4) (func (export \"_start\")
             (if (i32.eq (memory.grow $b (i32.const {pages})) (i32.const -1)) (then unreachable))))"
        )
    };
    assert_eq!(verdict(&text(2), with_memory(10)).await, Verdict::Ok);
    assert_eq!(verdict(&text(3), with_memory(10)).await, Verdict::MemoryLimit);
}

#[tokio::test]
async fn huge_tables_are_refused() {
    let begun = r#"(module (memory (export "memory") 1) (table 4000000 funcref) (func (export "_start")))"#;
    assert_eq!(verdict(begun, ample()).await, Verdict::MemoryLimit);
    let grown = r#"(module (memory (export "memory") 1) (table $t 1 funcref) (func (export "_start")
        (loop $l (br_if $l (i32.ne (table.grow $t (ref.null func) (i32.const 10000)) (i32.const -1))))
        (if (i32.gt_u (table.size $t) (i32.const 262144)) (then unreachable))))"#;
    assert_eq!(verdict(grown, ample()).await, Verdict::Ok);
}
