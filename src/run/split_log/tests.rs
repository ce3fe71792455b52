use std::os::unix::fs::PermissionsExt;

use super::*;

fn split(number: u32) -> SplitTuples {
    let table = |tuples: &'static [u8]| TableTuples {
        tuples: Bytes::from_static(tuples),
        read: 9,
        rows: 5,
        filtered: 1,
        rejected: 2,
        same: -3,
        ..TableTuples::default()
    };
    let tables = vec![table(b"some tuples"), table(b"")];
    SplitTuples { file: 1, split: number, first_record: 77, records: 9, tables }
}

fn notes() -> GeometryNotes {
    GeometryNotes { repaired: 1, flagged: 2, area_changed: 0.1, area_change_percent_max: 1.0 / 3.0 }
}

fn log(reports: &Path, pipeline: &str, key: Option<&str>) -> SplitLog {
    let log = SplitLog::create(reports, pipeline, &RunId::generate()).expect("a log");
    log.note_key(|| key.map(str::to_owned)).expect("noted");
    log
}

/// As a process that is killed leaves it.
fn leave(log: SplitLog) -> PathBuf {
    let path = log.path.clone();
    log.keep();
    path
}

fn numbers(log: &SplitLog) -> Vec<u32> {
    log.splits().map(|split| split.expect("a split").0.split).collect()
}

#[test]
fn what_was_logged_comes_back_to_the_bit() {
    let reports = tempfile::tempdir().expect("a folder");
    let log = log(reports.path(), "p", None);
    for number in 0..3 {
        log.append(&split(number), &notes()).expect("room");
    }
    for (number, logged) in (0..).zip(log.splits()) {
        let (read, noted) = logged.expect("a split");
        assert_eq!(format!("{read:?}"), format!("{:?}", split(number)));
        assert_eq!(noted, notes());
    }
    assert_eq!(numbers(&log), [0, 1, 2]);
    let mode = log.path.metadata().expect("metadata").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "it holds rows");
    drop(log);
    assert!(!reports.path().join(FOLDER).exists(), "nothing is left");
}

#[test]
fn a_log_ends_where_it_is_not_whole() {
    let reports = tempfile::tempdir().expect("a folder");
    let whole = log(reports.path(), "p", Some("key"));
    (0..3).for_each(|number| whole.append(&split(number), &notes()).expect("room"));
    let path = leave(whole);
    let bytes = fs::read(&path).expect("the log");
    let found = || SplitLog::find(reports.path(), "p", Some("key"));
    let mut seen = Vec::new();
    for length in 0..bytes.len() {
        fs::write(&path, &bytes[..length]).expect("a torn log");
        let Some(log) = found() else {
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            seen.push(usize::MAX);
            continue;
        };
        seen.push(numbers(&log).len());
        log.keep();
    }
    seen.dedup();
    assert_eq!(seen, [usize::MAX, 0, 1, 2], "no key yet, then split by split");
    for place in [bytes.len() - 1, bytes.len() - 20] {
        let mut damaged = bytes.clone();
        damaged[place] ^= 1;
        fs::write(&path, &damaged).expect("a damaged log");
        let log = found().expect("the log");
        assert_eq!(numbers(&log), [0, 1]);
        log.keep();
    }
}

#[test]
fn only_what_was_read_the_same_is_gone_on_with_and_nothing_stays_for_ever() {
    let reports = tempfile::tempdir().expect("a folder");
    let [other, stale, same] = [("other", "key"), ("p", "old"), ("p", "key")]
        .map(|(pipeline, key)| leave(log(reports.path(), pipeline, Some(key))));
    let forced = leave(log(reports.path(), "p", None));
    let alive = log(reports.path(), "p", Some("key"));
    let found = SplitLog::find(reports.path(), "p", Some("key")).expect("the log");
    assert_eq!(found.path, same);
    assert_eq!(Some(found.run()), same.file_name().and_then(|name| name.to_str()));
    assert!(!stale.exists() && !forced.exists(), "no run goes on from those");
    assert!(other.exists(), "another pipeline's");
    assert!(alive.path.exists(), "somebody writes it");
    drop((found, alive));
    assert!(SplitLog::find(reports.path(), "p", Some("key")).is_none());
    let long_ago = SystemTime::now() - 2 * FORGOTTEN_AFTER;
    let file = File::options().write(true).open(&other).expect("the log");
    file.set_modified(long_ago).expect("its time is set");
    drop(file);
    assert!(SplitLog::find(reports.path(), "p", None).is_none());
    assert!(!other.exists(), "its pipeline may never run again");
}
