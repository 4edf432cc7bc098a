//! Blueprints from files: the one that is named and those it refers to, each within the folder of the first
//! one or a folder that was granted.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use ice_core::blueprint::{Format, MAX_TEXT_BYTES};
use ice_core::diagnostic::Diagnostics;
use ice_core::error::ErrorCode;
use ice_core::network::is_network;
use ice_core::registry::near_names;
use ice_orchestrator::control::{Assembled, Assembly, Document, DocumentKind, MAX_DOCUMENTS, Missing};

use crate::agents::{self, Place};
use crate::commands::models::split;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::file;
use crate::instead::Instead;
use crate::manifests;
use crate::render::diagnostics;
use crate::render::text::count;
use crate::screen::Screen;
use crate::shell::Shell;
use crate::toolbox::{Toolbox, kinds};

/// A blueprint or a network that was read from files.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// The documents, the one that was named first.
    pub(crate) documents: Vec<Document>,
    /// What became of them.
    pub(crate) assembled: Assembled,
    /// The name by which a person knows the file.
    pub(crate) shown: String,
}

/// Reads a blueprint or a network and everything it refers to, and checks it. `granted` are further folders in which files
/// it refers to may lie.
///
/// # Errors
/// [`Fault`] if the file itself cannot be read. What is wrong with what is in it is in the result.
pub(crate) fn load(file: &Path, granted: &[PathBuf], toolbox: &Toolbox) -> Result<Loaded, Fault> {
    let root = Root::of(file, granted);
    let mut first = Document { text: text(file)?, ..root.named(file) };
    if is_network(&first.text, first.notation.into()) {
        first.kind = DocumentKind::Network;
    }
    assemble(&root, first, Vec::new(), shown(file), toolbox)
}

/// As [`load`], of a blueprint that stands in no file, with agents that are at hand. Others are looked for in the folder
/// `agents` of the folder that the command was started in, and where the toolbox says.
///
/// # Errors
/// [`Fault`] if a folder or a file of agents cannot be read.
pub(crate) fn load_made(first: Document, agents: Vec<Document>, toolbox: &Toolbox) -> Result<Loaded, Fault> {
    let shown = first.name.clone();
    assemble(&Root::of(Path::new("-"), &[]), first, agents, shown, toolbox)
}

fn assemble(
    root: &Root,
    first: Document,
    agents: Vec<Document>,
    shown: String,
    toolbox: &Toolbox,
) -> Result<Loaded, Fault> {
    let registry = toolbox.registry()?;
    let mut assembly = Assembly::new(registry);
    let mut wanted = assembly.add(&first);
    let mut documents = vec![first];
    for agent in agents {
        assembly.add(&agent);
        documents.push(agent);
    }
    while let Some(name) = wanted.pop() {
        if assembly.has(&name) {
            continue;
        }
        match root.find(&name) {
            Ok(_) if assembly.is_full() => {
                let message = format!("a blueprint consists of at most {MAX_DOCUMENTS} files");
                assembly.miss(&name, Missing { code: ErrorCode::LimitExceeded, message, advice: None });
            }
            Ok(document) => {
                wanted.extend(assembly.add(&document));
                documents.push(document);
            }
            Err(why) => assembly.miss(&name, why),
        }
    }
    // Agents may let others work, which are looked for in turn.
    let (mut places, mut sought) = (None, BTreeSet::new());
    loop {
        let agents: BTreeSet<String> = assembly.agents().difference(&sought).cloned().collect();
        if agents.is_empty() {
            break;
        }
        let places = match &mut places {
            Some(places) => places,
            None => places.insert(root.places(toolbox)?),
        };
        for place in places {
            for document in agents::read(place, &agents)? {
                if documents.iter().any(|known| known.name == document.name && known.kind == document.kind) {
                    continue;
                }
                if assembly.is_full() {
                    let message = format!("a blueprint and its agents are at most {MAX_DOCUMENTS} files");
                    return Err(Fault::new(ErrorCode::LimitExceeded, message));
                }
                assembly.add(&document);
                documents.push(document);
            }
        }
        sought.extend(agents);
    }
    let mut assembled = assembly.check(kinds());
    for part in &mut assembled.parts {
        let name = if part.name == documents.first().map_or("", |first| first.name.as_str()) {
            shown.clone()
        } else {
            root.folder.as_ref().map_or_else(|| part.name.clone(), |folder| folder.shown(&part.name))
        };
        part.diagnostics = std::mem::take(&mut part.diagnostics).of_source(&name);
    }
    Ok(Loaded { documents, assembled, shown })
}

