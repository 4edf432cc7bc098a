//! Cron expressions against a clock that is asked second by second, days on which clocks are set, and mistakes.

use jiff::tz::TimeZoneDatabase;
use jiff::{Timestamp, Zoned};
use proptest::prelude::*;

use super::{Cron, Zone};
use crate::time::Moment;

fn moment(text: &str) -> Moment {
    serde_json::from_str(&format!("\"{text}\"")).unwrap()
}

fn zone(name: &str) -> Zone {
    name.parse().unwrap()
}

/// The next times after a moment, as the clock of the zone shows them, with its offset.
fn check(cron: &str, name: &str, after: &str, expected: &[&str]) {
    let (cron, place): (Cron, Zone) = (cron.parse().unwrap(), zone(name));
    let mut at = moment(after);
    let mut found = Vec::new();
    for _ in expected {
        at = cron.after(at, &place).unwrap();
        let there = Timestamp::from_millisecond(at.as_millis()).unwrap();
        let there: Zoned = there.to_zoned(TimeZoneDatabase::bundled().get(name).unwrap());
        found.push(there.strftime("%a %Y-%m-%d %H:%M:%S %:z").to_string());
    }
    assert_eq!(found, expected, "{cron} {name}");
}

fn refuse(cron: &str, expected: &str, part: &str) {
    let error = cron.parse::<Cron>().unwrap_err();
    assert_eq!(error.to_string(), expected, "{cron}");
    assert_eq!(error.part.map_or("", |part| &cron[part]), part, "{cron}");
}

#[test]
fn times_are_those_that_the_clock_of_the_zone_shows() {
    check(
        "30 6 * * mon-fri",
        "Europe/Oslo",
        "2026-01-02T00:00:00Z",
        &[
            "Fri 2026-01-02 06:30:00 +01:00",
            "Mon 2026-01-05 06:30:00 +01:00",
            "Tue 2026-01-06 06:30:00 +01:00",
        ],
    );
    check("0 0 29 feb *", "UTC", "2096-03-01T00:00:00Z", &["Fri 2104-02-29 00:00:00 +00:00"]);
    check(
        "0 12 13 * 5",
        "UTC",
        "2026-02-01T00:00:00Z",
        &[
            "Fri 2026-02-06 12:00:00 +00:00",
            "Fri 2026-02-13 12:00:00 +00:00",
            "Fri 2026-02-20 12:00:00 +00:00",
        ],
    );
    check(
        "*/20 30 8-18/5 * * sun",
        "Asia/Kolkata",
        "2026-01-04T02:59:59.999Z",
        &[
            "Sun 2026-01-04 08:30:00 +05:30",
            "Sun 2026-01-04 08:30:20 +05:30",
            "Sun 2026-01-04 08:30:40 +05:30",
            "Sun 2026-01-04 13:30:00 +05:30",
        ],
    );
    check("@monthly", "UTC", "2026-12-31T23:59:59Z", &["Fri 2027-01-01 00:00:00 +00:00"]);
    check("0 0 * * 7", "UTC", "2026-01-01T00:00:00Z", &["Sun 2026-01-04 00:00:00 +00:00"]);
}

#[test]
fn a_time_of_the_day_that_the_clock_skips_comes_when_it_jumps_and_once() {
    // On the 29th of March 2026 the clock goes from 01:59:59 to 03:00:00.
    check(
        "0,30 2 * * *",
        "Europe/Oslo",
        "2026-03-28T12:00:00Z",
        &[
            "Sun 2026-03-29 03:00:00 +02:00",
            "Mon 2026-03-30 02:00:00 +02:00",
            "Mon 2026-03-30 02:30:00 +02:00",
        ],
    );
    check(
        "15 3 * * *",
        "Europe/Oslo",
        "2026-03-28T12:00:00Z",
        &["Sun 2026-03-29 03:15:00 +02:00", "Mon 2026-03-30 03:15:00 +02:00"],
    );
    // Asked at the moment of the jump itself it is over.
    check("30 2 * * *", "Europe/Oslo", "2026-03-29T01:00:00Z", &["Mon 2026-03-30 02:30:00 +02:00"]);
    check("30 2 * * *", "Europe/Oslo", "2026-03-29T00:59:59.500Z", &["Sun 2026-03-29 03:00:00 +02:00"]);
    // At the end of 2011 Samoa left out a whole day.
    check(
        "0 9 * * *",
        "Pacific/Apia",
        "2011-12-29T12:00:00Z",
        &[
            "Thu 2011-12-29 09:00:00 -10:00",
            "Sat 2011-12-31 00:00:00 +14:00",
            "Sat 2011-12-31 09:00:00 +14:00",
        ],
    );
}

#[test]
fn a_time_of_the_day_that_the_clock_repeats_comes_the_first_time_only() {
    // On the 25th of October 2026 the clock goes from 02:59:59 back to 02:00:00.
    check(
        "*/30 2 * * *",
        "Europe/Oslo",
        "2026-10-24T12:00:00Z",
        &[
            "Sun 2026-10-25 02:00:00 +02:00",
            "Sun 2026-10-25 02:30:00 +02:00",
            "Mon 2026-10-26 02:00:00 +01:00",
        ],
    );
    // Asked within the repeated hour.
    check("45 2 * * *", "Europe/Oslo", "2026-10-25T01:10:00Z", &["Mon 2026-10-26 02:45:00 +01:00"]);
    check("0 3 * * *", "Europe/Oslo", "2026-10-25T00:30:00Z", &["Sun 2026-10-25 03:00:00 +01:00"]);
}

