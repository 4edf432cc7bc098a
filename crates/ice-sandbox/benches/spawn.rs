//! What a cage costs: `true` run plainly, by bubblewrap and in a cage, in turn, from a small program and from one that
//! holds a gibibyte.
//!
//!     cargo bench -p ice-sandbox --bench spawn

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark fails loudly and prints"
)]

#[cfg(not(target_os = "linux"))]
fn main() {}

#[cfg(target_os = "linux")]
fn main() {
    linux::main();
}

#[cfg(target_os = "linux")]
mod linux {
    use std::time::{Duration, Instant};

    use ice_sandbox::{Command, Layer, ResourceSandbox, SandboxPolicy, Verdict};
    use tokio_util::sync::CancellationToken;

    const TIMES: usize = 200;
    const BWRAP: [&str; 12] = [
        "--unshare-all",
        "--die-with-parent",
        "--new-session",
        "--clearenv",
        "--ro-bind",
        "/",
        "/",
        "--proc",
        "/proc",
        "--dev",
        "/dev",
        "/bin/true",
    ];

    pub(super) fn main() {
        ice_sandbox::init();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let clock = Clock::new();
            println!("| program holds | | wall p50 ms | wall p10 ms | CPU ms | to plain | to bwrap | CPU to bwrap |");
            println!("|---|---|---|---|---|---|---|---|");
            table("little", &clock).await;
            let mut held = vec![0_u8; 1 << 30];
            held.iter_mut().step_by(4_096).for_each(|byte| *byte = 1);
            table("1 GiB", &clock).await;
            std::hint::black_box(held);
            println!("\nThe launcher was {}.", sandbox().launcher().display());
        });
    }

    fn sandbox() -> ResourceSandbox {
        ResourceSandbox::new().expect("a launcher")
    }

    /// Counts the CPU time of this program and of all that it starts, whoever reaps that: in a group of its own if there
    /// are groups of version 1, else what the kernel adds up from children that were waited for.
    struct Clock(Option<std::path::PathBuf>);

    impl Clock {
        fn new() -> Self {
            let folder =
                std::path::PathBuf::from(format!("/sys/fs/cgroup/cpuacct/bench-{}", std::process::id()));
            let joined = std::fs::create_dir(&folder)
                .and_then(|()| std::fs::write(folder.join("cgroup.procs"), std::process::id().to_string()));
            Self(joined.is_ok().then_some(folder))
        }

        fn spent(&self) -> Duration {
            if let Some(folder) = &self.0 {
                let text = std::fs::read_to_string(folder.join("cpuacct.usage")).expect("the group is there");
                return Duration::from_nanos(text.trim().parse().expect("a number"));
            }
            let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
            let fields = stat.rsplit_once(')').expect("the form of stat").1;
            let ticks =
                fields.split_whitespace().skip(11).take(4).map(|ticks| ticks.parse::<u64>().unwrap_or(0));
            Duration::from_millis(ticks.sum::<u64>() * 10)
        }
    }

    impl Drop for Clock {
        fn drop(&mut self) {
            if let Some(folder) = &self.0 {
                let _ = std::fs::write("/sys/fs/cgroup/cpuacct/cgroup.procs", std::process::id().to_string());
                let _ = std::fs::remove_dir(folder);
            }
        }
    }

    async fn table(holds: &str, clock: &Clock) {
        let has_bwrap = plain("bwrap", &["--version"]).await;
        let sandbox = sandbox();
        let policy = SandboxPolicy::builder().absent(Layer::ControlGroups).build().expect("a policy");
        let grouped = SandboxPolicy::builder().build().expect("a policy");
        let pool = sandbox.pool(policy.clone(), 1);
        let (command, cancel) = (Command::new("/bin/true"), CancellationToken::new());
        let names = ["plain", "bwrap", "cage", "cage with control groups", "cage made ahead"];
        let (mut walls, mut cpus) = ([const { Vec::new() }; 5], [Duration::ZERO; 5]);
        // In turn, in blocks: CPU time is counted in hundredths of a second.
        for round in 0..=10 {
            for contender in 0..5 {
                let before = clock.spent();
                for _ in 0..TIMES / 10 {
                    let began = Instant::now();
                    match contender {
                        0 => assert!(plain("/bin/true", &[]).await, "true runs"),
                        1 => assert!(!has_bwrap || plain("bwrap", &BWRAP).await, "bwrap runs"),
                        2 | 3 => {
                            let policy = if contender == 2 { &policy } else { &grouped };
                            assert_eq!(sandbox.run(&command, policy, &cancel).await.verdict, Verdict::Ok);
                        }
                        _ => {
                            // Making it is not what whoever calls waits for; its CPU time counts.
                            pool.filled().await;
                            let began = Instant::now();
                            assert_eq!(pool.run(&command, &cancel).await.verdict, Verdict::Ok);
                            if round > 0 {
                                walls[contender].push(began.elapsed().as_secs_f64() * 1e3);
                            }
                            continue;
                        }
                    }
                    if round > 0 {
                        walls[contender].push(began.elapsed().as_secs_f64() * 1e3);
                    }
                }
                // The last of those that were used is replaced at the cost of those who used it.
                if contender == 4 {
                    pool.filled().await;
                }
                if round > 0 {
                    cpus[contender] += clock.spent() - before;
                }
            }
        }
        let at = |contender: usize, share: f64| {
            let mut walls = walls[contender].clone();
            walls.sort_by(f64::total_cmp);
            walls[((walls.len() - 1) as f64 * share) as usize]
        };
        let cpu = |contender: usize| cpus[contender].as_secs_f64() * 1e3 / TIMES as f64;
        for (contender, name) in names.into_iter().enumerate() {
            println!(
                "| {holds} | {name} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} |",
                at(contender, 0.5),
                at(contender, 0.1),
                cpu(contender),
                at(contender, 0.5) / at(0, 0.5),
                at(contender, 0.5) / at(1, 0.5),
                cpu(contender) / cpu(1),
            );
        }
        if !has_bwrap {
            println!("\nbubblewrap is not installed: its rows and ratios mean nothing.");
        }
    }

    async fn plain(program: &str, arguments: &[&str]) -> bool {
        let output = tokio::process::Command::new(program).args(arguments).output().await;
        output.is_ok_and(|output| output.status.success())
    }
}
