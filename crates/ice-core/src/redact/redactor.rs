//! The redactor: a policy, made ready to be applied to texts and values.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use regex::RegexBuilder;
use zeroize::ZeroizeOnDrop;

use super::scanner::{Pattern, Scanner};
use super::{Action, Custom, Finding, Kind, KnownSecrets, Policy, Preset, placeholder};

/// The most patterns of a policy.
const MOST_PATTERNS: usize = 64;
/// The longest text that a pattern may match, in bytes.
const LONGEST_MATCH: usize = 1_024;

/// What makes the hashes of what is equal equal, and keeps others from trying values out.
#[derive(Clone, ZeroizeOnDrop)]
pub struct HashKey([u8; 32]);

impl HashKey {
    /// From 32 random bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for HashKey {
    /// Shows nothing of it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashKey")
    }
}

/// Puts a token in the place of a text, from which whoever holds the key gets it back: the port of the action
/// [`Action::Vault`].
pub trait Conceal: Send + Sync + fmt::Debug {
    /// The token of a text: `[<label>:v1:<base64url>]`, of at least 76 signs in its last part. The same text under the same
    /// label gives the same token.
    fn conceal(&self, label: &str, text: &str) -> String;
}

/// A policy that cannot be applied.
#[derive(Debug, thiserror::Error)]
pub enum InvalidPolicy {
    /// A custom pattern cannot be used.
    #[error("the custom pattern `{name}` {problem}")]
    Pattern {
        /// Its name.
        name: String,
        /// What is wrong with it.
        problem: String,
        /// What the reader of patterns says.
        #[source]
        source: Option<Box<regex::Error>>,
    },
    /// There are too many patterns or known secrets.
    #[error("there are too many {what}: take {most} at most")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many may be.
        most: usize,
    },
    /// `kinds` has an entry for `custom`, whose patterns say themselves what becomes of them.
    #[error("`kinds` cannot have `custom`: give each custom pattern its own `action`")]
    CustomKind,
    /// The policy hashes, and there is no key for that.
    #[error("the policy hashes, but no key for hashes was given: give one, or mask instead")]
    NoHashKey,
    /// The policy puts texts into a vault, and there is none.
    #[error("the policy uses a vault, but none was given: give one, or mask instead")]
    NoVault,
}

impl InvalidPolicy {
    /// The code of the failure.
    #[must_use]
    pub const fn code(&self) -> crate::error::ErrorCode {
        crate::error::ErrorCode::PolicyInvalid
    }
}

/// What a redactor is made of.
#[derive(Debug)]
pub struct RedactorBuilder {
    policy: Policy,
    known: Vec<String>,
    shared: Option<KnownSecrets>,
    hash: Option<HashKey>,
    vault: Option<Arc<dyn Conceal>>,
}

impl RedactorBuilder {
    /// Finds these texts as well, wherever they stand. Of fewer than 8 bytes none is found.
    #[must_use]
    pub fn known(mut self, secrets: impl IntoIterator<Item = String>) -> Self {
        self.known.extend(secrets);
        self
    }

    /// Finds what is in this set, also what is added to it later. What is [known](Self::known) besides is added to it.
    #[must_use]
    pub fn sharing(mut self, known: &KnownSecrets) -> Self {
        self.shared = Some(known.clone());
        self
    }

    /// The key for [`Action::Hash`].
    #[must_use]
    pub fn hash_key(mut self, key: HashKey) -> Self {
        self.hash = Some(key);
        self
    }

    /// What does [`Action::Vault`].
    #[must_use]
    pub fn vault(mut self, vault: Arc<dyn Conceal>) -> Self {
        self.vault = Some(vault);
        self
    }

    /// Makes the redactor. Takes a few milliseconds: make one, and share it.
    ///
    /// # Errors
    /// [`InvalidPolicy`] if a pattern cannot be used, or what the policy needs was not given.
    pub fn build(self) -> Result<Redactor, InvalidPolicy> {
        let Self { policy, known, shared, hash, vault } = self;
        if policy.kinds.contains_key(&Kind::Custom) {
            return Err(InvalidPolicy::CustomKind);
        }
        if policy.custom.len() > MOST_PATTERNS {
            return Err(InvalidPolicy::TooMany { what: "custom patterns", most: MOST_PATTERNS });
        }
        if policy.uses(Action::Hash) && hash.is_none() {
            return Err(InvalidPolicy::NoHashKey);
        }
        if policy.uses(Action::Vault) && vault.is_none() {
            return Err(InvalidPolicy::NoVault);
        }
        let patterns: Vec<Pattern> = policy.custom.iter().map(pattern).collect::<Result<_, _>>()?;
        let actions = Kind::ALL.map(|kind| policy.action(kind));
        let wants = |kind: Kind| actions.get(kind as usize) != Some(&Action::Allow);
        let shared = shared.unwrap_or_default();
        shared.add(known)?;
        let scanner = Scanner::new(wants, shared, patterns)
            .map_err(|_| InvalidPolicy::TooMany { what: "words to look for", most: 100_000 })?;
        let scanner = Arc::new(scanner);
        Ok(Redactor(Arc::new(Inner { scanner, actions, hash, vault, hashes_masks: false })))
    }
}

