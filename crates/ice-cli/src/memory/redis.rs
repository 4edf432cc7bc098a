//! Memory in a Redis server: what `memory.toml` says of it.

use std::fmt;

use ice_core::memory::{Backend, Kind, MemoryError, UnifiedMemoryConfig};
use ice_core::process::SecretRef;
use ice_core::registry::near_names;
use ice_core::value::Value;

use super::invalid;

/// What `connection_params` may name; `base_url` is of the embedder.
const NAMES: [&str; 5] = ["url", "name", "user", "password", "base_url"];

/// The server that a file names. Holds no secret, only where it is.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Server {
    /// `redis://HOST:PORT/DATABASE`, or `rediss://`.
    pub(super) url: String,
    /// Which store of the server.
    pub(super) name: Option<String>,
    /// Who asks.
    pub(super) user: Option<String>,
    /// Where the password is.
    pub(super) password: Option<SecretRef>,
}

impl fmt::Debug for Server {
    /// Without the address, which somebody may have written a password into.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Server {
    /// The server that the kinds name; nothing if none is kept in one.
    ///
    /// # Errors
    /// [`MemoryError::Invalid`] if they are not kept together, or what is said of the server is wrong.
    pub(super) fn of(config: &UnifiedMemoryConfig, label: &str) -> Result<Option<Self>, MemoryError> {
        let enabled = || Kind::ALL.into_iter().filter(|kind| config.enables(*kind));
        let Some(first) = enabled().find(|kind| config.of(*kind).backend == Backend::Redis) else {
            return Ok(None);
        };
        if let Some(other) = enabled().find(|kind| config.of(*kind).backend == Backend::Embedded) {
            let problem = format!(
                "{first} memory is kept in Redis and {other} memory is not, and all kinds are kept together: write \
                 `backend = \"redis\"` for each of them, or for none; working memory may say \"memory\""
            );
            return Err(invalid(format!("{label}: `backend`"), problem));
        }
        let mut server: Option<(Kind, Self)> = None;
        for kind in enabled().filter(|kind| config.of(*kind).backend == Backend::Redis) {
            let Some(found) = Self::of_kind(config, kind, label)? else { continue };
            match &server {
                Some((other, known)) if *known != found => {
                    let problem = format!(
                        "{other} and {kind} memory name different ones, and all kinds are kept together"
                    );
                    return Err(invalid(format!("{label}: the Redis server"), problem));
                }
                Some(_) => {}
                None => server = Some((kind, found)),
            }
        }
        match server {
            Some((_, server)) => Ok(Some(server)),
            None => {
                let problem =
                    "it is missing: write `connection_params = { url = \"redis://127.0.0.1:6379/0\" }`";
                Err(invalid(format!("{label}: the address of Redis for {first} memory"), problem))
            }
        }
    }

    /// What a kind says; nothing if it names no server.
    fn of_kind(config: &UnifiedMemoryConfig, kind: Kind, label: &str) -> Result<Option<Self>, MemoryError> {
        let params = &config.of(kind).connection_params;
        let what = |field: &str| format!("{label}: `connection_params.{field}` of {kind} memory");
        if let Some(unknown) = params.keys().find(|name| !NAMES.contains(&name.as_ref())) {
            let near = near_names(unknown, NAMES);
            let advice = near.first().map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            return Err(invalid(
                what(unknown),
                format!("Redis has `url`, `name`, `user` and `password`{advice}"),
            ));
        }
        let text = |field: &str| match params.get(field) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.to_string())),
            Some(other) => Err(invalid(what(field), format!("it is a {}, not a text", other.type_name()))),
        };
        let (url, name, user) = (text("url")?, text("name")?, text("user")?);
        let password = text("password")?.map(|reference| {
            // It is not repeated: somebody may have written the password itself.
            let is_reference = reference.starts_with("env:") || reference.starts_with("file:");
            is_reference.then(|| SecretRef::new(reference)).ok_or_else(|| {
                let problem =
                    "it is no reference: write \"env:VARIABLE\" or \"file:PATH\", which hold the password";
                invalid(what("password"), problem)
            })
        });
        let password = password.transpose()?;
        match url {
            Some(url) => Ok(Some(Self { url, name, user, password })),
            None if name.is_some() || user.is_some() || password.is_some() => {
                Err(invalid(what("url"), "it is missing: write redis://HOST:PORT/DATABASE"))
            }
            None => Ok(None),
        }
    }
}

#[cfg(feature = "redis")]
mod connected {
    use std::sync::Arc;

