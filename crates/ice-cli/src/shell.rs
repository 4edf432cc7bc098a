//! What every command is given, and how it is carried out.

use crate::args::Global;
use crate::commands::Command;
use crate::environment::Environment;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::screen::Screen;
use crate::signals::outlive_file_limit;
use crate::telemetry::Telemetry;
use crate::toolbox::Toolbox;

/// What every command is given.
#[derive(Clone, Debug)]
pub(crate) struct Shell {
    /// The options that every command shares.
    pub(crate) global: Global,
    /// What the environment says.
    pub(crate) environment: Environment,
    /// Where to write.
    pub(crate) screen: Screen,
    /// Tools and models.
    pub(crate) toolbox: Toolbox,
}

impl Shell {
    /// Reads the environment and sets the screen up.
    pub(crate) fn new(global: Global) -> Self {
        let screen = Screen::new(global.json, global.color);
        let mut environment = Environment::read();
        if let Some(place) = global.seal_key.as_ref().filter(|place| !place.is_empty()) {
            environment.seal_key = Some(place.clone());
        }
        let toolbox = Toolbox::new(&global.tools, &global.agents, &environment, screen);
        Self { global, environment, screen, toolbox }
    }

    /// Carries a command out and says why if it could not be done.
    pub(crate) fn run(&self, command: Command) -> Exit {
        let told = |fault: Fault| {
            self.screen.fault(&fault);
            fault.exit
        };
        let telemetry = match Telemetry::begin(&self.environment, &self.toolbox, &self.screen) {
            Ok(telemetry) => telemetry,
            Err(fault) => return told(fault),
        };
        let span = command.span();
        let exit = telemetry.within(span, || command.run(self).unwrap_or_else(told));
        telemetry.end(&self.screen);
        exit
    }

    /// Waits for something that needs tasks and timers. What is still at work then is left behind.
    ///
    /// # Errors
    /// [`Fault`] if the system gives no threads, and what the work itself fails with.
    pub(crate) fn block_on<T>(&self, work: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
        let threads = std::thread::available_parallelism().map_or(2, |threads| threads.get().clamp(2, 8));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(threads)
            .thread_name("ice")
            .enable_all()
            .build()?;
        let done = runtime.block_on(async {
            outlive_file_limit()?;
            work.await
        });
        runtime.shutdown_background();
        done
    }
}