#[test]
fn what_recurs_with_the_hours_goes_by_what_the_clock_shows() {
    check(
        "30 * * * *",
        "Europe/Oslo",
        "2026-03-29T00:00:00Z",
        &["Sun 2026-03-29 01:30:00 +01:00", "Sun 2026-03-29 03:30:00 +02:00"],
    );
    check(
        "30 * * * *",
        "Europe/Oslo",
        "2026-10-25T00:00:00Z",
        &[
            "Sun 2026-10-25 02:30:00 +02:00",
            "Sun 2026-10-25 02:30:00 +01:00",
            "Sun 2026-10-25 03:30:00 +01:00",
        ],
    );
}

#[test]
fn mistakes_are_told_at_the_part_that_is_wrong() {
    refuse(
        "0 6 * *",
        "a cron expression has 5 fields, or 6 with seconds, not 4; write `minute hour day month weekday`, for example `0 6 * * mon-fri`",
        "",
    );
    refuse("61 6 * * *", "the minute lies between 0 and 59, not 61", "61");
    refuse("0 6 * * mno", "`mno` is no day of the week; did you mean `mon`?", "mno");
    refuse(
        "0 6 * * mon,xyzzy",
        "`xyzzy` is no day of the week; write a number from 0 to 7, or a name such as `sun`",
        "xyzzy",
    );
    refuse(
        "0 18-8 * * *",
        "the range `18-8` ends before it begins; write the smaller number first, or two ranges with a comma between them",
        "18-8",
    );
    refuse("*/0 * * * *", "the step `0` is no number from 1 to 255; a step is written like `*/15`", "*/0");
    refuse("0 0 30 2 *", "no month it names has a day it names; name a day that there is", "");
    refuse("@dayly", "there is no schedule `@dayly`; did you mean `@daily`?", "");
    refuse("0 0 1- * *", "a day of the month is missing; write a number from 1 to 31", " ");
    for (name, expected) in [
        ("Oslo", "`Oslo` is no time zone; did you mean `Europe/Oslo`?"),
        ("Europe/Olso", "`Europe/Olso` is no time zone; did you mean `Europe/Oslo`?"),
        (
            "Nowhere at all",
            "`Nowhere at all` is no time zone; write it as the IANA database does: `Europe/Oslo`",
        ),
    ] {
        assert_eq!(name.parse::<Zone>().unwrap_err().to_string(), expected);
    }
    assert_eq!(zone("europe/oslo").to_string(), "Europe/Oslo");
}

/// A field in one of its forms.
fn field(least: u8, most: u8) -> impl Strategy<Value = String> {
    prop_oneof![
        3 => Just("*".to_owned()),
        2 => (least..=most).prop_map(|number| number.to_string()),
        1 => (least..=most, least..=most).prop_map(|(a, b)| format!("{}-{}", a.min(b), a.max(b))),
        1 => (1..10_u8).prop_map(|step| format!("*/{step}")),
        1 => (least..=most, least..=most).prop_map(|(a, b)| format!("{a},{b}")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// What the clock shows at each minute, compared with the fields one by one, says the same. Expressions that name times
    /// of the day are left to days without jumps, as they are not taken literally on the others.
    #[test]
    fn the_next_time_is_the_first_minute_that_fits(
        minute in field(0, 59), hour in field(0, 23), weekday in field(0, 6), start in 0_i64..300 * 86_400,
        zone_name in prop_oneof![Just("UTC"), Just("Europe/Oslo"), Just("Australia/Lord_Howe"), Just("America/St_Johns")],
    ) {
        let hour = if zone_name == "UTC" { hour } else { "*".to_owned() };
        let cron: Cron = format!("{minute} {hour} * * {weekday}").parse().unwrap();
        let place = zone(zone_name);
        let rules = TimeZoneDatabase::bundled().get(zone_name).unwrap();
        let begin = 1_767_225_600 + start / 60 * 60;
        let fits = |second: i64| {
            let there = Timestamp::from_second(second).unwrap().to_zoned(rules.clone());
            let weekday = u8::try_from(there.weekday().to_sunday_zero_offset()).unwrap();
            cron.minutes.has(u8::try_from(there.minute()).unwrap())
                && cron.hours.has(u8::try_from(there.hour()).unwrap())
                && cron.weekdays.has(weekday)
        };
        let expected = (1..14 * 1_440).map(|minutes| begin + minutes * 60).find(|second| fits(*second));
        let expected = expected.map(|second| Moment::from_millis(second * 1_000));
        prop_assert_eq!(cron.after(Moment::from_millis(begin * 1_000), &place), expected);
    }

    /// Going forward time by time ends at the latest one.
    #[test]
    fn the_latest_time_is_the_last_of_all(
        minute in field(0, 59), hour in field(0, 23), start in 0_i64..300 * 86_400, span in 0_i64..3 * 86_400,
    ) {
        let cron: Cron = format!("{minute} {hour} * * *").parse().unwrap();
        let place = zone("Europe/Oslo");
        let from = Moment::from_millis((1_767_225_600 + start) * 1_000);
        let until = Moment::from_millis(from.as_millis() + span * 1_000);
        let all = std::iter::successors(Some(from), |at| cron.after(*at, &place)).skip(1);
        let last = all.take_while(|at| *at <= until).last();
        prop_assert_eq!(cron.latest(from, until, &place), last);
    }

    #[test]
    fn no_text_breaks_the_reader(text in "[-0-9a-z*/,@ é]{0,40}") {
        if let Ok(cron) = text.parse::<Cron>() {
            prop_assert_eq!(cron.to_string().parse::<Cron>(), Ok(cron.clone()));
            let _ = cron.after(moment("2026-01-01T00:00:00Z"), &zone("Europe/Oslo"));
        }
    }
}
