//! Work in parts, side by side.

use std::ops::Range;

use crate::segments::Threads;

/// Does work in parts, at least `least` long, side by side on as many threads as may be. In the order of the parts.
pub(super) fn split<T: Send>(
    length: usize,
    least: usize,
    threads: Threads,
    act: impl Fn(Range<usize>) -> T + Sync,
) -> Vec<T> {
    let parts = (length / least.max(1)).clamp(1, threads.get());
    let part = |at: usize| at * length / parts..(at + 1) * length / parts;
    if parts == 1 {
        return vec![act(part(0))];
    }
    let act = &act;
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..parts).map(|at| scope.spawn(move || act(part(at)))).collect();
        let mut done = vec![act(part(0))];
        for other in others {
            match other.join() {
                Ok(result) => done.push(result),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        done
    })
}
