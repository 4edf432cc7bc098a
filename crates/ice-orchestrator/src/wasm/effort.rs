//! How long a function takes to compile, guessed from what is in it, before a compiler that cannot be interrupted is let
//! at it. A few kilobytes can keep one busy for minutes: what counts is not size but the shape of the code.
//!
//! The weights were measured with modules of one kind of instruction each, in microseconds on a core of 2023. They are
//! for telling minutes from seconds, and err towards too much.

use std::time::Duration;

use wasmparser::{BinaryReaderError, FunctionBody, Operator};

/// A function by itself.
const FUNCTION: f64 = 15.0;
/// Each byte of its code.
const BYTE: f64 = 1.0;
/// Each of its local variables.
const LOCAL: f64 = 0.4;
/// A load or store, with the check of its bounds.
const ACCESS: f64 = 6.0;
/// A call, with the account of fuel written before and read after it.
const CALL: f64 = 22.0;
/// A place where ways part or meet, and each variable that may differ there.
const BRANCH: f64 = 15.0;
const BRANCH_LOCAL: f64 = 0.6;
/// A loop, with the looks at fuel and time in each turn, each variable, and each other loop of the function.
const LOOP: f64 = 100.0;
const LOOP_LOCAL: f64 = 2.5;
const LOOP_LOOP: f64 = 0.1;
/// Each target of a table of branches.
const TARGET: f64 = 1.5;

/// How long a function takes to compile, roughly.
///
/// # Errors
/// If its code cannot be read.
pub(super) fn effort(body: &FunctionBody<'_>) -> Result<Duration, BinaryReaderError> {
    let mut locals = 0_u64;
    for group in body.get_locals_reader()? {
        locals = locals.saturating_add(u64::from(group?.0));
    }
    let (locals, mut loops) = (locals as f64, 0_f64);
    let mut microseconds = FUNCTION + LOCAL * locals + BYTE * body.range().len() as f64;
    let mut reader = body.get_operators_reader()?;
    while !reader.eof() {
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "all other instructions are of the same kind here"
        )]
        match reader.read()? {
            Operator::Loop { .. } => {
                loops += 1.0;
                microseconds += LOOP + LOOP_LOCAL * locals;
            }
            Operator::Block { .. } | Operator::If { .. } | Operator::BrIf { .. } => {
                microseconds += BRANCH + BRANCH_LOCAL * locals;
            }
            Operator::BrTable { targets } => microseconds += TARGET * f64::from(targets.len()),
            Operator::Call { .. }
            | Operator::CallIndirect { .. }
            | Operator::ReturnCall { .. }
            | Operator::ReturnCallIndirect { .. }
            | Operator::MemoryGrow { .. }
            | Operator::MemoryFill { .. }
            | Operator::MemoryCopy { .. }
            | Operator::MemoryInit { .. }
            | Operator::TableGrow { .. }
            | Operator::TableFill { .. }
            | Operator::TableCopy { .. }
            | Operator::TableInit { .. } => microseconds += CALL,
            Operator::I32Load { .. }
            | Operator::I64Load { .. }
            | Operator::F32Load { .. }
            | Operator::F64Load { .. }
            | Operator::I32Store { .. }
            | Operator::I64Store { .. }
            | Operator::F32Store { .. }
            | Operator::F64Store { .. } => microseconds += ACCESS,
            _ => {}
        }
    }
    microseconds += LOOP_LOOP * loops * loops;
    Ok(Duration::from_micros(microseconds as u64))
}

#[cfg(test)]
mod tests {
    use wasmparser::{Parser, Payload};

    use super::*;

    /// The milliseconds guessed for a function of so many of these pieces.
    fn guess(locals: usize, piece: &str, times: usize) -> u128 {
        let (locals, code) = ("i32 ".repeat(locals), piece.repeat(times));
        let binary = wat::parse_str(format!("(module (memory 1) (func (local {locals}) {code}))")).unwrap();
        let bodies = Parser::new(0).parse_all(&binary).map(Result::unwrap);
        let mut total = Duration::ZERO;
        for payload in bodies {
            if let Payload::CodeSectionEntry(body) = payload {
                total += effort(&body).unwrap();
            }
        }
        total.as_millis()
    }

    #[test]
    fn the_shape_of_code_counts_more_than_its_size() {
        let straight = guess(1, "(local.set 0 (i32.const 1))", 10_000);
        let accesses = guess(1, "(i32.store (i32.const 0) (i32.const 1))", 10_000);
        let calls = guess(1, "(call 0)", 10_000);
        let loops = guess(1, "(loop)", 10_000);
        let loops_with_locals = guess(500, "(loop)", 10_000);
        assert!(straight < 100 && accesses < 200, "{straight} {accesses}");
        assert!((200..300).contains(&calls), "{calls}");
        assert!(loops > 1000 && loops_with_locals > 10_000, "{loops} {loops_with_locals}");
        // What is declared and never used takes time, too.
        assert!(guess(40_000, "", 0) > 10);
    }
}
