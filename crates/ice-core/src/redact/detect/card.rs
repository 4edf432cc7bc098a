//! Numbers of payment cards.

use super::number::{Between, Candidate};

/// Whether digits in groups are the number of a card: an issuer's, of one of its lengths, with the check digit of Luhn
/// (ISO/IEC 7812-1), together or in groups as on cards.
pub(super) fn is_card(candidate: Candidate<'_>) -> bool {
    let length = candidate.digits.len();
    let is_grouped = match candidate.groups {
        [_] => true,
        [first, .., last] if candidate.is_joined_by(&[Between::Space, Between::Dash]) => {
            let (last, inner) =
                (last.len(), candidate.groups.get(1..candidate.groups.len() - 1).unwrap_or(&[]));
            let fours =
                first.len() == 4 && inner.iter().all(|group| group.len() == 4) && (1..=4).contains(&last);
            (fours && length >= 13) || candidate.has_shape(&[4, 6, 5]) || candidate.has_shape(&[4, 6, 4])
        }
        _ => false,
    };
    is_grouped && !candidate.is_uniform() && is_issued(candidate, length) && luhn(candidate.digits)
}

/// Whether an issuer gives out numbers that begin so and have this length.
fn is_issued(candidate: Candidate<'_>, length: usize) -> bool {
    let (two, three, four) = (candidate.number(0..2), candidate.number(0..3), candidate.number(0..4));
    match (two, four) {
        // American Express.
        (34 | 37, _) => length == 15,
        // Visa.
        (40..=49, _) => matches!(length, 13 | 16 | 19),
        // Mastercard, and Mir.
        (51..=55, _) | (_, 2221..=2720 | 2200..=2204) => length == 16,
        // Diners Club.
        (36 | 38 | 39, _) | (_, 3095) => (14..=19).contains(&length),
        _ if (300..=305).contains(&three) => (14..=19).contains(&length),
        // JCB, Discover, RuPay and UnionPay.
        (62 | 65, _) | (_, 3528..=3589 | 6011) => (16..=19).contains(&length),
        _ if (644..=649).contains(&three) => (16..=19).contains(&length),
        (60 | 81 | 82, _) if length == 16 => true,
        _ if three == 508 => length == 16,
        // Maestro.
        (_, 5018 | 5020 | 5038 | 5893 | 6304 | 6759 | 6761..=6763) => (12..=19).contains(&length),
        _ => false,
    }
}

/// The check of Luhn: every second digit from the right, doubled, the digits of all added up, gives a multiple of ten.
pub(super) fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .zip([false, true].into_iter().cycle())
        .map(|(digit, doubled)| match u32::from(*digit) {
            digit if doubled && digit > 4 => digit * 2 - 9,
            digit if doubled => digit * 2,
            digit => digit,
        })
        .sum();
    sum.is_multiple_of(10)
}