/// Reads a pattern of a policy's own.
fn pattern(custom: &Custom) -> Result<Pattern, InvalidPolicy> {
    let wrong = |problem: String, source: Option<regex::Error>| InvalidPolicy::Pattern {
        name: custom.name.clone(),
        problem,
        source: source.map(Box::new),
    };
    let mut signs = custom.name.bytes();
    let is_name = signs.next().is_some_and(|first| first.is_ascii_lowercase())
        && signs.all(|sign| sign.is_ascii_lowercase() || sign.is_ascii_digit() || sign == b'_')
        && custom.name.len() <= 32;
    if !is_name {
        return Err(wrong(
            "must be named by small letters, digits and `_`, at most 32, a letter first".to_owned(),
            None,
        ));
    }
    let regex = RegexBuilder::new(&custom.pattern).size_limit(1 << 20).build();
    let regex = regex.map_err(|error| wrong("cannot be read".to_owned(), Some(error)))?;
    // A match of bounded length bounds how far is read for each, so that all of them together take linear time.
    let bounds = regex_syntax::parse(&custom.pattern).ok();
    let bounds = bounds.map(|parsed| (parsed.properties().minimum_len(), parsed.properties().maximum_len()));
    match bounds {
        Some((Some(least), Some(most))) if least >= 1 && most <= LONGEST_MATCH => {}
        Some((Some(0), _)) => {
            return Err(wrong("matches the empty text: let it match a byte at least".to_owned(), None));
        }
        Some(_) | None => {
            let problem =
                format!("can match more than {LONGEST_MATCH} bytes: write `{{1,64}}` instead of `+` and `*`");
            return Err(wrong(problem, None));
        }
    }
    Ok(Pattern { name: Arc::from(custom.name.as_str()), regex, action: custom.action })
}

/// A policy, ready to be applied. Cheap to clone.
///
/// It takes time that is linear in the text, whatever the text is.
#[derive(Clone)]
pub struct Redactor(Arc<Inner>);

struct Inner {
    scanner: Arc<Scanner>,
    actions: [Action; Kind::ALL.len()],
    hash: Option<HashKey>,
    vault: Option<Arc<dyn Conceal>>,
    /// Whether a hash stands where the policy masks or drops.
    hashes_masks: bool,
}

impl Redactor {
    /// Begins with a policy.
    #[must_use]
    pub const fn builder(policy: Policy) -> RedactorBuilder {
        RedactorBuilder { policy, known: Vec::new(), shared: None, hash: None, vault: None }
    }

    /// The redactor of a preset.
    ///
    /// # Errors
    /// [`InvalidPolicy`] if its tables cannot be built, which no preset causes.
    pub fn preset(preset: Preset) -> Result<Self, InvalidPolicy> {
        Self::builder(Policy::preset(preset)).build()
    }

    /// The redactor of the preset [`Secrets`](Preset::Secrets) that finds these, too.
    #[must_use]
    pub fn secrets(known: &KnownSecrets) -> Self {
        let builder = Self::builder(Policy::preset(Preset::Secrets)).sharing(known);
        // Its tables can be built. If they could not, nothing would be seen.
        builder.build().unwrap_or_else(|_| {
            let scanner = Arc::new(Scanner::blind(known.clone()));
            let actions = [Action::Mask; Kind::ALL.len()];
            Self(Arc::new(Inner { scanner, actions, hash: None, vault: None, hashes_masks: false }))
        })
    }

    /// The same, but for hashes under this key in the place of all that is masked or dropped: for names, keys and the like, of
    /// which those that are different have to stay different.
    #[must_use]
    pub fn hashing(&self, key: HashKey) -> Self {
        let Inner { scanner, actions, vault, .. } = &*self.0;
        Self(Arc::new(Inner {
            scanner: Arc::clone(scanner),
            actions: *actions,
            hash: Some(key),
            vault: vault.clone(),
            hashes_masks: true,
        }))
    }

