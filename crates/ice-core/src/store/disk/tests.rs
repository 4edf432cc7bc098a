//! Both disks do the same as long as nothing fails, and the simulated one loses what it must and no more.

use super::*;

fn check_both(check: impl Fn(&dyn Disk)) {
    let folder = tempfile::tempdir().unwrap();
    check(&FolderDisk::new(folder.path().join("a/b")).unwrap());
    check(&SimDisk::new());
}

fn contents(disk: &dyn Disk, path: &str) -> Vec<u8> {
    let file = disk.open(path, OpenMode::Read).unwrap();
    let mut bytes = vec![0; usize::try_from(file.size().unwrap()).unwrap() + 10];
    let read = file.read_at(0, &mut bytes).unwrap();
    bytes.truncate(read);
    bytes
}

#[test]
fn files_are_written_read_renamed_and_removed() {
    check_both(|disk| {
        disk.create_folder("f").unwrap();
        assert_eq!(disk.list("nowhere").unwrap(), [""; 0]);
        assert_eq!(disk.open("f/x", OpenMode::Write).unwrap_err().kind(), std::io::ErrorKind::NotFound);
        let file = disk.open("f/x", OpenMode::Create).unwrap();
        assert_eq!(disk.open("f/x", OpenMode::Create).unwrap_err().kind(), std::io::ErrorKind::AlreadyExists);
        file.write_at(2, &[b"ab", b"", b"cd"]).unwrap();
        file.write_at(3, &[b"X"]).unwrap();
        file.sync().unwrap();
        assert_eq!(contents(disk, "f/x"), b"\0\0aXcd");
        file.truncate(4).unwrap();
        disk.rename("f/x", "f/y").unwrap();
        disk.sync_folder("f").unwrap();
        assert_eq!(
            (disk.list("f").unwrap(), contents(disk, "f/y")),
            (vec!["y".to_owned()], b"\0\0aX".to_vec())
        );
        disk.remove("f/y").unwrap();
        assert_eq!(disk.list("f").unwrap(), [""; 0]);
        assert!(disk.remove("f/y").is_err());
    });
}

#[test]
fn a_name_may_come_to_mean_another_file() {
    check_both(|disk| {
        let (one, two) =
            (disk.open("one", OpenMode::Create).unwrap(), disk.open("two", OpenMode::Create).unwrap());
        assert_eq!(disk.id("one").unwrap(), one.id().unwrap());
        assert_ne!(one.id().unwrap(), two.id().unwrap());
        disk.rename("two", "one").unwrap();
        assert_eq!(disk.id("one").unwrap(), two.id().unwrap());
        assert_eq!(disk.id("two").unwrap_err().kind(), std::io::ErrorKind::NotFound);
    });
}

#[test]
fn a_folder_has_one_owner() {
    check_both(|disk| {
        let held = disk.lock("LOCK", 17).unwrap();
        let refused = disk.lock("LOCK", 18).unwrap_err();
        let crate::store::StoreError::Locked { owner, .. } = refused else { panic!("{refused}") };
        assert_eq!(owner, Some(17));
        drop(held);
        disk.lock("LOCK", 19).unwrap();
    });
}

#[test]
fn a_crash_keeps_what_was_synced_and_only_what_was_written() {
    let (mut whole, mut partial, mut none, mut vanished) = (0, 0, 0, 0);
    for seed in 0..400 {
        let disk = SimDisk::new();
        let file = disk.open("f", OpenMode::Create).unwrap();
        file.write_at(0, &[&[1; 2_048]]).unwrap();
        file.sync().unwrap();
        disk.sync_folder("").unwrap();
        file.write_at(1_024, &[&[2; 2_048]]).unwrap();
        disk.open("unsynced", OpenMode::Create).unwrap();
        disk.crash(seed);
        assert!(file.size().is_err(), "a handle from before the crash is dead");
        let found = contents(&disk, "f");
        assert_eq!(found[..1_024], [1; 1_024]);
        assert!((2_048..=3_072).contains(&found.len()), "{}", found.len());
        for (index, sector) in found.chunks(512).enumerate().skip(2) {
            let old = if index < 4 { 1 } else { 0 };
            assert!(sector.iter().all(|byte| *byte == 2) || sector.iter().all(|byte| *byte == old));
        }
        match found.iter().filter(|byte| **byte == 2).count() {
            0 => none += 1,
            2_048 => whole += 1,
            _ => partial += 1,
        }
        vanished += usize::from(!disk.files().contains(&"unsynced".to_owned()));
    }
    assert!(whole > 50 && partial > 50 && none > 50, "{whole} {partial} {none}");
    assert!((50..350).contains(&vanished), "{vanished}");
}

#[test]
fn faults_happen_when_told() {
    let disk = SimDisk::new();
    let file = disk.open("f", OpenMode::Create).unwrap();
    disk.sync_folder("").unwrap();
    disk.inject(SimFault::FailWrite(1));
    file.write_at(0, &[b"aaaa"]).unwrap();
    assert!(file.write_at(4, &[b"bbbb"]).is_err());
    assert_eq!(contents(&disk, "f"), b"aaaabb");

    disk.inject(SimFault::FailSync(0));
    assert!(file.sync().is_err());
    file.sync().unwrap();
    assert_eq!(contents(&disk, "f"), b"aaaabb", "still readable");
    disk.crash(1);
    assert!(contents(&disk, "f").iter().all(|byte| *byte == 0), "but never safe");

    disk.inject(SimFault::Full(6));
    let file = disk.open("f", OpenMode::Write).unwrap();
    let full = file.write_at(0, &[b"12345678"]).unwrap_err();
    assert_eq!((full.kind(), contents(&disk, "f")), (std::io::ErrorKind::StorageFull, b"123456".to_vec()));
    disk.heal();

    disk.inject(SimFault::Stop(1));
    file.write_at(0, &[b"x"]).unwrap();
    assert!(file.write_at(0, &[b"y"]).is_err() && disk.has_stopped() && disk.list("").is_err());
    disk.kill();
    assert_eq!(contents(&disk, "f"), b"x23456", "a kill loses nothing");
}
