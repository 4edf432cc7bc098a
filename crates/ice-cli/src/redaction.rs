//! What may be seen, kept in memory and sent to models: the user's file `redaction.toml`, and the secrets that this program knows.

use std::sync::Arc;

use ice_core::error::ErrorCode;
use ice_core::process::SecretRef;
use ice_core::redact::{HashKey, KnownSecrets, Policy, Redactor};
use ice_core::seal::{SealingKey, SecretKey};
use ice_core::vault::Vault;
use ice_integrations::secrets::{SecretSource, SystemSecrets};
use ice_orchestrator::journal::{Outputs, Views};
use secrecy::ExposeSecret;
use serde::Deserialize;
use toml::Spanned;

use crate::data::KeyPlace;
use crate::environment::Environment;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::memory::{MemoryFile, advised};
use crate::models::{self, Models};

/// The longest file.
const MAX_BYTES: usize = 1 << 20;

/// What redacts, made of the file or, without one, so that secrets are seen nowhere.
#[derive(Clone, Debug)]
pub(crate) struct Redaction {
    /// How runs are seen.
    pub(crate) views: Views,
    /// What memory may keep.
    pub(crate) memory: Redactor,
    /// What models may see.
    pub(crate) prompts: Redactor,
    /// All secrets that are known, and will be.
    pub(crate) known: KnownSecrets,
}

/// The file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    /// Events, documents of runs, failures, questions, logs and spans.
    views: Option<Spanned<Policy>>,
    /// What is written to memory.
    memory: Option<Spanned<Policy>>,
    /// What goes to models.
    prompts: Option<Spanned<Policy>>,
    /// Whether the outputs of runs go through `views`, too.
    outputs: bool,
    /// Where the key for hashes is.
    hash_key: Option<Spanned<SecretRef>>,
    /// Where the key of the vault is.
    vault_key: Option<Spanned<SecretRef>>,
}

impl Redaction {
    /// Reads the file that `ICE_REDACTION` names, or that lies beside `models.toml`, and gathers the secrets that are known.
    ///
    /// # Errors
    /// [`Fault`] if the file cannot be used, with the place of what is wrong. Nothing is shown with another policy then.
    pub(crate) fn read(environment: &Environment) -> Result<Self, Fault> {
        let found =
            models::text(environment, environment.redaction.as_ref(), "ICE_REDACTION", "redaction.toml")?;
        let known = known(environment);
        match found {
            Some((text, label)) => Self::of(&text, &label, known),
            None => {
                let redactor = Redactor::secrets(&known);
                let prompts = Redactor::secrets(&known.snapshot());
                let views = Views::new(redactor.clone(), Outputs::Exact);
                Ok(Self { views, memory: redactor, prompts, known })
            }
        }
    }

    fn of(text: &str, label: &str, known: KnownSecrets) -> Result<Self, Fault> {
        let wrong = |at: usize, message: String| {
            let before = text.get(..at).unwrap_or(text);
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
            let message = format!("{label}:{line}:{column}: {message}");
            Fault::new(ErrorCode::PolicyInvalid, message).exit(Exit::Usage)
        };
        if text.len() > MAX_BYTES {
            return Err(wrong(0, format!("the file has more than {MAX_BYTES} bytes")));
        }
        let file: File = toml::from_str(text)
            .map_err(|error| wrong(error.span().map_or(0, |span| span.start), advised(error.message())))?;
        let key = |named: Option<&Spanned<SecretRef>>| match named {
            None => Ok::<_, Fault>(None),
            Some(named) => {
                let key = key(named.get_ref(), &known).map_err(|why| wrong(named.span().start, why))?;
                Ok(Some(key))
            }
        };
        let hash = key(file.hash_key.as_ref())?.map(HashKey::new);
        let vault = key(file.vault_key.as_ref())?;
        let vault =
            vault.map(|mut key| Arc::new(Vault::new(&SealingKey::of(SecretKey::from_bytes(&mut key)))));
        let redactor = |policy: Option<Spanned<Policy>>, known: &KnownSecrets| {
            let at = policy.as_ref().map_or(0, |policy| policy.span().start);
            let policy = policy.map(Spanned::into_inner).unwrap_or_default();
            let mut builder = Redactor::builder(policy).sharing(known);
            if let Some(hash) = &hash {
                builder = builder.hash_key(hash.clone());
            }
            if let Some(vault) = &vault {
                builder = builder.vault(Arc::clone(vault) as _);
            }
            builder.build().map_err(|error| {
                let cause =
                    std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
                wrong(at, format!("{error}{cause}"))
            })
        };
        let outputs = if file.outputs { Outputs::Redacted } else { Outputs::Exact };
        Ok(Self {
            views: Views::new(redactor(file.views, &known)?, outputs),
            memory: redactor(file.memory, &known)?,
            // What a run asked before has to be asked again just so when it is taken up: what comes to be known meanwhile,
            // such as what a cage is given, does not count.
            prompts: redactor(file.prompts, &known.snapshot())?,
            known,
        })
    }
}

