//! How a run ended, read from what the engine says of it.

use ice_core::process::Verdict;
use wasmtime::Trap;
use wasmtime_wasi::I32Exit;

use super::stop::End;

/// How a run ended. `refused`: it wanted more memory than it may have.
pub(super) fn verdict(result: wasmtime::Result<()>, end: Option<End>, refused: bool) -> Verdict {
    match (result, end) {
        (_, Some(End::Output)) => Verdict::OutputLimit,
        // It was done before it could be ended.
        (Ok(()), _) => Verdict::Ok,
        (Err(error), end) => match (error.downcast_ref::<I32Exit>(), end) {
            (Some(I32Exit(0)), _) => Verdict::Ok,
            (Some(I32Exit(code)), _) => Verdict::ExitCode { code: *code },
            (None, Some(end)) => ended(end),
            (None, None) => failed(&error, refused),
        },
    }
}

const fn ended(end: End) -> Verdict {
    match end {
        End::Cancelled => Verdict::Cancelled,
        End::Wall => Verdict::WallTimeout,
        End::Idle => Verdict::IdleTimeout,
        End::Cpu => Verdict::CpuLimit,
        End::Output => Verdict::OutputLimit,
    }
}

fn failed(error: &wasmtime::Error, refused: bool) -> Verdict {
    let trap = error.downcast_ref::<Trap>();
    if trap == Some(&Trap::OutOfFuel) {
        Verdict::CpuLimit
    } else if refused {
        // What it did for want of memory says less than that it had none.
        Verdict::MemoryLimit
    } else {
        Verdict::Trap { kind: trap.map_or_else(|| "host".to_owned(), |trap| kind(*trap)) }
    }
}

/// A trap's name: that of the engine in lower case, shortened where the specification has a word of its own.
fn kind(trap: Trap) -> String {
    if trap == Trap::UnreachableCodeReached {
        return "unreachable".to_owned();
    }
    let mut kind = String::new();
    for letter in format!("{trap:?}").chars() {
        if letter.is_ascii_uppercase() && !kind.is_empty() {
            kind.push('_');
        }
        kind.push(letter.to_ascii_lowercase());
    }
    kind
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failing(trap: Trap) -> wasmtime::Result<()> {
        Err(trap.into())
    }

    #[test]
    fn traps_have_names() {
        assert_eq!(kind(Trap::StackOverflow), "stack_overflow");
        assert_eq!(kind(Trap::UnreachableCodeReached), "unreachable");
        assert_eq!(kind(Trap::IntegerDivisionByZero), "integer_division_by_zero");
    }

    #[test]
    fn the_cause_goes_before_its_effects() {
        assert_eq!(verdict(Ok(()), Some(End::Cancelled), true), Verdict::Ok);
        assert_eq!(verdict(Ok(()), Some(End::Output), false), Verdict::OutputLimit);
        assert_eq!(verdict(failing(Trap::OutOfFuel), None, true), Verdict::CpuLimit);
        assert_eq!(verdict(failing(Trap::UnreachableCodeReached), None, true), Verdict::MemoryLimit);
        assert_eq!(
            verdict(failing(Trap::UnreachableCodeReached), Some(End::Wall), true),
            Verdict::WallTimeout
        );
        assert_eq!(verdict(Err(I32Exit(3).into()), Some(End::Wall), true), Verdict::ExitCode { code: 3 });
        assert_eq!(
            verdict(Err(wasmtime::Error::msg("?")), None, false),
            Verdict::Trap { kind: "host".to_owned() }
        );
    }
}
