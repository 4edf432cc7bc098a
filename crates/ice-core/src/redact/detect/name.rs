//! Names of people, by the words before them.

use std::ops::Range;

use crate::redact::text::Text;

/// What a word before a name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::redact) enum Cue {
    /// `Mr`: the name follows.
    Title,
    /// `Dear`: the name follows, or words such as `team`.
    Greeting,
    /// `my name is`.
    Said,
    /// `first_name`: a sign, then a name of one word or more.
    Field,
    /// `name`, `author`: a sign, then a name of two words or more.
    Loose,
    /// `customer`: a name of two words or more follows, perhaps behind a sign.
    Role,
    /// `Regards`: the name stands alone on the next line.
    Closing,
}

/// Words that come before names, written small.
#[rustfmt::skip]
pub(in crate::redact) const CUES: &[(&str, Cue)] = {
    use Cue::{Closing, Field, Greeting, Loose, Role, Said, Title};
    &[
        ("mr", Title), ("mrs", Title), ("ms", Title), ("miss", Title), ("dr", Title), ("prof", Title), ("professor", Title), ("herr", Title),
        ("herrn", Title), ("frau", Title), ("monsieur", Title), ("madame", Title), ("mme", Title), ("mlle", Title), ("señor", Title),
        ("señora", Title), ("sr", Title), ("sra", Title), ("signor", Title), ("signora", Title), ("sig", Title), ("dott", Title),
        ("senhor", Title), ("senhora", Title), ("meneer", Title), ("mevrouw", Title), ("pan", Title), ("pani", Title), ("fru", Title),
        ("don", Title), ("doña", Title),
        ("dear", Greeting), ("hello", Greeting), ("hi", Greeting), ("hey", Greeting), ("liebe", Greeting), ("lieber", Greeting),
        ("hallo", Greeting), ("cher", Greeting), ("chère", Greeting), ("bonjour", Greeting), ("estimado", Greeting), ("estimada", Greeting),
        ("querido", Greeting), ("querida", Greeting), ("hola", Greeting), ("caro", Greeting), ("cara", Greeting), ("gentile", Greeting),
        ("ciao", Greeting), ("prezado", Greeting), ("prezada", Greeting), ("olá", Greeting), ("beste", Greeting), ("hej", Greeting),
        ("my name is", Said), ("his name is", Said), ("her name is", Said), ("name was", Said), ("i am called", Said), ("mein name ist", Said),
        ("ich heiße", Said), ("je m'appelle", Said), ("il s'appelle", Said), ("elle s'appelle", Said), ("me llamo", Said), ("se llama", Said),
        ("mi nombre es", Said), ("mi chiamo", Said), ("si chiama", Said), ("meu nome é", Said), ("me chamo", Said), ("ik heet", Said),
        ("mijn naam is", Said), ("nazywam się", Said), ("jag heter", Said), ("name ist", Said), ("speaking with", Role), ("spoke with", Role),
        ("spoke to", Role), ("this is", Role), ("signed", Role),
        ("first name", Field), ("first_name", Field), ("firstname", Field), ("last name", Field), ("last_name", Field), ("lastname", Field),
        ("full name", Field), ("full_name", Field), ("fullname", Field), ("given name", Field), ("given_name", Field), ("family name", Field),
        ("family_name", Field), ("surname", Field), ("maiden name", Field), ("middle name", Field), ("customer name", Field),
        ("customer_name", Field), ("customername", Field), ("patient name", Field), ("patient_name", Field), ("contact name", Field),
        ("contact_name", Field), ("employee name", Field), ("employee_name", Field), ("cardholder", Field), ("cardholder name", Field),
        ("account holder", Field), ("account_holder", Field), ("vorname", Field), ("nachname", Field), ("prénom", Field),
        ("nom de famille", Field), ("nombre completo", Field), ("apellido", Field), ("apellidos", Field), ("cognome", Field),
        ("achternaam", Field), ("voornaam", Field), ("imię", Field), ("nazwisko", Field), ("förnamn", Field), ("efternamn", Field),
        ("kontoinhaber", Field), ("nome completo", Field), ("sobrenome", Field), ("display_name", Loose),
        ("name", Loose), ("nom", Loose), ("nombre", Loose), ("nome", Loose), ("naam", Loose), ("author", Loose), ("attn", Loose),
        ("signed by", Role), ("assigned to", Role), ("requested by", Role), ("reported by", Role), ("written by", Role), ("approved by", Role),
        ("prepared by", Role), ("sent by", Role), ("passenger", Role), ("guest", Role), ("recipient", Role), ("sender", Role),
        ("patient", Role), ("customer", Role), ("client", Role), ("employee", Role), ("colleague", Role), ("tenant", Role), ("contact", Role),
        ("witness", Role), ("beneficiary", Role), ("applicant", Role), ("candidate", Role), ("manager", Role), ("kunde", Role),
        ("kundin", Role), ("mitarbeiter", Role), ("mitarbeiterin", Role), ("patientin", Role), ("mieter", Role), ("mieterin", Role),
        ("ansprechpartner", Role), ("ansprechpartnerin", Role), ("empfänger", Role), ("cliente", Role), ("paciente", Role), ("paziente", Role),
        ("empleado", Role), ("empleada", Role), ("destinatario", Role), ("salarié", Role), ("salariée", Role), ("cliente", Role),
        ("klant", Role), ("medewerker", Role), ("klient", Role), ("kund", Role), ("bénéficiaire", Role),
        ("regards", Closing), ("sincerely", Closing), ("yours truly", Closing), ("best wishes", Closing), ("cheers", Closing),
        ("thanks", Closing), ("many thanks", Closing), ("grüßen", Closing), ("grüße", Closing), ("cordialement", Closing),
        ("saludos", Closing), ("saluti", Closing), ("atenciosamente", Closing), ("groeten", Closing), ("groet", Closing),
        ("hälsningar", Closing), ("pozdrawiam", Closing), ("atentamente", Closing),
    ]
};

