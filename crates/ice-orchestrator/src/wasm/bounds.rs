//! The limits of one run, with what is held where a run's limits say nothing.

use std::time::Duration;

use ice_core::process::Limits;

/// The limits of one run, none of them open but fuel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) wall: Duration,
    pub(super) idle: Option<Duration>,
    pub(super) cpu: Duration,
    pub(super) memory_bytes: usize,
    pub(super) output_bytes: usize,
    pub(super) fuel: u64,
}

/// No deadline lies further away, so that one can always be added to the time.
const FOREVER: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

impl Bounds {
    /// The defaults are those of a caged process, but for memory.
    const DEFAULTS: Limits = Limits {
        wall_ms: Some(60_000),
        idle_ms: None,
        cpu_ms: Some(30_000),
        memory_bytes: Some(256 << 20),
        processes: None,
        open_files: None,
        file_bytes: None,
        workspace_bytes: None,
        output_bytes: Some(16 << 20),
        fuel: None,
    };

    /// What these limits come to. Processes and files need none: there is no way to either.
    pub(super) fn of(limits: &Limits) -> Self {
        let all = limits.or(Self::DEFAULTS);
        let time =
            |milliseconds: Option<u64>| milliseconds.map_or(FOREVER, Duration::from_millis).min(FOREVER);
        let size = |bytes: Option<u64>| bytes.and_then(|bytes| usize::try_from(bytes).ok());
        Self {
            wall: time(all.wall_ms),
            idle: all.idle_ms.map(|idle| time(Some(idle))),
            cpu: time(all.cpu_ms),
            memory_bytes: size(all.memory_bytes).unwrap_or(usize::MAX),
            output_bytes: size(all.output_bytes).unwrap_or(usize::MAX),
            fuel: all.fuel.unwrap_or(u64::MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_open_is_bounded_and_what_is_given_holds() {
        let open = Bounds::of(&Limits::default());
        assert_eq!((open.wall, open.cpu), (Duration::from_secs(60), Duration::from_secs(30)));
        assert_eq!((open.memory_bytes, open.output_bytes, open.fuel), (256 << 20, 16 << 20, u64::MAX));
        let given = Bounds::of(&Limits { wall_ms: Some(u64::MAX), fuel: Some(7), ..Limits::default() });
        assert_eq!((given.wall, given.fuel), (FOREVER, 7));
    }
}
