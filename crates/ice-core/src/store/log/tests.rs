//! The log from group to file and back, and everything that can happen to the file.

use bytes::Bytes;
use proptest::prelude::*;

use super::recovery::Recovery;
use super::writer::Writer;
use super::*;
use crate::store::disk::{Disk, SimDisk};
use crate::store::{CommitSeq, Key, Loss, StoreError};
use std::sync::Arc;

/// A commit of one put: the number in the key, `size` bytes of it as value.
fn add(group: &mut Group, seq: u64, size: usize) {
    let key = Key::new("k/").unwrap().number(seq);
    group.begin(seq, 1);
    group.put(&key, &Bytes::from(vec![u8::try_from(seq % 251).unwrap(); size]), None);
}

fn expected(seq: u64, size: usize) -> RecoveredCommit {
    let value = Bytes::from(vec![u8::try_from(seq % 251).unwrap(); size]);
    let key = Key::new("k/").unwrap().number(seq);
    RecoveredCommit { seq, writes: vec![RecoveredWrite::Put { key, value }] }
}

struct Opened {
    writer: Writer,
    commits: Vec<u64>,
    report: RecoveryReport,
    given_out: u64,
}

fn open(disk: &SimDisk, policy: LossPolicy) -> Result<Opened, StoreError> {
    if disk.list("").unwrap().is_empty() {
        let mut mark = Mark::create(disk).unwrap();
        mark.write(mark.state()).unwrap();
        mark.sync().unwrap();
        disk.sync_folder("").unwrap();
    }
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let segments = Arc::new(Segments::new(Arc::clone(&shared)));
    let mut commits = Vec::new();
    let mut replay = |seq: u64, write: RecoveredWrite<(u64, &[u8])>| {
        let RecoveredWrite::Put { key, value: (_, value) } = write else { panic!("only puts were written") };
        assert_eq!(key.number_after(&Key::new("k/").unwrap()), Some(seq));
        assert!(value.iter().all(|byte| u64::from(*byte) == seq % 251));
        commits.push(seq);
    };
    let Recovery { end, tail, mark, given_out, report } =
        recover_disk(disk, &segments, writer::End::default(), None, policy, &mut replay)?;
    let writer = Writer::new(shared, segments, tail, end, mark, given_out, 4_096);
    Ok(Opened { writer, commits, report, given_out })
}

/// Writes commits, one per group, synced and marked.
fn write(writer: &mut Writer, seqs: std::ops::RangeInclusive<u64>, size: usize) {
    for seq in seqs {
        let mut group = Group::default();
        add(&mut group, seq, size);
        writer.append(&mut group).unwrap();
        writer.sync().unwrap();
        writer.mark().unwrap();
    }
}

fn filled(commits: u64) -> SimDisk {
    let disk = SimDisk::new();
    let mut log = open(&disk, LossPolicy::Refuse).unwrap();
    write(&mut log.writer, 1..=commits, 300);
    log.writer.close(commits).unwrap();
    drop(log);
    disk.kill();
    disk
}

fn lost(disk: &SimDisk) -> (u64, u64) {
    match open(disk, LossPolicy::Refuse).map(|opened| opened.commits) {
        Err(StoreError::Lost(Loss { first, last, .. })) => (first.0, last.0),
        other => panic!("no loss was reported, but {other:?}"),
    }
}

fn last_segment(disk: &SimDisk) -> String {
    disk.files().into_iter().rfind(|path| path.starts_with("log/")).unwrap()
}

#[test]
fn what_was_written_is_replayed_in_order_over_segments() {
    let disk = filled(40);
    assert!(disk.files().iter().filter(|path| path.starts_with("log/")).count() > 3, "{:?}", disk.files());
    let opened = open(&disk, LossPolicy::Refuse).unwrap();
    assert_eq!(opened.commits, (1..=40).collect::<Vec<_>>());
    assert_eq!(opened.given_out, 40, "a clean end skips no numbers");
    let report = RecoveryReport { last_commit: CommitSeq(40), replayed: 40, ..RecoveryReport::default() };
    assert_eq!(opened.report, report);
}

#[test]
fn a_group_with_spliced_values_is_one_frame() {
    let mut group = Group::default();
    let sizes = [0, 10, 20_000, 5, 40_000, 16_384];
    for (seq, size) in (1..).zip(sizes) {
        add(&mut group, seq, size);
    }
    group.seal(0, 0, &[0; 16]);
    let mut file = segment::SegmentHeader { start: 0, before: 0, chain: [0; 16] }.encode();
    file.extend(group.parts().concat());
    assert_eq!(file.len(), segment::SEGMENT_HEADER + group.size());
    let found = recover(&file);
    let commits: Vec<_> = (1..).zip(sizes).map(|(seq, size)| expected(seq, size)).collect();
    assert_eq!((found.commits, found.dropped_bytes, found.damaged), (commits, 0, false));
}