/// A key of 32 bytes, by where it is. What it is, is a secret that is known.
fn key(reference: &SecretRef, known: &KnownSecrets) -> Result<[u8; 32], String> {
    let found = SystemSecrets::with_dotenv(".env").secret(reference).map_err(|error| error.to_string())?;
    let text = found.expose_secret().trim();
    learn(known, [text.to_owned()]);
    let mut key = [0; 32];
    let digits = text.as_bytes();
    let is_hex = digits.len() == 64 && digits.iter().all(u8::is_ascii_hexdigit);
    for (byte, digits) in key.iter_mut().zip(digits.chunks(2)) {
        let digits = std::str::from_utf8(digits).ok().filter(|_| is_hex);
        *byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()).ok_or_else(|| {
            format!("`{reference}` holds no key: a key is 64 hexadecimal digits, as `openssl rand -hex 32` makes them")
        })?;
    }
    Ok(key)
}

/// The secrets that can be known before anything is done.
fn known(environment: &Environment) -> KnownSecrets {
    let known = KnownSecrets::default();
    // A broken file of models is told of where models are needed.
    if let Ok(models) = Models::read(environment) {
        learn(&known, models.keys());
    }
    learn(&known, environment.telemetry.secrets());
    learn(&known, environment.alert_webhook.clone());
    learn(&known, MemoryFile::of(environment).secrets());
    // That there is no key is told of where the data folder is opened.
    let sealing = environment.seal_key.as_ref().and_then(|place| KeyPlace::text(place).ok());
    learn(&known, sealing.map(|key| key.trim().to_owned()));
    #[cfg(feature = "mcp")]
    learn(&known, crate::servers::kept_tokens(environment));
    known
}

/// Adds to what is known. That there are too many is said once in the log: those before are looked for.
pub(crate) fn learn(known: &KnownSecrets, secrets: impl IntoIterator<Item = String>) {
    if let Err(error) = known.add(secrets) {
        tracing::warn!(%error, "a secret is not looked for");
    }
}

/// Whether a key of a model is one: servers of one's own take any word, such as `lm-studio`, and to hide a word wherever it stands
/// would do harm.
pub(crate) fn is_secret(key: &str) -> bool {
    let is_word = key.bytes().all(|byte| byte.is_ascii_lowercase() || matches!(byte, b'-' | b'_'));
    key.len() >= 24 || !is_word
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn read(text: &str) -> Result<Redaction, String> {
        Redaction::of(text, "r", KnownSecrets::default()).map_err(|fault| fault.message)
    }

    #[test]
    fn each_view_has_a_policy_of_its_own() {
        let text = "outputs = true\n[views]\nbase = \"strict\"\n[prompts]\nbase = \"none\"\n";
        let redaction = read(text).unwrap();
        let said = "ghp_0123456789abcdefghij0123456789abcdef, ada@example.org";
        assert_eq!(redaction.views.text(said), "[redacted: github_token], [redacted: email]");
        assert_eq!(redaction.memory.text(said), "[redacted: github_token], ada@example.org");
        assert_eq!(redaction.prompts.text(said), said);
    }

    #[test]
    fn the_key_of_a_sealed_folder_and_the_password_of_redis_are_known() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            // A secret that others may read is none.
            std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
            format!("file:{}", path.display())
        };
        let digits = "0123456789abcdef".repeat(4);
        let (key, password) = (put("key", &format!("{digits}\n")), put("password", "r3dis-planted-word\n"));
        let kinds = ["episodic", "semantic", "procedural"].map(|kind| {
            format!("[{kind}]\nbackend = \"redis\"\nconnection_params = {{url = \"redis://h\", password = \"{password}\"}}\n")
        });
        put("memory.toml", &kinds.concat());
        let environment = Environment {
            seal_key: Some(key),
            memory: Some(folder.path().join("memory.toml")),
            ..Environment::default()
        };
        let redaction = Redaction::read(&environment).unwrap();
        for view in [&redaction.memory, &redaction.prompts] {
            assert_eq!(view.text("r3dis-planted-word"), "[redacted: secret]");
            assert_eq!(view.text(&format!("is {digits}.")), "is [redacted: secret].");
        }
        let neither = Redaction::read(&Environment::default()).unwrap();
        assert_eq!(neither.memory.text("r3dis-planted-word"), "r3dis-planted-word");
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let check = |text: &str, expected: &str| {
            let said = read(text).unwrap_err();
            assert!(said.contains(expected), "{said}");
        };
        check("\n[view]\n", "r:2:2: unknown field `view`");
        check("\n[view]\n", "did you mean `views`?");
        check("[views]\nbase = \"strikt\"\n", "r:2:8: ");
        check("[views]\n[memory.kinds]\nemail = \"hash\"\n", "no key for hashes was given");
        check("[[views.custom]]\nname = \"a\"\npattern = \"(\"\n", "r:1:");
        check(
            "hash_key = \"env:ICE_TEST_ONLY_NO_KEY\"\n",
            "r:1:12: the variable `ICE_TEST_ONLY_NO_KEY` is not set",
        );
        check("hash_key = \"env:PATH\"\n", "a key is 64 hexadecimal digits");
    }

    #[test]
    fn what_comes_to_be_known_is_hidden_from_views_and_memory() {
        let redaction = read("").unwrap();
        learn(&redaction.known, ["hunter2-hunter2".to_owned()]);
        assert_eq!(redaction.views.text("hunter2-hunter2"), "[redacted: secret]");
        assert_eq!(redaction.memory.text("hunter2-hunter2"), "[redacted: secret]");
    }

    #[test]
    fn words_are_no_keys() {
        assert!(!is_secret("lm-studio") && !is_secret("not-needed"));
        assert!(is_secret("sk-local-1") && is_secret("Swordfish") && is_secret("abcdefghijklmnopqrstuvwxyz"));
    }
}