    use ice_core::store::{BlobStore, Store};
    use ice_integrations::redis::{Options, RedisBlobs, RedisStore};
    use ice_integrations::secrets::{SecretSource, SystemSecrets};
    use ice_orchestrator::engine::MemoryPlace;

    use super::*;

    impl Server {
        /// Connects to it.
        ///
        /// # Errors
        /// [`MemoryError::Invalid`] if what is said of it is wrong, [`MemoryError::Store`] if it cannot be used.
        pub(in crate::memory) async fn open(&self) -> Result<MemoryPlace, MemoryError> {
            let Self { url, name, user, password } = self;
            let wrong = |error: &dyn fmt::Display| invalid("the Redis server of memory", error.to_string());
            let mut options = Options::new(url).map_err(|error| wrong(&error))?;
            if options.has_password() {
                let problem = "there is a password in `connection_params.url`: take it out, and write `password = \
                               \"env:VARIABLE\"` or \"file:PATH\"";
                return Err(wrong(&problem));
            }
            if let Some(name) = name {
                options = options.name(name).map_err(|error| wrong(&error))?;
            }
            let secret =
                password.as_ref().map(|reference| SystemSecrets::with_dotenv(".env").secret(reference));
            let secret = secret.transpose().map_err(|error| wrong(&error))?;
            let options = options.login(user.as_deref(), secret.as_ref());
            let store: Arc<dyn Store> = Arc::new(RedisStore::open(options.clone()).await?);
            let blobs: Arc<dyn BlobStore> = Arc::new(RedisBlobs::open(options).await?);
            Ok(MemoryPlace { store, blobs })
        }
    }
}

#[cfg(not(feature = "redis"))]
impl Server {
    /// Says that it cannot be reached.
    ///
    /// # Errors
    /// Always.
    pub(super) fn open(
        &self,
    ) -> std::future::Ready<Result<ice_orchestrator::engine::MemoryPlace, MemoryError>> {
        let store = self.name.as_deref().unwrap_or("default");
        let problem =
            "this program was built without the feature `redis`: write \"embedded\", or build it with that";
        std::future::ready(Err(invalid(format!("the backend \"redis\" of memory, store `{store}`"), problem)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Option<Server>, String> {
        Server::of(&toml::from_str(text).unwrap(), "m").map_err(|error| error.to_string())
    }

    const ALL: &str = "[semantic]\nbackend = \"redis\"\nconnection_params = { url = \"redis://h:1\" }\n[episodic]\nbackend = \
                       \"redis\"\n[procedural]\nbackend = \"redis\"\n";

    #[test]
    fn all_kinds_are_kept_in_one_server_and_the_password_is_named_only() {
        assert_eq!(of(""), Ok(None));
        let server = of(ALL).unwrap().unwrap();
        assert_eq!((server.url.as_str(), server.password), ("redis://h:1", None));
        let mixed = of("[semantic]\nbackend = \"redis\"\n").unwrap_err();
        assert!(mixed.contains("semantic memory is kept in Redis and episodic memory is not"), "{mixed}");
        let only = "enable_episodic = false\nenable_procedural = false\n[semantic]\nbackend = \"redis\"\n";
        assert!(of(only).unwrap_err().contains("it is missing: write `connection_params"));
        let params = |params: &str| of(&format!("{only}connection_params = {{ {params} }}\n"));
        let full =
            "url = \"redis://h\", name = \"a\", user = \"u\", password = \"env:P\", base_url = \"http://e\"";
        let server = params(full).unwrap().unwrap();
        assert_eq!((server.name.as_deref(), server.user.as_deref()), (Some("a"), Some("u")));
        assert_eq!(server.password, Some(SecretRef::new("env:P")));
        assert!(!format!("{server:?}").contains("redis://h"), "{server:?}");
        let plain = params("url = \"redis://h\", password = \"hunter2\"").unwrap_err();
        assert!(plain.contains("it is no reference") && !plain.contains("hunter2"), "{plain}");
        assert!(params("urll = \"x\"").unwrap_err().contains("did you mean `url`?"));
        assert!(params("url = 7").unwrap_err().contains("not a text"));
        assert!(params("name = \"x\"").unwrap_err().contains("`connection_params.url` of semantic memory"));
        let two =
            ALL.replace("[episodic]\n", "[episodic]\nconnection_params = { url = \"redis://other\" }\n");
        assert!(of(&two).unwrap_err().contains("semantic memory name different ones"), "{two}");
    }
}