/// Segments that a store has written once: the format must stay readable, and fuzzing starts from them.
#[test]
fn the_seeds_of_the_fuzz_target_are_whole() {
    let seeds = [
        (&include_bytes!("../../../../../fuzz/seeds/store_log/first")[..], 1..=8),
        (&include_bytes!("../../../../../fuzz/seeds/store_log/second")[..], 9..=12),
    ];
    let key = |seq| Key::new("k/").unwrap().number(seq);
    for (bytes, seqs) in seeds {
        let commits = seqs.map(|seq| {
            let letter = b'a' + u8::try_from(seq).unwrap();
            let value = Bytes::from(vec![letter; usize::try_from(seq * 37 % 150).unwrap()]);
            let mut writes = vec![RecoveredWrite::Put { key: key(seq), value }];
            if seq == 2 {
                let value = Bytes::from_static(b"stays while the others go");
                writes.push(RecoveredWrite::Put { key: Key::new("cold").unwrap(), value });
            }
            if seq > 3 {
                writes.push(RecoveredWrite::Delete { key: key(seq - 2) });
            }
            RecoveredCommit { seq, writes }
        });
        let whole =
            Recovered { commits: commits.collect(), valid_bytes: bytes.len(), ..Recovered::default() };
        assert_eq!(recover(bytes), whole);
    }
}

#[test]
fn a_torn_tail_that_nobody_was_promised_is_dropped() {
    for cut in 1..364 {
        let disk = SimDisk::new();
        let mut log = open(&disk, LossPolicy::Refuse).unwrap();
        write(&mut log.writer, 1..=3, 300);
        let mut group = Group::default();
        add(&mut group, 4, 300);
        log.writer.append(&mut group).unwrap();
        disk.kill();
        disk.damage(&last_segment(&disk), |bytes| bytes.truncate(bytes.len() - cut));
        let opened = open(&disk, LossPolicy::Refuse).unwrap();
        assert_eq!(opened.commits, [1, 2, 3], "{cut}");
        assert!(opened.report.discarded_bytes > 0 && opened.report.lost.is_none());
        let mut writer = opened.writer;
        write(&mut writer, 5..=6, 10);
        disk.kill();
        assert_eq!(open(&disk, LossPolicy::Refuse).unwrap().commits, [1, 2, 3, 5, 6]);
    }
}

#[test]
fn a_lost_tail_is_reported_with_its_range() {
    let disk = filled(40);
    disk.damage(&last_segment(&disk), |bytes| bytes.truncate(segment::SEGMENT_HEADER));
    let (first, last) = lost(&disk);
    assert!(first > 30 && last == 40, "{first} {last}");
    disk.kill();
    let opened = open(&disk, LossPolicy::Accept).unwrap();
    assert_eq!(opened.commits, (1..first).collect::<Vec<_>>());
    let lost = opened.report.lost.unwrap();
    assert_eq!((lost.first, lost.last), (CommitSeq(first), CommitSeq(40)));
    // From then on the log is whole again, and no number recurs.
    assert!(opened.given_out >= 40);
    let mut writer = opened.writer;
    write(&mut writer, 41..=42, 10);
    disk.kill();
    let opened = open(&disk, LossPolicy::Refuse).unwrap();
    assert_eq!(opened.commits, (1..first).chain(41..=42).collect::<Vec<_>>());
}

#[test]
fn a_missing_segment_is_a_loss() {
    let segments: Vec<String> =
        filled(40).files().into_iter().filter(|path| path.starts_with("log/")).collect();
    for path in &segments {
        let disk = filled(40);
        disk.remove(path).unwrap();
        let (first, last) = lost(&disk);
        assert!(first <= 40 && last == 40);
        let opened = open(&disk, LossPolicy::Accept).unwrap();
        assert_eq!(opened.commits, (1..first).collect::<Vec<_>>());
        drop(opened);
        assert_eq!(open(&disk, LossPolicy::Refuse).unwrap().commits, (1..first).collect::<Vec<_>>());
    }
}

#[test]
fn damage_is_noticed_wherever_it_is() {
    let paths: Vec<String> = filled(40).files().into_iter().filter(|path| path.starts_with("log/")).collect();
    for path in paths {
        for at in (0..4_000).step_by(97) {
            let disk = filled(40);
            let mut touched = false;
            disk.damage(&path, |bytes| {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 0x10;
                    touched = true;
                }
            });
            if touched {
                let (first, last) = lost(&disk);
                assert!(first <= 40 && last == 40, "{path} {at}: {first} {last}");
            }
        }
        let disk = filled(40);
        disk.damage(&path, |bytes| bytes[..512].fill(0));
        assert_eq!(lost(&disk).1, 40);
    }
}

#[test]
fn damage_behind_a_mark_that_lags_is_proved_by_later_frames() {
    let disk = SimDisk::new();
    let mut log = open(&disk, LossPolicy::Refuse).unwrap();
    write(&mut log.writer, 1..=8, 300);
    disk.kill();
    // The mark of before the first commit, as if it had not reached the disk since.
    let other = SimDisk::new();
    let mut fresh = Mark::create(&other).unwrap();
    fresh.write(fresh.state()).unwrap();
    other.damage("MARK", |fresh| {
        disk.damage("MARK", |bytes| bytes.clone_from(fresh));
    });
    disk.damage(&last_segment(&disk), |bytes| bytes[segment::SEGMENT_HEADER + 400] ^= 1);
    let (first, last) = lost(&disk);
    // The last frame says that the log was synced up to it, and of itself nothing is known.
    assert_eq!((first, last), (1, 7));
}

