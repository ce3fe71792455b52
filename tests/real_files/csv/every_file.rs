//! Every delimited text there is, whatever it holds, in several splits and dialects.

use std::path::Path;

use serde_json::{Value, json};

use super::{Row, Table, WHOLE, files, open, read};
use crate::real_files::data;

/// Larger files are read in one dialect only, for the test's sake.
const SEVERAL_DIALECTS_BYTES_MAX: u64 = 100_000;

/// Reads a file in three split sizes, which must agree; `None` when it cannot be opened.
fn in_every_split_size(keys: Value, path: &Path) -> Option<Table> {
    let source = open(keys, path).ok()?;
    let whole = read(source.as_ref(), WHOLE).ok();
    for split_bytes in [1024, 64 * 1024] {
        let other = read(source.as_ref(), split_bytes).ok();
        assert!(other == whole, "{} in splits of {split_bytes}", path.display());
    }
    whole
}

#[test]
fn every_file_reads_the_same_in_every_split_size() {
    let Some(data) = data() else { return };
    let paths = files(&data, "csv");
    assert!(paths.len() >= 1_287, "{} files", paths.len());
    let mut read = 0;
    for path in &paths {
        read += usize::from(in_every_split_size(json!({}), path).is_some());
        if path.metadata().expect("a file").len() > SEVERAL_DIALECTS_BYTES_MAX {
            continue;
        }
        for keys in [
            json!({"delimiter": ";", "quote": "'", "encoding": "windows-1252"}),
            json!({"header": false, "escape": "\\", "comment": "#", "encoding": "gbk"}),
            json!({"header": false, "delimiter": "|", "encoding": "shift_jis"}),
        ] {
            in_every_split_size(keys, path);
        }
    }
    // The others are empty, in UTF-16, or have no proper header in this dialect.
    assert_eq!(read, 1_200);
}

/// Where we find nothing wrong, a lenient reader must find the same.
#[test]
fn files_without_faults_are_read_as_the_csv_crate_reads_them() {
    let Some(data) = data() else { return };
    let mut compared = 0;
    for path in files(&data, "csv") {
        let Some(ours) =
            open(json!({}), &path).and_then(|source| read(source.as_ref(), WHOLE)).ok()
        else {
            continue;
        };
        // Of one column, empty lines are values to us and nothing to them.
        if ours.faulty() > 0 || ours.header.len() == 1 {
            continue;
        }
        let theirs = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_path(&path);
        let mut theirs = theirs
            .expect("a readable file")
            .into_records()
            .map(|record| -> Row { Ok(record.expect("text").iter().map(str::to_owned).collect()) });
        let header = theirs.next().and_then(Result::ok).expect("a header");
        assert!(header == ours.header, "{}", path.display());
        assert!(theirs.eq(ours.rows), "{}", path.display());
        compared += 1;
    }
    // Nine more have their first row again, which is a fault of a file with a header.
    assert_eq!(compared, 777);
}