    /// What a text holds that the policy does not allow, in the order of the text; none overlaps another.
    #[must_use]
    pub fn findings(&self, text: &str) -> Vec<Finding<'_>> {
        self.0.scanner.scan(text)
    }

    /// Whether words before something may tell what it is.
    pub(super) fn reads_context(&self) -> bool {
        self.0.scanner.reads_context()
    }

    /// Whether whatever there is stays.
    #[must_use]
    pub fn allows_everything(&self) -> bool {
        self.0.scanner.finds_nothing()
    }

    /// Whether anything is found among numbers.
    pub(super) fn reads_numbers(&self) -> bool {
        self.0.scanner.reads_numbers()
    }

    /// How many bytes at the end of a text may be the begin of a known secret.
    pub(super) fn begun(&self, text: &str) -> usize {
        self.0.scanner.begun(text)
    }

    /// The text as the policy lets it be seen. What was redacted before stays as it is.
    #[must_use]
    pub fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.replaced(text, &self.findings(text), 0)
    }

    /// What may stand in the place of a text that is somewhere in what was redacted, as far as it tells of the text: hashes and tokens.
    /// What is masked or dropped leaves nothing to find it by.
    ///
    /// ```
    /// use ice_core::redact::{Action, HashKey, Kind, Policy, Preset, Redactor};
    ///
    /// let policy = Policy::preset(Preset::Strict).with(Kind::Email, Action::Hash);
    /// let redactor = Redactor::builder(policy).hash_key(HashKey::new([7; 32])).build().unwrap();
    /// let kept = redactor.text("From ada@example.org");
    /// assert!(redactor.traces("Ada@example.org").iter().any(|trace| kept.contains(trace)));
    /// let masks = Redactor::preset(Preset::Strict).unwrap();
    /// assert!(masks.traces("ada@example.org").is_empty(), "a mask is the same for all");
    /// ```
    #[must_use]
    pub fn traces(&self, text: &str) -> Vec<String> {
        let trace = |finding: &Finding<'_>| {
            let part = text.get(finding.range.clone()).unwrap_or_default();
            let trace = self.instead(finding, part);
            (!trace.is_empty() && trace != placeholder::masked(finding.label)).then_some(trace)
        };
        let findings = self.findings(text);
        let mut traces = Vec::new();
        if !findings.is_empty() && findings.iter().all(|finding| trace(finding).is_some()) {
            traces.push(self.replaced(text, &findings, 0).into_owned());
        }
        // Beside other words it may have been taken for something.
        let kinds = Kind::ALL.into_iter().filter(|kind| *kind != Kind::Custom);
        let whole = |kind: Kind| Finding { kind, label: kind.as_str(), range: 0..text.len() };
        traces.extend(kinds.filter_map(|kind| trace(&whole(kind))));
        traces.sort_unstable();
        traces.dedup();
        traces
    }

    /// The rest of a text from a place on, with what stands instead of findings.
    pub(super) fn replaced<'t>(&self, text: &'t str, findings: &[Finding<'_>], from: usize) -> Cow<'t, str> {
        let mut findings = findings.iter().filter(|finding| finding.range.end > from).peekable();
        let part = |range: std::ops::Range<usize>| text.get(range).unwrap_or("");
        if findings.peek().is_none() {
            return Cow::Borrowed(part(from..text.len()));
        }
        let mut clean = String::with_capacity(text.len());
        let mut at = from;
        for finding in findings {
            let start = finding.range.start.max(from);
            clean.push_str(part(at..start));
            clean.push_str(&self.instead(finding, part(start..finding.range.end)));
            at = finding.range.end;
        }
        clean.push_str(part(at..text.len()));
        Cow::Owned(clean)
    }

    /// What stands in the place of a finding.
    pub(super) fn instead(&self, finding: &Finding<'_>, text: &str) -> String {
        let label = finding.label;
        let action = if finding.kind == Kind::Custom {
            self.0.scanner.pattern(label).map(|pattern| pattern.action)
        } else {
            self.0.actions.get(finding.kind as usize).copied()
        };
        let action = match action.unwrap_or(Action::Mask) {
            Action::Mask | Action::Drop if self.0.hashes_masks => Action::Hash,
            action @ (Action::Mask | Action::Drop | Action::Hash | Action::Vault | Action::Allow) => action,
        };
        match (action, &self.0.hash, &self.0.vault) {
            (Action::Drop, ..) => String::new(),
            (Action::Hash, Some(key), _) => {
                let mut hasher = blake3::Hasher::new_keyed(&key.0);
                hasher.update(finding.kind.as_str().as_bytes()).update(&[0]);
                hasher.update(same(finding.kind, text).as_bytes());
                placeholder::hashed(label, &hasher.finalize())
            }
            (Action::Vault, _, Some(vault)) => vault.conceal(label, text),
            // Without a key or a vault no redactor is built that needs one.
            (Action::Mask | Action::Allow | Action::Hash | Action::Vault, ..) => placeholder::masked(label),
        }
    }
}

/// A text such that different ways to write the same thing are equal: an address in small letters, a number without what groups it.
fn same(kind: Kind, text: &str) -> Cow<'_, str> {
    match kind {
        Kind::Email => Cow::Owned(text.to_lowercase()),
        Kind::Iban | Kind::Card | Kind::NationalId | Kind::Phone => {
            let signs = text.chars().filter(|sign| sign.is_ascii_alphanumeric() || *sign == '+');
            Cow::Owned(signs.map(|sign| sign.to_ascii_uppercase()).collect())
        }
        Kind::Secret
        | Kind::PrivateKey
        | Kind::Jwt
        | Kind::ApiKey
        | Kind::Custom
        | Kind::UrlCredentials
        | Kind::Password
        | Kind::Ip
        | Kind::BirthDate
        | Kind::Address
        | Kind::Name => Cow::Borrowed(text),
    }
}

impl fmt::Debug for Redactor {
    /// Says how many secrets it knows, and none of them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redactor").field("known", &self.0.scanner.known()).finish_non_exhaustive()
    }
}
