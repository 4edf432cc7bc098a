//! The filter `format`: `"%05.1f of %s"|format(x, y)`.

use super::super::error::TemplateError;
use super::super::text::{Sink, text_of};
use super::call::{Call, Outcome};
use super::number::Operand;
use crate::value::Value;

/// The widest field and the most digits.
const WIDEST: usize = 100;

#[derive(Default)]
struct Field {
    left: bool,
    plus: bool,
    space: bool,
    zero: bool,
    width: usize,
    precision: Option<usize>,
}

pub(super) fn format(call: &Call<'_>) -> Outcome {
    let pattern = call.text(0)?;
    call.meter.read(pattern.len())?;
    let mut text = String::new();
    let mut sink = Sink::new(&mut text, call.meter);
    let mut next = 1;
    let mut rest = &*pattern;
    while let Some((before, after)) = rest.split_once('%') {
        sink.push(before)?;
        let (field, after) = read_field(call, after)?;
        let mut chars = after.chars();
        let Some(kind) = chars.next() else {
            return Err(call.fails("has a `%` at the end; write `%%` for a percent sign"));
        };
        rest = chars.as_str();
        if kind == '%' {
            sink.push("%")?;
            continue;
        }
        if next >= call.count() {
            return Err(call.fails("has more fields than values"));
        }
        let filled = fill(call, &field, kind, &call.value(next)?)?;
        sink.push(&filled)?;
        next += 1;
    }
    sink.push(rest)?;
    if next < call.count() {
        return Err(call.fails("has more values than fields"));
    }
    Ok(Some(Value::string(text)))
}

/// Reads flags, width and precision.
fn read_field<'t>(call: &Call<'_>, text: &'t str) -> Result<(Field, &'t str), TemplateError> {
    let mut field = Field::default();
    let mut rest = text;
    loop {
        let (flag, after) = match rest.chars().next() {
            Some('-') => (&mut field.left, rest.strip_prefix('-')),
            Some('+') => (&mut field.plus, rest.strip_prefix('+')),
            Some(' ') => (&mut field.space, rest.strip_prefix(' ')),
            Some('0') => (&mut field.zero, rest.strip_prefix('0')),
            Some(_) | None => break,
        };
        *flag = true;
        rest = after.unwrap_or_default();
    }
    let (width, after) = read_number(call, rest)?;
    field.width = width.unwrap_or(0);
    rest = after;
    if let Some(after) = rest.strip_prefix('.') {
        let (precision, after) = read_number(call, after)?;
        field.precision = Some(precision.unwrap_or(0));
        rest = after;
    }
    Ok((field, rest))
}

fn read_number<'t>(call: &Call<'_>, text: &'t str) -> Result<(Option<usize>, &'t str), TemplateError> {
    let end = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    if digits.is_empty() {
        return Ok((None, rest));
    }
    match digits.parse::<usize>() {
        Ok(number) if number <= WIDEST => Ok((Some(number), rest)),
        Ok(_) | Err(_) => Err(TemplateError::too_large(format!(
            "{} takes widths and precisions up to {WIDEST}",
            call.name()
        ))),
    }
}

/// One value in its field.
fn fill(call: &Call<'_>, field: &Field, kind: char, value: &Value) -> Result<String, TemplateError> {
    let number =
        || Operand::of(value).ok_or_else(|| call.wants(0, &format!("a number for `%{kind}`"), value));
    let float = || number().map(Operand::as_float);
    let precision = field.precision.unwrap_or(6);
    let (negative, digits) = match kind {
        's' => {
            let text = text_of(call.meter, value)?;
            call.meter.grow(text.len())?;
            let cut = match field.precision {
                Some(precision) => text.chars().take(precision).collect(),
                None => (*text).to_owned(),
            };
            return Ok(pad(field, "", &cut, false));
        }
        'd' | 'i' | 'u' => match number()? {
            Operand::Whole(whole) => (whole < 0, whole.unsigned_abs().to_string()),
            Operand::Float(float) => (float < 0.0, format!("{:.0}", float.trunc().abs())),
        },
        'x' | 'X' | 'o' => {
            let Operand::Whole(whole) = number()? else {
                return Err(call.wants(0, &format!("a whole number for `%{kind}`"), value));
            };
            let digits = match kind {
                'x' => format!("{:x}", whole.unsigned_abs()),
                'X' => format!("{:X}", whole.unsigned_abs()),
                _ => format!("{:o}", whole.unsigned_abs()),
            };
            (whole < 0, digits)
        }
        'f' | 'F' => (float()?.is_sign_negative(), format!("{:.precision$}", float()?.abs())),
        'e' | 'E' => {
            let text = exponent(&format!("{:.precision$e}", float()?.abs()));
            (float()?.is_sign_negative(), if kind == 'E' { text.to_uppercase() } else { text })
        }
        other => {
            return Err(
                call.fails(&format!("does not know `%{other}`; it knows %s %d %i %u %x %X %o %f %e %%"))
            );
        }
    };
    let sign = match (negative, field.plus, field.space) {
        (true, _, _) => "-",
        (false, true, _) => "+",
        (false, false, true) => " ",
        (false, false, false) => "",
    };
    Ok(pad(field, sign, &digits, field.zero))
}

/// Rust writes `1.5e7`, printf `1.5e+07`.
fn exponent(text: &str) -> String {
    let (digits, power) = text.split_once('e').unwrap_or((text, "0"));
    let (sign, power) = power.strip_prefix('-').map_or(('+', power), |power| ('-', power));
    format!("{digits}e{sign}{power:0>2}")
}

fn pad(field: &Field, sign: &str, text: &str, zeros: bool) -> String {
    let missing = field.width.saturating_sub(sign.len() + text.chars().count());
    let fill = |character: &str| character.repeat(missing);
    if field.left {
        format!("{sign}{text}{}", fill(" "))
    } else if zeros {
        format!("{sign}{}{text}", fill("0"))
    } else {
        format!("{}{sign}{text}", fill(" "))
    }
}