/// A blueprint and what it refers to, for a command that needs a valid one.
///
/// # Errors
/// [`Fault`] if it cannot be read or is not valid; what is wrong is told.
pub(crate) fn documents(shell: &Shell, file: &Path) -> Result<Vec<Document>, Fault> {
    let loaded = load(file, &[], &shell.toolbox)?;
    if loaded.assembled.checked.is_none() {
        loaded.tell(&shell.screen);
        return Err(loaded.fault());
    }
    Ok(loaded.documents)
}

impl Loaded {
    /// Puts another model into all of it, and gives what it was before: that is what a person knows, and is shown places of.
    ///
    /// # Errors
    /// [`Fault`] if the model is written wrongly, or there is no such one.
    pub(crate) fn instead(&mut self, model: &str, toolbox: &Toolbox) -> Result<Assembled, Fault> {
        let (provider, model) = split(model)?;
        self.documents = Instead { provider, model }.applied(self)?;
        let registry = toolbox.registry()?;
        if !registry.providers.contains(provider, None) {
            let near = near_names(provider, registry.providers.list().map(|provider| provider.name()));
            let near = near.first().map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
            return Err(Fault::usage(format!("there is no provider `{provider}`"))
                .help(format!("{near}`ice models list` lists them")));
        }
        let mut assembly = Assembly::new(registry);
        for document in &self.documents {
            assembly.add(document);
        }
        Ok(std::mem::replace(&mut self.assembled, assembly.check(kinds())))
    }

    /// Draws what is wrong on standard error.
    pub(crate) fn tell(&self, screen: &Screen) {
        for part in &self.assembled.parts {
            if !part.diagnostics.is_empty() {
                screen.note(diagnostics::draw(part.reading.source.text(), &part.diagnostics));
                screen.note("");
            }
        }
        for agent in &self.assembled.agents {
            if !agent.reading.diagnostics.is_empty() {
                screen.note(diagnostics::draw(agent.reading.text(), &agent.reading.diagnostics));
                screen.note("");
            }
        }
    }

    /// The failure of a command that needs a valid blueprint; what is wrong was told already. Its code is the same
    /// whatever that is, so that a script can tell this failure from others.
    pub(crate) fn fault(&self) -> Fault {
        let found = self.diagnostics();
        let errors = found.iter().flat_map(Diagnostics::errors).count();
        // Whether what is not listed are errors or warnings is not known.
        let omitted: usize = found.iter().map(Diagnostics::omitted).sum();
        let errors = count(errors as u64, "error");
        let message = match omitted {
            0 => format!("{} is not valid: {errors}", self.shown),
            _ => {
                let more = count(omitted as u64, "more problem");
                format!("{} is not valid: {errors} shown, and {more}", self.shown)
            }
        };
        Fault::new(ErrorCode::BlueprintInvalid, message).exit(Exit::Invalid).diagnostics(found)
    }

    /// What is wrong with each file, for machines.
    pub(crate) fn diagnostics(&self) -> Vec<Diagnostics> {
        self.assembled.diagnostics()
    }
}

fn shown(file: &Path) -> String {
    if file == Path::new("-") { "<stdin>".to_owned() } else { file.display().to_string() }
}

