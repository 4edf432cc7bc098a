//! The checks of ids, each as those who issue it define it.

use crate::redact::detect::card::luhn;
use crate::redact::detect::number::Candidate;

/// The sum of digits, each times its weight.
fn weighted(id: Candidate<'_>, weights: &[u32]) -> u32 {
    weights.iter().enumerate().map(|(place, weight)| id.digit(place) * weight).sum()
}

/// Whether a month has such a day.
const fn is_day(month: u64, day: u64) -> bool {
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => day >= 1 && day <= 31,
        4 | 6 | 9 | 11 => day >= 1 && day <= 30,
        2 => day >= 1 && day <= 29,
        _ => false,
    }
}

/// Social Security Administration: no area 000, 666 or from 900 on, no group 00, no serial 0000.
pub(super) fn us_ssn(id: Candidate<'_>) -> bool {
    let area = id.number(0..3);
    area != 0 && area != 666 && area < 900 && id.number(3..5) != 0 && id.number(5..9) != 0 && !id.is_uniform()
}

/// NHS Data Dictionary: weights from 10 to 2, mod 11.
pub(super) fn uk_nhs(id: Candidate<'_>) -> bool {
    let check = 11 - weighted(id, &[10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    check % 11 == id.digit(9) && check != 10 && !id.is_uniform()
}

/// § 139b AO: of the first ten digits one stands twice or three times and each other one once at most; ISO 7064, mod 11,10.
pub(super) fn de_tax_id(id: Candidate<'_>) -> bool {
    let times = |digit: u8| id.digits.iter().take(10).filter(|found| **found == digit).count();
    let repeated: Vec<usize> = (0..=9).map(times).filter(|times| *times > 1).collect();
    let product = (0..10).fold(10, |product, place| match (product + id.digit(place)) % 10 {
        0 => 20 % 11,
        sum => sum * 2 % 11,
    });
    let has_repetition = matches!(repeated.as_slice(), [2 | 3]);
    id.digit(0) != 0 && has_repetition && (11 - product) % 10 == id.digit(10)
}

/// INSEE: sex, month and the key, 97 less the remainder of the rest.
pub(super) fn fr_social_security(id: Candidate<'_>) -> bool {
    let month = id.number(3..5);
    let is_month = matches!(month, 1..=12 | 20..=42 | 50..=99);
    matches!(id.digit(0), 1..=4 | 7 | 8) && is_month && 97 - id.number(0..13) % 97 == id.number(13..15)
}

/// Belastingdienst: weights from 9 to 2 and -1, mod 11.
pub(super) fn nl_bsn(id: Candidate<'_>) -> bool {
    let sum = weighted(id, &[9, 8, 7, 6, 5, 4, 3, 2]);
    sum > 0 && (sum + 11 - id.digit(8)).is_multiple_of(11) && !id.is_uniform()
}

/// The date, whose month says the century, and weights of 1, 3, 7 and 9, mod 10.
pub(super) fn pl_pesel(id: Candidate<'_>) -> bool {
    let sum = weighted(id, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1]);
    is_day(id.number(2..4) % 20, id.number(4..6)) && sum.is_multiple_of(10) && !id.is_uniform()
}

/// Skatteverket: the date, whose day is 60 more for those who only stay for some time, and Luhn over the last ten digits.
pub(super) fn se_personnummer(id: Candidate<'_>) -> bool {
    let century = id.digits.len().saturating_sub(10);
    let is_century = century == 0 || matches!(id.number(0..2), 18..=20);
    let (month, day) = (id.number(century + 2..century + 4), id.number(century + 4..century + 6));
    is_century
        && (is_day(month, day) || (day > 60 && is_day(month, day - 60)))
        && luhn(id.digits.get(century..).unwrap_or(&[]))
}

/// Receita Federal: two check digits, mod 11.
pub(super) fn br_cpf(id: Candidate<'_>) -> bool {
    let check = |sum: u32| if sum % 11 < 2 { 0 } else { 11 - sum % 11 };
    check(weighted(id, &[10, 9, 8, 7, 6, 5, 4, 3, 2])) == id.digit(9)
        && check(weighted(id, &[11, 10, 9, 8, 7, 6, 5, 4, 3, 2])) == id.digit(10)
        && !id.is_uniform()
}

/// UIDAI: the first digit is from 2 to 9; the check of Verhoeff.
pub(super) fn in_aadhaar(id: Candidate<'_>) -> bool {
    id.digit(0) >= 2 && verhoeff(id.digits) && !id.is_uniform()
}

/// The check of Verhoeff (1969): the digits, permuted by their place, multiply to 0 in the dihedral group of order ten.
fn verhoeff(digits: &[u8]) -> bool {
    const PERMUTED: [[u32; 10]; 8] = [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        [1, 5, 7, 6, 2, 8, 3, 0, 9, 4],
        [5, 8, 0, 3, 7, 9, 6, 1, 4, 2],
        [8, 9, 1, 6, 0, 4, 3, 5, 2, 7],
        [9, 4, 5, 3, 1, 2, 6, 8, 7, 0],
        [4, 2, 8, 6, 5, 7, 3, 9, 0, 1],
        [2, 7, 9, 3, 8, 0, 6, 4, 1, 5],
        [7, 0, 4, 6, 9, 1, 3, 2, 5, 8],
    ];
    // Rotations are below 5, reflections from 5 on.
    let multiply = |a: u32, b: u32| match (a < 5, b < 5) {
        (true, true) => (a + b) % 5,
        (true, false) => (a + b - 5) % 5 + 5,
        (false, true) => (a - 5 + 5 - b) % 5 + 5,
        (false, false) => (a + 5 - b) % 5,
    };
    let permuted = PERMUTED.iter().cycle();
    let product = digits.iter().rev().zip(permuted).fold(0, |product, (digit, row)| {
        multiply(product, row.get(usize::from(*digit)).copied().unwrap_or(0))
    });
    product == 0
}

/// GB 11643: the province, the date and ISO 7064, mod 11-2.
pub(super) fn cn_resident_id(id: Candidate<'_>) -> bool {
    cn_resident(id, id.digit(17))
}

/// The same where the check digit stands apart; it is 10 for an `X`.
pub(super) fn cn_resident(id: Candidate<'_>, check: u32) -> bool {
    let sum = weighted(id, &[7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]);
    matches!(id.number(0..2), 11..=82)
        && matches!(id.number(6..8), 18..=20)
        && is_day(id.number(10..12), id.number(12..14))
        && (12 - sum % 11) % 11 == check
}

/// The date, and 97 less the remainder of the rest, with a 2 before it for those born from 2000 on.
pub(super) fn be_national_number(id: Candidate<'_>) -> bool {
    let (rest, key) = (id.number(0..9), id.number(9..11));
    let is_key = 97 - rest % 97 == key || 97 - (2_000_000_000 + rest) % 97 == key;
    is_key && is_day(id.number(2..4), id.number(4..6)) && id.number(6..9) != 0
}

/// Skatteetaten: the date and two check digits, mod 11.
pub(super) fn no_national_id(id: Candidate<'_>) -> bool {
    let day = id.number(0..2);
    // Numbers for those who only stay for some time have 40 more in the day.
    let day = if day > 40 { day - 40 } else { day };
    is_day(id.number(2..4), day)
        && weighted(id, &[3, 7, 6, 1, 8, 9, 4, 5, 2, 1]).is_multiple_of(11)
        && weighted(id, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11)
}

/// The country 756 and the check digit of EAN-13.
pub(super) fn ch_ahv(id: Candidate<'_>) -> bool {
    let sum = weighted(id, &[1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1]);
    id.number(0..3) == 756 && sum.is_multiple_of(10)
}

/// Nüfus ve Vatandaşlık İşleri: two check digits.
pub(super) fn tr_identity_number(id: Candidate<'_>) -> bool {
    let odd = weighted(id, &[1, 0, 1, 0, 1, 0, 1, 0, 1]);
    let even = weighted(id, &[0, 1, 0, 1, 0, 1, 0, 1]);
    let first = (odd * 7 + 90 - even) % 10;
    id.digit(0) != 0 && first == id.digit(9) && (odd + even + first) % 10 == id.digit(10)
}

/// The date, the century by the seventh digit, and weights, mod 11. Numbers given out since October 2020 have no check digit and
/// are not found by it.
pub(super) fn kr_resident_number(id: Candidate<'_>) -> bool {
    let sum = weighted(id, &[2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5]);
    is_day(id.number(2..4), id.number(4..6)) && id.digit(6) <= 8 && (11 - sum % 11) % 10 == id.digit(12)
}

/// Department of Home Affairs: the date, whether a citizen, and Luhn.
pub(super) fn za_id(id: Candidate<'_>) -> bool {
    is_day(id.number(2..4), id.number(4..6)) && id.digit(10) <= 2 && id.digit(11) >= 8 && luhn(id.digits)
}

/// Service Canada: Luhn; none begins with 8.
pub(super) fn ca_sin(id: Candidate<'_>) -> bool {
    !matches!(id.digit(0), 0 | 8) && luhn(id.digits)
}

/// Australian Taxation Office: weights, mod 11.
pub(super) fn au_tfn(id: Candidate<'_>) -> bool {
    weighted(id, &[1, 4, 3, 7, 5, 8, 6, 9, 10]).is_multiple_of(11) && !id.is_uniform()
}

/// Autoridade Tributária: weights from 9 to 2, mod 11.
pub(super) fn pt_nif(id: Candidate<'_>) -> bool {
    let remainder = weighted(id, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    let check = if remainder < 2 { 0 } else { 11 - remainder };
    matches!(id.digit(0), 1..=3 | 5 | 6 | 8 | 9) && check == id.digit(8)
}

/// The letter of a Spanish id: the number mod 23 in a table of letters.
pub(super) fn es_letter(number: u64, letter: u8) -> bool {
    let table = b"TRWAGMYFPDXBNJZSQVHLCKE";
    usize::try_from(number % 23).ok().and_then(|place| table.get(place)) == Some(&letter.to_ascii_uppercase())
}

/// The check letter of a codice fiscale: what each of the 15 letters and digits before it counts, at odd and at even places, mod 26.
pub(super) fn it_letter(code: &[u8], letter: u8) -> bool {
    const ODD: [u32; 26] =
        [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];
    let place = |byte: u8| match byte.to_ascii_uppercase() {
        digit @ b'0'..=b'9' => u32::from(digit - b'0'),
        letter => u32::from(letter.saturating_sub(b'A')),
    };
    let value = |(at, byte): (usize, &u8)| match at % 2 {
        0 => usize::try_from(place(*byte)).ok().and_then(|place| ODD.get(place)).copied().unwrap_or(0),
        _ => place(*byte),
    };
    code.iter().enumerate().map(value).sum::<u32>() % 26 == place(letter)
}

/// The check sign of a Finnish id: date and number as one, mod 31, in a table.
pub(super) fn fi_sign(number: u64, sign: u8) -> bool {
    let table = b"0123456789ABCDEFHJKLMNPRSTUVWXY";
    usize::try_from(number % 31).ok().and_then(|place| table.get(place)) == Some(&sign)
}

/// Whether digits `ddmmyy` are a date.
pub(super) fn is_date(day: u64, month: u64) -> bool {
    is_day(month, day)
}