/// Words that begin as names do, and are none.
#[rustfmt::skip]
const NOT_NAMES: &[&str] = &[
    "sir", "madam", "sirs", "customer", "customers", "team", "all", "everyone", "everybody", "world", "there", "friend", "friends", "folks",
    "colleague", "colleagues", "user", "users", "client", "clients", "support", "service", "services", "guest", "member", "members", "hiring",
    "manager", "damen", "herren", "herr", "frau", "kunde", "kundin", "kunden", "kolleginnen", "kollegen", "team", "monsieur", "madame",
    "messieurs", "mesdames", "client", "cliente", "clientes", "señor", "señora", "señores", "signor", "signora", "signori", "dr", "prof",
    "mr", "mrs", "ms", "miss", "senhor", "senhora", "the", "this", "that", "these", "those", "we", "our", "your", "you", "it", "its", "he",
    "she", "they", "in", "on", "at", "as", "if", "is", "a", "an", "and", "or", "but", "to", "for", "from", "not", "no", "yes", "please",
    "thank", "thanks", "when", "what", "who", "why", "how", "where", "which", "inc", "ltd", "llc", "corp", "gmbh", "ag", "group", "company",
    "bank", "university", "department", "institute", "office", "server", "system", "report", "project", "product", "policy", "relationship",
    "relations", "success", "experience", "satisfaction", "data", "database", "file", "files", "builder", "agent", "tool", "model", "node",
    "order", "invoice", "ticket", "account", "number", "id", "name", "names", "date", "monday", "tuesday", "wednesday", "thursday", "friday",
    "saturday", "sunday", "january", "february", "march", "april", "june", "july", "august", "september", "october", "november", "december",
    "street", "road", "avenue", "center", "centre", "north", "south", "east", "west", "new", "general", "public", "private", "central",
    "management", "portal", "api", "app", "web", "cloud", "digital", "software", "hardware", "network", "security", "engineering", "sales",
    "marketing", "finance", "human", "resources", "payment", "unknown", "none", "null", "undefined", "anonymous", "admin", "test", "default",
    "example", "required", "optional", "visit", "visits", "records", "care", "plan", "list", "type", "form", "page", "error", "quarterly",
    "annual", "monthly", "weekly", "daily", "summary", "sehr", "geehrte", "geehrter", "ihr", "ihre", "der", "die", "das", "ein", "eine",
    "el", "los", "las", "il", "lo", "le", "les", "und", "et", "y", "e", "merci", "gracias", "danke", "grazie",
];

/// Small words within names.
const PARTICLES: &[&str] = &[
    "de", "da", "di", "do", "dos", "das", "du", "del", "della", "des", "la", "le", "van", "von", "der",
    "den", "ter", "ten", "zu", "zur", "bin", "al", "el", "y", "af", "av", "ó",
];

/// Those with which no name begins.
const NOT_FIRST: &[&str] = &["der", "den", "das", "la", "le", "y", "zur", "do", "dos", "des"];

/// The name behind a cue that stands at this range.
pub(in crate::redact) fn find(text: Text<'_>, cue: Range<usize>, what: Cue) -> Option<Range<usize>> {
    let end = cue.end;
    if text.at(end).is_ascii_alphanumeric()
        || text.at(end) == b'_'
        || text.at(end) >= 0x80 && !text.after(end, 2).starts_with('\u{a0}')
    {
        return None;
    }
    let is_written_large = text.at(cue.start).is_ascii_uppercase();
    match what {
        Cue::Title => {
            let place = end + usize::from(text.at(end) == b'.');
            let name = at_least(text, space(text, place)?, 3, 1)?;
            let is_clear = end - cue.start > 5;
            (is_written_large || is_clear).then_some(name)
        }
        Cue::Greeting => {
            let name = at_least(text, space(text, end)?, 3, 1)?;
            // The greeting ends there, or the line does.
            let closed = matches!(text.at(name.end), b',' | b'!' | b'.' | b':' | b'\n' | b';' | b'\r' | 0);
            let dash = text.after(name.end, 5).trim_start().starts_with(['-', '–', '—']);
            (is_written_large && (closed || dash)).then_some(name)
        }
        Cue::Said => at_least(text, space(text, end)?, 4, 1),
        Cue::Field => field(text, end, 1),
        Cue::Loose => field(text, end, 2),
        Cue::Role => match space(text, end) {
            Some(place) => at_least(text, place, 4, 2).or_else(|| field(text, end, 2)),
            None => field(text, end, 2),
        },
        Cue::Closing => {
            let place = text.run(end, 2, |byte| matches!(byte, b',' | b'.' | b'!'));
            let line = text.run(place, 4, |byte| matches!(byte, b' ' | b'\r' | b'\n'));
            let name = at_least(text, line, 3, 1)?;
            let alone = matches!(text.at(name.end), b'\n' | b'\r' | 0 | b'.' | b',');
            (alone && text.slice(place..line).contains('\n')).then_some(name)
        }
    }
}