/// The text of a file, or of standard input for `-`.
fn text(file: &Path) -> Result<String, Fault> {
    let bytes = file::read(file, MAX_TEXT_BYTES as u64).map_err(|fault| {
        if fault.code != ErrorCode::FileTooLarge {
            return fault;
        }
        let most = MAX_TEXT_BYTES >> 20;
        let message = format!("{} has more than {most} MiB, the most a blueprint may have", shown(file));
        Fault::new(ErrorCode::BlueprintTooLarge, message)
            .help("is this the right file? Data belongs into inputs or files that tools read")
    })?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Fault::new(ErrorCode::BlueprintSyntax, format!("{} is not text: byte {at} is not UTF-8", shown(file)))
            .help("a blueprint is JSON or YAML, written in UTF-8")
    })
}

/// Where the files of a blueprint are looked for.
#[derive(Debug)]
struct Root {
    folder: Option<Folder>,
    granted: Vec<PathBuf>,
}

/// The folder of the first file.
#[derive(Debug)]
struct Folder {
    /// As the person wrote it.
    written: PathBuf,
    /// With every link followed.
    real: PathBuf,
}

impl Folder {
    fn shown(&self, name: &str) -> String {
        if name.starts_with('/') || self.written == Path::new(".") {
            return name.to_owned();
        }
        self.written.join(name).display().to_string()
    }
}

impl Root {
    fn of(file: &Path, granted: &[PathBuf]) -> Self {
        let written = if file == Path::new("-") {
            PathBuf::from(".")
        } else {
            match file.parent() {
                Some(parent) if parent != Path::new("") => parent.to_owned(),
                Some(_) | None => PathBuf::from("."),
            }
        };
        let folder = written.canonicalize().ok().map(|real| Folder { written, real });
        Self { folder, granted: granted.to_vec() }
    }

    /// The first document without its text.
    fn named(&self, file: &Path) -> Document {
        if file == Path::new("-") {
            return Document { name: "<stdin>".to_owned(), ..Document::new("", "") };
        }
        let name = file.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let notation = Format::of_name(&name).into();
        Document { notation, ..Document::new(name, "") }
    }

    /// Where agents are looked for: beside the first file, and where the toolbox says.
    fn places(&self, toolbox: &Toolbox) -> Result<Vec<Place>, Fault> {
        let beside = self.folder.as_ref().and_then(|folder| {
            let found = manifests::real(&folder.real.join(agents::BESIDE)).ok()?;
            let shown = PathBuf::from(folder.shown(agents::BESIDE));
            let within = std::iter::once(&folder.real).chain(&self.granted).cloned().collect();
            Some(Place { folder: found, shown, within })
        });
        let named = toolbox.agents()?.into_iter();
        let named = named.map(|folder| Place { shown: folder.clone(), folder, within: Vec::new() });
        Ok(beside.into_iter().chain(named).collect())
    }

    /// A document that another one refers to.
    fn find(&self, name: &str) -> Result<Document, Missing> {
        let missing = |code, message: String, advice: Option<&str>| Missing {
            code,
            message,
            advice: advice.map(str::to_owned),
        };
        let Some(folder) = &self.folder else {
            let message = format!("there is no folder to look for the blueprint `{name}` in");
            return Err(missing(ErrorCode::FileUnreadable, message, None));
        };
        let path = folder.real.join(name);
        let real = path.canonicalize().map_err(|error| {
            let advice = "name a registered blueprint, or a file relative to the one that refers to it";
            let message = format!("there is no blueprint `{name}`: {}", crate::fault::plain(&error));
            missing(ErrorCode::UnknownBlueprint, message, Some(advice))
        })?;
        if !real.starts_with(&folder.real) && !self.granted.iter().any(|granted| real.starts_with(granted)) {
            let message =
                format!("the blueprint `{name}` lies outside of the folder {}", folder.written.display());
            let advice = "allow its folder with `--ro PATH`";
            return Err(missing(ErrorCode::PathSecurityViolation, message, Some(advice)));
        }
        let text = text(&real).map_err(|fault| {
            missing(fault.code, format!("the blueprint `{name}` cannot be read: {}", fault.message), None)
        })?;
        Ok(Document::new(name, text))
    }
}