#[test]
fn a_mark_that_is_missing_or_damaged_is_said() {
    for damage in [true, false] {
        let disk = filled(5);
        if damage {
            disk.damage("MARK", |bytes| bytes.fill(7));
        } else {
            disk.remove("MARK").unwrap();
        }
        assert!(matches!(open(&disk, LossPolicy::Refuse), Err(StoreError::Corrupt { .. })));
        let opened = open(&disk, LossPolicy::Accept).unwrap();
        assert_eq!(opened.commits, [1, 2, 3, 4, 5]);
        assert!(opened.given_out > 1 << 30, "numbers that may have been given out are skipped");
        drop(opened);
        open(&disk, LossPolicy::Refuse).unwrap();
    }
}

#[test]
fn a_failed_sync_is_made_good_when_opening() {
    let disk = SimDisk::new();
    let mut log = open(&disk, LossPolicy::Refuse).unwrap();
    write(&mut log.writer, 1..=2, 300);
    let mut group = Group::default();
    add(&mut group, 3, 300);
    log.writer.append(&mut group).unwrap();
    disk.inject(crate::store::disk::SimFault::FailSync(0));
    assert!(log.writer.sync().is_err());
    drop(log);
    disk.kill();
    // The third commit is readable and not on the disk. Opening writes it again, so that it is.
    assert_eq!(open(&disk, LossPolicy::Refuse).unwrap().commits, [1, 2, 3]);
    disk.crash(7);
    assert_eq!(open(&disk, LossPolicy::Refuse).unwrap().commits, [1, 2, 3]);
}

#[derive(Clone, Debug)]
enum Edit {
    Flip(usize, u8),
    Cut(usize),
    Zero(usize, usize),
    Double(usize, usize),
    Append(Vec<u8>),
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        (any::<usize>(), 1_u8..).prop_map(|(at, mask)| Edit::Flip(at, mask)),
        any::<usize>().prop_map(Edit::Cut),
        (any::<usize>(), 1_usize..600).prop_map(|(at, length)| Edit::Zero(at, length)),
        (any::<usize>(), 1_usize..600).prop_map(|(at, length)| Edit::Double(at, length)),
        prop::collection::vec(any::<u8>(), 1..200).prop_map(Edit::Append),
    ]
}

fn apply(bytes: &mut Vec<u8>, edit: &Edit) {
    let size = bytes.len().max(1);
    match edit {
        Edit::Flip(at, mask) => {
            if let Some(byte) = bytes.get_mut(at % size) {
                *byte ^= mask;
            }
        }
        Edit::Cut(at) => bytes.truncate(at % size),
        Edit::Zero(at, length) => bytes.iter_mut().skip(at % size).take(*length).for_each(|byte| *byte = 0),
        Edit::Double(at, length) => {
            let start = (at % size).min(bytes.len());
            let part = bytes[start..bytes.len().min(start + length)].to_vec();
            bytes.splice(start..start, part);
        }
        Edit::Append(more) => bytes.extend_from_slice(more),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn recovering_from_any_bytes_ends(header in any::<bool>(), bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        let mut file = Vec::new();
        if header {
            file = segment::SegmentHeader { start: 0, before: 0, chain: [0; 16] }.encode();
        }
        file.extend(bytes);
        let found = recover(&file);
        prop_assert_eq!(found.valid_bytes + found.dropped_bytes, file.len());
        prop_assert_eq!(found.commits, []);
    }

    #[test]
    fn what_is_recovered_from_a_damaged_segment_was_written_and_is_a_prefix(
        groups in prop::collection::vec(prop::collection::vec(0_usize..700, 1..5), 1..8),
        edits in prop::collection::vec(edit(), 0..4),
    ) {
        let mut file = segment::SegmentHeader { start: 0, before: 0, chain: [0; 16] }.encode();
        let (mut chain, mut place, mut seq) = ([0; 16], 0, 0);
        let mut written = Vec::new();
        for sizes in groups {
            let mut group = Group::default();
            for size in sizes {
                seq += 1;
                add(&mut group, seq, size);
                written.push(expected(seq, size));
            }
            chain = group.seal(place, place, &chain);
            place += group.size() as u64;
            file.extend(group.parts().concat());
        }
        let whole = file.clone();
        for edit in &edits {
            apply(&mut file, edit);
        }
        let found = recover(&file);
        prop_assert_eq!(&found.commits, &written[..found.commits.len()]);
        prop_assert_eq!(found.valid_bytes + found.dropped_bytes, file.len());
        if file == whole {
            prop_assert_eq!(found.commits.len(), written.len());
        }
    }
}
