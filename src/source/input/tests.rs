//! Every compression, whole, cut short and tampered with.

use std::io::{Read, Write};

use super::*;
use crate::error::ErrorKind;

const CONTENT: &[u8] = b"id,name\n1,Ana\n2,Rui\n";

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(content).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

fn bzip2(content: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::default());
    encoder.write_all(content).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

fn zstandard(content: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 3).expect("an encoder");
    encoder.include_checksum(true).expect("a checksum");
    encoder.write_all(content).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in members {
        let options = zip::write::SimpleFileOptions::default();
        writer.start_file(*name, options).expect("a member");
        writer.write_all(content).expect("memory takes it");
    }
    writer.finish().expect("memory takes it").into_inner()
}

/// What reading a file of that name and content gives, through to its end.
fn read(name: &str, bytes: &[u8], member: Option<&str>) -> std::result::Result<Vec<u8>, String> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).expect("a file");
    let mut stream = open(&path, member).map_err(|error| {
        assert_ne!(error.kind(), ErrorKind::Unexpected);
        format!("{error}; {}", error.hint_text().unwrap_or_default())
    })?;
    let mut content = Vec::new();
    stream.read_to_end(&mut content).map_err(|cause| cause.to_string())?;
    assert!(stream.bytes_read() <= bytes.len() as u64);
    Ok(content)
}

#[test]
fn every_compression_is_undone_by_content_not_by_name() {
    let packed = [
        ("a", CONTENT.to_vec()),
        ("a.gz", gzip(CONTENT)),
        ("a.zst", zstandard(CONTENT)),
        ("a.bz2", bzip2(CONTENT)),
    ];
    for (name, bytes) in &packed {
        assert_eq!(read(name, bytes, None).as_deref(), Ok(CONTENT), "{name}");
        assert_eq!(read("a.csv", bytes, None).as_deref(), Ok(CONTENT), "{name} by content");
    }
}

#[test]
fn all_members_and_frames_are_read() {
    for pack in [gzip, bzip2, zstandard] {
        let (first, second) = CONTENT.split_at(9);
        let both = [pack(first), pack(second)].concat();
        assert_eq!(read("a.csv", &both, None).as_deref(), Ok(CONTENT));
    }
}

#[test]
fn a_stream_cut_anywhere_is_an_error() {
    for pack in [gzip, bzip2, zstandard] {
        let whole = pack(CONTENT);
        for length in 10..whole.len() {
            let result = read("a.csv", &whole[..length], None);
            assert!(result.is_err(), "{length} of {} bytes", whole.len());
        }
        // The second member cut after its first bytes.
        let both = [whole.clone(), whole.clone()].concat();
        for length in whole.len() + 1..both.len() {
            assert!(read("a.csv", &both[..length], None).is_err(), "{length} of {}", both.len());
        }
    }
}

#[test]
fn garbage_after_the_end_and_broken_checksums_are_errors() {
    for pack in [gzip, bzip2, zstandard] {
        let whole = pack(CONTENT);
        let trailing = [whole.clone(), b"garbage after the end".to_vec()].concat();
        assert!(read("a.csv", &trailing, None).is_err());
    }
    let mut broken = gzip(CONTENT);
    let checksum = broken.len() - 8;
    broken[checksum] ^= 1;
    assert!(read("a.csv.gz", &broken, None).is_err());
}

#[test]
fn a_name_that_promises_a_compression_is_held_to_it() {
    for name in ["a.csv.gz", "a.zst", "a.bz2", "a.ZIP"] {
        let error = read(name, CONTENT, None).expect_err("a broken promise");
        assert!(error.contains("is not a"), "{error}");
    }
    assert!(read("a.csv.gz", b"", None).is_err(), "an empty download");
}

#[test]
fn a_member_is_chosen_by_name_by_glob_or_because_it_is_alone() {
    let one = zip(&[("in/a.csv", CONTENT), ("__MACOSX/in/._a.csv", b"x")]);
    assert_eq!(read("a.zip", &one, None).as_deref(), Ok(CONTENT));
    let two = zip(&[("a.csv", CONTENT), ("b.csv", b"b"), ("[c].csv", b"c")]);
    assert_eq!(read("a.zip", &two, Some("b.csv")).as_deref(), Ok(&b"b"[..]));
    assert_eq!(read("a.zip", &two, Some("[c].csv")).as_deref(), Ok(&b"c"[..]));
    assert_eq!(read("a.zip", &two, Some("a*")).as_deref(), Ok(CONTENT));
    for wanted in [None, Some("*.csv"), Some("z.csv")] {
        let error = read("a.zip", &two, wanted).expect_err("not exactly one");
        assert!(error.contains("`a.csv`, `b.csv`"), "{error}");
    }
    assert!(read("a.csv", CONTENT, Some("a.csv")).is_err(), "a member of no archive");
}

#[test]
fn a_cut_archive_or_a_tampered_member_is_an_error() {
    let whole = zip(&[("a.csv", CONTENT)]);
    for length in 4..whole.len() {
        assert!(read("a.csv", &whole[..length], None).is_err(), "{length} of {}", whole.len());
    }
    let stored = whole.windows(4).position(|window| window == b"a.cs").expect("its name");
    let mut tampered = whole.clone();
    tampered[stored + 5 + 3] ^= 0x10;
    assert!(read("a.zip", &tampered, None).is_err());
}

#[test]
fn a_bomb_is_refused_before_it_is_read() {
    let zeros = vec![0u8; 24 * 1024 * 1024];
    let error = read("a.zip", &zip(&[("zeros", &zeros)]), None).expect_err("1000:1");
    assert!(error.contains("size no honest delivery has"), "{error}");
}

#[test]
fn a_file_that_changes_while_it_is_read_is_an_error() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("a.csv");
    std::fs::write(&path, CONTENT).expect("a file");
    let mut stream = open(&path, None).expect("it opens");
    let mut buffer = [0; 64];
    assert_eq!(stream.read(&mut buffer).expect("its content"), CONTENT.len());
    std::fs::write(&path, [CONTENT, CONTENT].concat()).expect("a longer file");
    assert!(stream.read_to_end(&mut Vec::new()).is_err());
}

#[test]
fn folders_pipes_and_missing_files_are_told_apart() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let error = open(folder.path(), None).expect_err("a folder");
    assert!(error.to_string().contains("is a folder"));
    let error = open(&folder.path().join("none"), None).expect_err("nothing");
    assert!(error.to_string().contains("does not exist"));
    let error = open(Path::new("/dev/zero"), None).expect_err("a device");
    assert!(error.to_string().contains("pipe or device"));
}
