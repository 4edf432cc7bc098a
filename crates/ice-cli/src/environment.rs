//! What the command reads from the environment, once and in one place.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::telemetry::Settings;

/// What the command reads from the environment. Empty variables count as absent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment {
    /// `ICE_DATA`.
    pub(crate) data: Option<PathBuf>,
    /// `--seal-key`, or else `ICE_SEAL_KEY`: where the key of a sealed data folder is.
    pub(crate) seal_key: Option<String>,
    /// `ICE_TOOLS`: folders of manifests, with a colon between two of them.
    pub(crate) tools: Vec<PathBuf>,
    /// `ICE_AGENTS`: folders of agents, with a colon between two of them.
    pub(crate) agents: Vec<PathBuf>,
    /// `ICE_INTERPRETERS`: the folder of interpreters for WebAssembly, if it is an absolute path.
    #[cfg(feature = "wasm")]
    pub(crate) interpreters: Option<PathBuf>,
    /// `HOME`.
    pub(crate) home: Option<PathBuf>,
    /// `XDG_STATE_HOME`, if it is an absolute path.
    pub(crate) state_home: Option<PathBuf>,
    /// `XDG_DATA_HOME`, if it is an absolute path.
    #[cfg(feature = "wasm")]
    pub(crate) data_home: Option<PathBuf>,
    /// `XDG_CONFIG_HOME`, if it is an absolute path.
    pub(crate) config_home: Option<PathBuf>,
    /// `ICE_MODELS`: the file of the providers of models.
    pub(crate) models: Option<PathBuf>,
    /// `ICE_PRICES`: the file of what models cost.
    pub(crate) prices: Option<PathBuf>,
    /// `ICE_MEMORY`: the file that says how memory is set up.
    pub(crate) memory: Option<PathBuf>,
    /// `ICE_REDACTION`: the file that says what may be seen.
    pub(crate) redaction: Option<PathBuf>,
    /// `ICE_MODEL`: the model, as PROVIDER/MODEL, that is asked instead of those that blueprints name.
    pub(crate) model: Option<String>,
    /// `ICE_LOG`: which events are written to standard error, as `tracing` filters say it, and whether as JSON.
    pub(crate) log: Option<String>,
    /// `ICE_ALERT_WEBHOOK`: where alerts of monitors are posted.
    pub(crate) alert_webhook: Option<String>,
    /// The variables of OpenTelemetry.
    pub(crate) telemetry: Settings,
    /// `PATH`.
    pub(crate) path: Option<OsString>,
}

impl Environment {
    /// Reads the environment of this process.
    pub(crate) fn read() -> Self {
        let folders = |name| {
            let text = variable(name).unwrap_or_default();
            std::env::split_paths(&text).filter(|folder| !folder.as_os_str().is_empty()).collect()
        };
        let path = |name| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
        Self {
            data: variable("ICE_DATA").map(PathBuf::from),
            seal_key: variable("ICE_SEAL_KEY").map(|text| text.to_string_lossy().into_owned()),
            tools: folders("ICE_TOOLS"),
            agents: folders("ICE_AGENTS"),
            #[cfg(feature = "wasm")]
            interpreters: path("ICE_INTERPRETERS"),
            home: path("HOME"),
            state_home: path("XDG_STATE_HOME"),
            #[cfg(feature = "wasm")]
            data_home: path("XDG_DATA_HOME"),
            config_home: path("XDG_CONFIG_HOME"),
            models: variable("ICE_MODELS").map(PathBuf::from),
            prices: variable("ICE_PRICES").map(PathBuf::from),
            memory: variable("ICE_MEMORY").map(PathBuf::from),
            redaction: variable("ICE_REDACTION").map(PathBuf::from),
            model: variable("ICE_MODEL").map(|text| text.to_string_lossy().into_owned()),
            log: variable("ICE_LOG").map(|text| text.to_string_lossy().into_owned()),
            alert_webhook: variable("ICE_ALERT_WEBHOOK").map(|text| text.to_string_lossy().into_owned()),
            telemetry: Settings::read(|name| variable(name).map(|text| text.to_string_lossy().into_owned())),
            path: variable("PATH"),
        }
    }

    /// The folder of the user's configuration of ice, whether it is there or not.
    pub(crate) fn configuration(&self) -> Option<PathBuf> {
        let own = || Some(self.home.as_ref()?.join(".config"));
        self.config_home.clone().or_else(own).map(|folder| folder.join("ice"))
    }

    /// The folder of the user's state of ice, whether it is there or not.
    pub(crate) fn state(&self) -> Option<PathBuf> {
        let own = || Some(self.home.as_ref()?.join(".local/state"));
        self.state_home.clone().or_else(own).map(|folder| folder.join("ice"))
    }

    /// Where a shell would find a program.
    pub(crate) fn find(&self, program: &str) -> Option<PathBuf> {
        let folders = std::env::split_paths(self.path.as_ref()?);
        folders.map(|folder| folder.join(program)).find(|path| path.is_file())
    }
}

fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}
