//! What is to be done about a schedule at a moment: nothing but its record, the time, and whether its last run is under way
//! goes into it.

use std::time::Duration;

use ice_core::schedule::{CatchUp, Overlap};
use ice_core::time::Moment;

use super::record::{MAX_QUEUED, ScheduleDocument};

/// How late a time may be looked at without being missed: a machine is busy at times.
const LATE: Duration = Duration::from_secs(60);

const MILLISECOND: Duration = Duration::from_millis(1);

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Turn {
    /// Nothing until this moment, if there is one, or until the last run has ended.
    Wait(Option<Moment>),
    /// A run is started for a time; then the schedule stands so.
    Start(Moment, Box<ScheduleDocument>),
    /// Nothing is started, and the schedule stands so.
    Pass(Box<ScheduleDocument>),
}

pub(super) fn turn(schedule: &ScheduleDocument, now: Moment, under_way: bool) -> Turn {
    if schedule.paused {
        return Turn::Wait(None);
    }
    let (timing, mut after) = (&schedule.timing, schedule.clone());
    if !under_way && !after.queued.is_empty() {
        let due = after.queued.remove(0);
        return Turn::Start(due, Box::new(after));
    }
    let Some(mut due) = schedule.next.filter(|due| *due <= now) else { return Turn::Wait(schedule.next) };
    if now.since(due) > LATE {
        match timing.catch_up {
            CatchUp::Skip => {
                let late = now.before(LATE).before(MILLISECOND);
                after.next = timing.cron.after(late, &timing.time_zone);
                after.missed += 1;
                return Turn::Pass(Box::new(after));
            }
            CatchUp::Latest => {
                let latest = timing.cron.latest(due, now, &timing.time_zone).unwrap_or(due);
                after.missed += u64::from(latest > due);
                due = latest;
            }
            CatchUp::All => {}
        }
    }
    let next = timing.cron.after(due, &timing.time_zone);
    match timing.overlap {
        Overlap::Skip if under_way => {
            after.skipped += 1;
            after.next = next;
            Turn::Pass(Box::new(after))
        }
        // Those that have no room to wait are late once there is.
        Overlap::Queue if under_way && after.queued.len() >= MAX_QUEUED => Turn::Wait(None),
        Overlap::Queue if under_way => {
            after.queued.push(due);
            after.next = next;
            Turn::Pass(Box::new(after))
        }
        Overlap::Skip | Overlap::Queue | Overlap::Allow => {
            after.next = next;
            Turn::Start(due, Box::new(after))
        }
    }
}

#[cfg(test)]
mod tests {
    use ice_core::schedule::Timing;

    use super::*;

    fn moment(text: &str) -> Moment {
        serde_json::from_str(&format!("\"2026-03-01T{text}Z\"")).unwrap()
    }

    /// A schedule of every five minutes whose next time is 10:00.
    fn schedule(catch_up: CatchUp, overlap: Overlap) -> ScheduleDocument {
        let cron = "*/5 * * * *".parse().unwrap();
        let timing = Timing { cron, time_zone: "UTC".parse().unwrap(), catch_up, overlap };
        ScheduleDocument {
            network: "n".to_owned(),
            entry: "e".to_owned(),
            timing,
            paused: false,
            next: Some(moment("10:00:00")),
            queued: Vec::new(),
            last: None,
            started: 0,
            skipped: 0,
            missed: 0,
            problem: None,
        }
    }

    /// What happens at a moment, until nothing more does: times that are started, then the next one.
    fn check(schedule: &mut ScheduleDocument, now: &str, under_way: bool, started: &[&str], next: &str) {
        let (now, mut found) = (moment(now), Vec::new());
        loop {
            match turn(schedule, now, under_way) {
                Turn::Wait(_) => break,
                Turn::Start(due, after) => {
                    found.push(due);
                    *schedule = *after;
                }
                Turn::Pass(after) => *schedule = *after,
            }
        }
        let started: Vec<Moment> = started.iter().map(|text| moment(text)).collect();
        assert_eq!((found, schedule.next), (started, Some(moment(next))));
    }

    #[test]
    fn a_time_is_started_once_it_has_come() {
        let mut each = schedule(CatchUp::Skip, Overlap::Skip);
        check(&mut each, "09:59:59.999", false, &[], "10:00:00");
        check(&mut each, "10:00:00", false, &["10:00:00"], "10:05:00");
        check(&mut each, "10:06:00", false, &["10:05:00"], "10:10:00");
        assert_eq!(each.missed, 0);
    }

    #[test]
    fn times_that_were_missed_are_passed_over_or_made_up_for() {
        let mut skip = schedule(CatchUp::Skip, Overlap::Skip);
        check(&mut skip, "10:17:00", false, &[], "10:20:00");
        check(&mut skip, "10:40:30", false, &["10:40:00"], "10:45:00");
        assert_eq!(skip.missed, 2);
        let mut latest = schedule(CatchUp::Latest, Overlap::Skip);
        check(&mut latest, "10:17:00", false, &["10:15:00"], "10:20:00");
        check(&mut latest, "10:22:00", false, &["10:20:00"], "10:25:00");
        let mut all = schedule(CatchUp::All, Overlap::Allow);
        check(&mut all, "10:17:00", true, &["10:00:00", "10:05:00", "10:10:00", "10:15:00"], "10:20:00");
    }

    #[test]
    fn a_time_at_which_the_run_before_is_under_way_is_passed_over_or_waits_or_is_started_beside_it() {
        let mut skip = schedule(CatchUp::Latest, Overlap::Skip);
        check(&mut skip, "10:00:00", true, &[], "10:05:00");
        assert_eq!(skip.skipped, 1);
        let mut queue = schedule(CatchUp::Latest, Overlap::Queue);
        check(&mut queue, "10:00:00", true, &[], "10:05:00");
        check(&mut queue, "10:05:30", true, &[], "10:10:00");
        assert_eq!(queue.queued, [moment("10:00:00"), moment("10:05:00")]);
        // What waited is started however late it is.
        check(&mut queue, "10:09:00", false, &["10:00:00", "10:05:00"], "10:10:00");
        let mut allow = schedule(CatchUp::Latest, Overlap::Allow);
        check(&mut allow, "10:00:00", true, &["10:00:00"], "10:05:00");
    }

    #[test]
    fn no_more_than_a_hundred_times_wait() {
        let mut queue = schedule(CatchUp::All, Overlap::Queue);
        check(&mut queue, "23:59:00", true, &[], "18:20:00");
        assert_eq!(queue.queued.len(), MAX_QUEUED);
        queue.paused = true;
        assert_eq!(turn(&queue, moment("23:59:00"), false), Turn::Wait(None));
    }
}
