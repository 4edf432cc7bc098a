//! One run of a program, on a thread that may block.
//!
//! A module computes on a thread for blocking work and not on an async worker: it would hold the worker from one tick
//! to the next, and a worker looks after its sockets and timers only once in many polls. On one thread its CPU time is
//! that of the thread, too. Its host calls are async nevertheless, on a small runtime of the thread, so that a module
//! that waits can be ended.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use ice_core::process::{Usage, Verdict};
use wasmtime::{Engine, Store, UpdateDeadline};
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::p2::pipe::MemoryInputPipe;
use wasmtime_wasi::{WasiCtxBuilder, WasiCtxView, WasiView};

use super::bounds::Bounds;
use super::compile::{Entry, Program};
use super::limiter::Limiter;
use super::sink::Sink;
use super::stop::{End, Ended, Stop};
use super::system::{self, CpuClock};
use super::verdict::verdict;

/// What the host keeps for one run.
pub(super) struct State {
    pub(super) wasi: WasiP1Ctx,
    limiter: Limiter,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.wasi.ctx()
    }
}

/// What is to be run.
pub(super) struct Request {
    pub(super) arguments: Vec<String>,
    pub(super) input: Bytes,
    pub(super) bounds: Bounds,
}

/// What came of it.
pub(super) struct Outcome {
    pub(super) verdict: Verdict,
    pub(super) stdout: Bytes,
    pub(super) stderr: String,
    /// Without the times on the clock, which are not known here.
    pub(super) usage: Usage,
    /// When it was started, or failed to be.
    pub(super) ready: Instant,
}

/// The most a module may have the host copy in one call.
const AT_A_CALL: usize = 16 << 20;
/// The most random bytes at a time.
const RANDOM: u64 = 1 << 20;
/// The most open streams and timers of a component.
const RESOURCES: usize = 10_000;

/// Runs a program to its end, or until it is told to end.
pub(super) fn run(engine: &Engine, program: &Program, request: Request, stop: &Arc<Stop>) -> Outcome {
    let Request { arguments, input, bounds } = request;
    let stdout = Sink::whole(bounds.output_bytes, stop);
    let stderr = Sink::ends(bounds.output_bytes, stop);
    let watch = Watch {
        bounds,
        begun: system::now(),
        cpu: CpuClock::start(),
        outputs: [stdout.clone(), stderr.clone()],
        stop: Arc::clone(stop),
    };
    let mut wasi = context(arguments, input, &stdout, &stderr);
    wasi.ctx().table.set_max_capacity(RESOURCES);
    let state = State { wasi, limiter: Limiter::new(bounds.memory_bytes) };
    let mut store = Store::new(engine, state);
    store.limiter(|state| &mut state.limiter);
    store.set_hostcall_fuel(AT_A_CALL);
    store.set_epoch_deadline(1);
    let watching = watch.clone();
    store.epoch_deadline_callback(move |_| {
        watching.look()?;
        Ok(UpdateDeadline::Continue(1))
    });
    let mut ready = None;
    let result = drive(&mut store, program, &watch, &mut ready);
    let cpu = watch.cpu.elapsed();
    let limiter = &store.data().limiter;
    let verdict = verdict(result, stop.end(), limiter.refused());
    let left = store.get_fuel().unwrap_or_default();
    let usage = Usage {
        wall_us: 0,
        setup_us: 0,
        cpu_user_us: microseconds(cpu),
        cpu_system_us: 0,
        peak_memory_bytes: limiter.peak() as u64,
        fuel: Some(bounds.fuel.saturating_sub(left)),
        stdout_bytes: stdout.written(),
        stderr_bytes: stderr.written(),
    };
    Outcome {
        verdict,
        stdout: stdout.take(),
        stderr: stderr.text(),
        usage,
        ready: ready.unwrap_or_else(system::now),
    }
}

/// Nothing of the host but clocks and random numbers.
fn context(arguments: Vec<String>, input: Bytes, stdout: &Sink, stderr: &Sink) -> WasiP1Ctx {
    let mut builder = WasiCtxBuilder::new();
    builder
        .arg("module")
        .args(&arguments)
        .stdin(MemoryInputPipe::new(input))
        .stdout(stdout.clone())
        .stderr(stderr.clone())
        .max_random_size(RANDOM)
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false)
        .socket_addr_check(|_, _| Box::pin(async { false }));
    builder.build_p1()
}

/// Starts the program and waits until it is done or is to end.
fn drive(
    store: &mut Store<State>,
    program: &Program,
    watch: &Watch,
    ready: &mut Option<Instant>,
) -> wasmtime::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    store.set_fuel(watch.bounds.fuel)?;
    runtime.block_on(async {
        tokio::select! {
            biased;
            () = watch.stop.told() => Err(Ended.into()),
            () = watch.keep() => Err(Ended.into()),
            result = enter(store, program, ready) => result,
        }
    })
}

async fn enter(
    store: &mut Store<State>,
    program: &Program,
    ready: &mut Option<Instant>,
) -> wasmtime::Result<()> {
    match &program.entry {
        Entry::Core(pre) => {
            let instance = pre.instantiate_async(&mut *store).await?;
            let start = instance.get_typed_func::<(), ()>(&mut *store, "_start")?;
            *ready = Some(system::now());
            start.call_async(&mut *store, ()).await
        }
        Entry::Component(pre) => {
            let command = pre.instantiate_async(&mut *store).await?;
            *ready = Some(system::now());
            match command.wasi_cli_run().call_run(&mut *store).await? {
                Ok(()) => Ok(()),
                Err(()) => Err(wasmtime_wasi::I32Exit(1).into()),
            }
        }
    }
}

/// Looks whether a run keeps to its times.
#[derive(Clone)]
struct Watch {
    bounds: Bounds,
    begun: Instant,
    cpu: CpuClock,
    outputs: [Sink; 2],
    stop: Arc<Stop>,
}

impl Watch {
    /// An error if the run is to end. For the thread of the run, at every tick.
    fn look(&self) -> Result<(), Ended> {
        if let Some(end) = self.overdue() {
            self.stop.tell(end);
        } else if self.cpu.elapsed() >= self.bounds.cpu {
            self.stop.tell(End::Cpu);
        }
        if self.stop.end().is_some() { Err(Ended) } else { Ok(()) }
    }

    /// Waits until the run is out of time, while it waits in a host call.
    async fn keep(&self) {
        loop {
            if let Some(end) = self.overdue() {
                self.stop.tell(end);
                return;
            }
            let idle = self.bounds.idle.map(|idle| self.quiet_since() + idle);
            let wall = self.begun + self.bounds.wall;
            let next = idle.map_or(wall, |idle| idle.min(wall));
            tokio::time::sleep_until(next.into()).await;
        }
    }

    fn overdue(&self) -> Option<End> {
        if self.begun.elapsed() >= self.bounds.wall {
            return Some(End::Wall);
        }
        let idle = self.bounds.idle?;
        (self.quiet_since().elapsed() >= idle).then_some(End::Idle)
    }

    fn quiet_since(&self) -> Instant {
        self.outputs.iter().map(Sink::last_written).fold(self.begun, Instant::max)
    }
}

/// A length of time in whole microseconds.
pub(super) fn microseconds(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