/// The place behind one space.
fn space(text: Text<'_>, at: usize) -> Option<usize> {
    match (text.at(at), text.at(at + 1)) {
        (b' ', _) => Some(at + 1),
        (0xc2, 0xa0) => Some(at + 2),
        _ => None,
    }
}

/// The name behind the sign that follows on a field: `: `, `=`, `": "`.
fn field(text: Text<'_>, at: usize, least: usize) -> Option<Range<usize>> {
    let place = text.run(at, 3, |byte| matches!(byte, b'"' | b'\'' | b'\\' | b'*' | b')'));
    let place = text.run(place, 2, |byte| byte == b' ');
    let sign = text.run(place, 2, |byte| matches!(byte, b':' | b'='));
    if sign == place {
        return None;
    }
    let value = text.run(sign, 4, |byte| matches!(byte, b' ' | b'"' | b'\'' | b'\\' | b'*'));
    let first = at_least(text, value, 4, 1)?;
    // `Lovelace, Ada`.
    let whole = (text.slice(first.end..first.end + 2) == ", ")
        .then(|| at_least(text, first.end + 2, 3, 1))
        .flatten()
        .map_or_else(|| first.clone(), |second| first.start..second.end);
    let has_enough = least == 1 || whole.end > first.end || at_least(text, value, 4, least).is_some();
    has_enough.then_some(whole)
}

/// A name of at least so many words that begins at a place.
fn at_least(text: Text<'_>, at: usize, most: usize, least: usize) -> Option<Range<usize>> {
    let (mut place, mut end, mut words) = (at, at, 0);
    for _ in 0..most * 2 {
        let Some((next, word)) = word(text, place) else { break };
        match word {
            Word::Name if words == most => break,
            Word::Name => (end, words) = (next, words + 1),
            Word::Initial => {
                if words > 0 || space(text, next).is_some() {
                    end = next;
                }
            }
            // `der Ringe` is no name, `van der Berg` is.
            Word::Particle if words == 0 && place == at && NOT_FIRST.contains(&text.slice(place..next)) => {
                return None;
            }
            Word::Particle => {}
            Word::None => return None,
        }
        let Some(behind) = space(text, next) else { break };
        place = behind;
    }
    (words >= least).then_some(at..end)
}

/// What a word may be in a name.
enum Word {
    /// A name.
    Name,
    /// A letter and a full stop.
    Initial,
    /// Such as `van`.
    Particle,
    /// A word that says that this is no name at all.
    None,
}

/// The word at a place, if it may be one of a name, and where it ends.
fn word(text: Text<'_>, at: usize) -> Option<(usize, Word)> {
    let near = text.after(at, 64);
    let is_inner = |sign: char| sign.is_alphabetic() || matches!(sign, '-' | '\'' | '’');
    let length = near.find(|sign| !is_inner(sign)).unwrap_or(near.len());
    let found = near.get(..length)?;
    let found = found
        .strip_suffix("'s")
        .or_else(|| found.strip_suffix("’s"))
        .unwrap_or(found)
        .trim_end_matches(['-', '\'', '’']);
    let end = at + found.len();
    let mut signs = found.chars();
    let first = signs.next()?;
    if PARTICLES.contains(&found) {
        return Some((end, Word::Particle));
    }
    if !first.is_uppercase() {
        return None;
    }
    let count = found.chars().count();
    if count == 1 {
        return Some((end + usize::from(text.at(end) == b'.'), Word::Initial))
            .filter(|_| text.at(end) == b'.' || text.at(end) == b' ');
    }
    let is_name = signs.any(char::is_lowercase) && count <= 30;
    // A digit or `_` behind makes it something else, and so does a dot within: `Main.java`.
    let behind = text.at(end);
    let goes_on = behind.is_ascii_digit()
        || matches!(behind, b'_' | b'@' | b'/' | b'(')
        || (behind == b'.' && text.at(end + 1).is_ascii_alphanumeric());
    if !is_name || goes_on {
        return None;
    }
    let is_other = NOT_NAMES.contains(&found.to_lowercase().as_str());
    Some((end, if is_other { Word::None } else { Word::Name }))
}
