//! From a cron expression and a time zone to moments.
//!
//! The time line of a zone consists of stretches in which its clock runs evenly. In each of them times are looked for on the
//! clock; where one ends, the clock jumps. An expression that recurs with the hours goes by what the clock shows: a skipped
//! time does not come, a repeated one comes twice. One that names times of the day is meant once a day: what the clock skips
//! comes at the moment it jumps, and what it repeats comes the first time only.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::Offset;
use jiff::{Span, Timestamp};

use super::{Cron, Zone};
use crate::time::Moment;

/// How far ahead a time is looked for: a 29th of February may be eight years away.
const YEARS: i16 = 9;

impl Cron {
    /// The first time after a moment; nothing if there is none within nine years.
    #[must_use]
    pub fn after(&self, at: Moment, zone: &Zone) -> Option<Moment> {
        let second = at.as_millis().div_euclid(1_000) + 1;
        let mut from = Timestamp::from_second(second).ok()?;
        let until = Timestamp::from_second(second.saturating_add(i64::from(YEARS) * 366 * 86_400)).ok()?;
        loop {
            let stretch = Stretch::at(from, zone);
            if let Some(found) = self.within(&stretch, from) {
                return Some(Moment::from_millis(found.as_millisecond()));
            }
            from = stretch.end.filter(|end| *end < until)?;
        }
    }

    /// The latest time after `from` up to `until`, that one included; nothing if there is none.
    #[must_use]
    pub fn latest(&self, from: Moment, until: Moment, zone: &Zone) -> Option<Moment> {
        let mut latest = self.after(from, zone).filter(|first| *first <= until)?;
        // No time lies after `end` up to `until`.
        let mut end = until;
        while end.since(latest).as_millis() > 1 {
            let middle = Moment::from_millis(latest.as_millis() + (end.as_millis() - latest.as_millis()) / 2);
            match self.after(middle, zone) {
                Some(found) if found <= until => latest = found,
                Some(_) | None => end = middle,
            }
        }
        Some(latest)
    }

    /// The first time in a stretch from a moment of it on.
    fn within(&self, stretch: &Stretch, from: Timestamp) -> Option<Timestamp> {
        let mut clock = stretch.offset.to_datetime(from);
        if self.names_times_of_day()
            && let Some((begin, before)) = stretch.jump
        {
            let showed = before.to_datetime(begin);
            let shows = stretch.offset.to_datetime(begin);
            let is_skipped = || self.first_from(showed).is_some_and(|first| first < shows);
            if from == begin && showed < shows && is_skipped() {
                return Some(begin);
            }
            clock = clock.max(showed);
        }
        let found = stretch.offset.to_timestamp(self.first_from(clock)?).ok()?;
        stretch.end.is_none_or(|end| found < end).then_some(found)
    }

    /// The first time on a clock from this one on, on days up to nine years later.
    fn first_from(&self, clock: DateTime) -> Option<DateTime> {
        let last = clock.date().checked_add(Span::new().years(YEARS)).unwrap_or(Date::MAX);
        let mut date = clock.date();
        let mut time = clock.time();
        while date <= last {
            if self.fits(date)
                && let Some(found) = self.first_of_day(time)
            {
                return Some(date.to_datetime(found));
            }
            time = Time::midnight();
            date = if self.months.has(month(date)) {
                date.tomorrow().ok()?
            } else {
                date.last_of_month().tomorrow().ok()?
            };
        }
        None
    }

    fn fits(&self, date: Date) -> bool {
        let weekday = u8::try_from(date.weekday().to_sunday_zero_offset()).unwrap_or_default();
        let day = self.days.has(u8::try_from(date.day()).unwrap_or_default());
        let weekday = self.weekdays.has(weekday);
        self.months.has(month(date))
            && if self.days.is_open || self.weekdays.is_open { day && weekday } else { day || weekday }
    }

    /// The first time of a day from this one on.
    fn first_of_day(&self, time: Time) -> Option<Time> {
        let number = |part: i8| u8::try_from(part).unwrap_or_default();
        let (hour, minute) = (number(time.hour()), number(time.minute()));
        let second = number(time.second()) + u8::from(time.subsec_nanosecond() > 0);
        let (first_minute, first_second) = (self.minutes.from(0)?, self.seconds.from(0)?);
        let in_minute = || {
            let second = self.seconds.from(second).filter(|_| self.minutes.has(minute))?;
            Some((minute, second))
        };
        let in_hour = || in_minute().or_else(|| Some((self.minutes.from(minute + 1)?, first_second)));
        let (hour, (minute, second)) = match self.hours.has(hour).then(in_hour).flatten() {
            Some(found) => (hour, found),
            None => (self.hours.from(hour + 1)?, (first_minute, first_second)),
        };
        let part = |number: u8| i8::try_from(number).unwrap_or_default();
        Time::new(part(hour), part(minute), part(second), 0).ok()
    }
}

fn month(date: Date) -> u8 {
    u8::try_from(date.month()).unwrap_or_default()
}

/// A time during which the clock of a zone runs evenly.
struct Stretch {
    offset: Offset,
    /// When it began, and how far ahead the clock was before.
    jump: Option<(Timestamp, Offset)>,
    end: Option<Timestamp>,
}

impl Stretch {
    /// The one that a moment lies in.
    fn at(moment: Timestamp, zone: &Zone) -> Self {
        let rules = &zone.rules;
        let next = moment.checked_add(Span::new().nanoseconds(1)).unwrap_or(moment);
        let begin = rules.preceding(next).next().map(|jump| jump.timestamp());
        let before = |begin: Timestamp| {
            let last = begin.checked_sub(Span::new().nanoseconds(1)).ok()?;
            Some((begin, rules.to_offset(last)))
        };
        Self {
            offset: rules.to_offset(moment),
            jump: begin.and_then(before),
            end: rules.following(moment).next().map(|jump| jump.timestamp()),
        }
    }
}
