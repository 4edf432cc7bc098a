//! What is known of each id that has digits alone.

use super::check;
use crate::redact::detect::number::{Between, Candidate};

/// A way in which an id is written.
#[derive(Debug)]
pub(super) struct Form {
    /// The lengths of its groups.
    pub(super) lengths: &'static [usize],
    /// What stands between them: one for all, or each.
    pub(super) between: &'static [Between],
    /// Whether it needs no word before that says what it is.
    pub(super) alone: bool,
}

/// An id.
#[derive(Debug)]
pub(super) struct Id {
    pub(super) label: &'static str,
    pub(super) forms: &'static [Form],
    pub(super) check: fn(Candidate<'_>) -> bool,
    /// What says what it is, written small.
    pub(super) words: &'static [&'static str],
}

/// A form that says enough by itself.
const fn alone(lengths: &'static [usize], between: &'static [Between]) -> Form {
    Form { lengths, between, alone: true }
}

/// A form of which one in ten or more numbers would be an id: it needs a word.
const fn said(lengths: &'static [usize], between: &'static [Between]) -> Form {
    Form { lengths, between, alone: false }
}

const DASH: &[Between] = &[Between::Dash];
const DOT: &[Between] = &[Between::Dot];
const SPACE: &[Between] = &[Between::Space];
const PLUS: &[Between] = &[Between::Plus];
const NONE: &[Between] = &[];

/// Every id.
pub(super) const IDS: &[Id] = &[
    Id {
        label: "us_ssn",
        forms: &[alone(&[3, 2, 4], DASH), said(&[3, 2, 4], SPACE), said(&[9], NONE)],
        check: check::us_ssn,
        words: &["ssn", "social security", "social", "tax id", "taxpayer"],
    },
    Id {
        label: "uk_nhs_number",
        forms: &[said(&[3, 3, 4], SPACE), said(&[3, 3, 4], DASH), said(&[10], NONE)],
        check: check::uk_nhs,
        words: &["nhs"],
    },
    Id {
        label: "de_tax_id",
        forms: &[alone(&[2, 3, 3, 3], SPACE), said(&[11], NONE)],
        check: check::de_tax_id,
        words: &[
            "steuer",
            "steuer-id",
            "steuerid",
            "steuer-idnr",
            "steueridentifikationsnummer",
            "idnr",
            "identifikationsnummer",
            "tin",
            "tax id",
            "steuernummer",
        ],
    },
    Id {
        label: "fr_social_security",
        forms: &[alone(&[1, 2, 2, 2, 3, 3, 2], SPACE), alone(&[13, 2], SPACE), alone(&[15], NONE)],
        check: check::fr_social_security,
        words: &["nir", "sécurité sociale", "sécu", "insee"],
    },
    Id {
        label: "nl_bsn",
        forms: &[said(&[9], NONE), said(&[4, 2, 3], DOT), said(&[3, 3, 3], SPACE), said(&[3, 3, 3], DOT)],
        check: check::nl_bsn,
        words: &["bsn", "burgerservicenummer", "sofinummer", "sofi", "bsn-nummer"],
    },
    Id { label: "pl_pesel", forms: &[alone(&[11], NONE)], check: check::pl_pesel, words: &["pesel"] },
    Id {
        label: "se_personnummer",
        forms: &[
            alone(&[6, 4], DASH),
            alone(&[6, 4], PLUS),
            alone(&[8, 4], DASH),
            alone(&[8, 4], PLUS),
            alone(&[12], NONE),
            said(&[10], NONE),
        ],
        check: check::se_personnummer,
        words: &["personnummer", "personnr", "pnr", "samordningsnummer"],
    },
    Id {
        label: "br_cpf",
        forms: &[alone(&[3, 3, 3, 2], &[Between::Dot, Between::Dot, Between::Dash]), said(&[11], NONE)],
        check: check::br_cpf,
        words: &["cpf", "cadastro"],
    },
    Id {
        label: "in_aadhaar",
        forms: &[alone(&[4, 4, 4], SPACE), said(&[4, 4, 4], DASH), said(&[12], NONE)],
        check: check::in_aadhaar,
        words: &["aadhaar", "aadhar", "uidai", "uid", "आधार"],
    },
    Id {
        label: "cn_resident_id",
        forms: &[alone(&[18], NONE)],
        check: check::cn_resident_id,
        words: &["resident id", "身份证", "身份证号"],
    },
    Id {
        label: "be_national_number",
        forms: &[
            alone(&[2, 2, 2, 3, 2], &[Between::Dot, Between::Dot, Between::Dash, Between::Dot]),
            alone(&[11], NONE),
        ],
        check: check::be_national_number,
        words: &["rijksregisternummer", "registre national", "rrn", "niss", "insz"],
    },
    Id {
        label: "no_national_id",
        forms: &[alone(&[6, 5], SPACE), alone(&[11], NONE)],
        check: check::no_national_id,
        words: &["fødselsnummer", "fodselsnummer", "fnr", "personnummer"],
    },
    Id {
        label: "ch_ahv",
        forms: &[alone(&[3, 4, 4, 2], DOT), alone(&[13], NONE)],
        check: check::ch_ahv,
        words: &["ahv", "ahv-nummer", "avs"],
    },
    Id {
        label: "tr_identity_number",
        forms: &[said(&[11], NONE)],
        check: check::tr_identity_number,
        words: &["tckn", "t.c.", "kimlik", "tc kimlik", "tc"],
    },
    Id {
        label: "kr_resident_number",
        forms: &[alone(&[6, 7], DASH)],
        check: check::kr_resident_number,
        words: &["주민등록번호", "rrn"],
    },
    Id {
        label: "za_id",
        forms: &[alone(&[13], NONE)],
        check: check::za_id,
        words: &["id number", "south african id", "rsa id", "sa id"],
    },
    Id {
        label: "ca_sin",
        forms: &[said(&[3, 3, 3], SPACE), said(&[3, 3, 3], DASH), said(&[9], NONE)],
        check: check::ca_sin,
        words: &["sin", "social insurance", "nas", "assurance sociale"],
    },
    Id {
        label: "au_tfn",
        forms: &[said(&[3, 3, 3], SPACE), said(&[9], NONE)],
        check: check::au_tfn,
        words: &["tfn", "tax file"],
    },
    Id {
        label: "pt_nif",
        forms: &[said(&[9], NONE), said(&[3, 3, 3], SPACE)],
        check: check::pt_nif,
        words: &["nif", "contribuinte"],
    },
];
