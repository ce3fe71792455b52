//! The same rules, read byte by byte from the whole text, as an oracle.

use proptest::prelude::*;

use super::{Seen, read, shape};

#[derive(Clone, Copy)]
struct Rules {
    escape: Option<u8>,
    comment: Option<u8>,
    width: usize,
}

/// Lines as (content start, content end, next start).
fn lines(text: &[u8]) -> Vec<(usize, usize, usize)> {
    let (mut found, mut start, mut at) = (Vec::new(), 0, 0);
    while at < text.len() {
        let length = match (text[at], text.get(at + 1)) {
            (b'\r', Some(b'\n')) => 2,
            (b'\r' | b'\n', _) => 1,
            _ => 0,
        };
        if length > 0 {
            found.push((start, at, at + length));
            start = at + length;
        }
        at += length.max(1);
    }
    if start < text.len() {
        found.push((start, text.len(), text.len()));
    }
    found
}

fn quotes(text: &[u8], escape: Option<u8>) -> usize {
    let (mut count, mut at) = (0, 0);
    while at < text.len() {
        let next = text.get(at + 1).copied();
        if Some(text[at]) == escape && (next == Some(b'"') || (next.is_some() && next == escape)) {
            at += 2;
            continue;
        }
        count += usize::from(text[at] == b'"');
        at += 1;
    }
    count
}

/// The fields, `None` when the quoting is not strict.
fn fields(text: &[u8], escape: Option<u8>) -> Option<Vec<Vec<u8>>> {
    #[derive(PartialEq)]
    enum State {
        Start,
        Unquoted,
        Quoted,
        Closed,
    }
    let (mut fields, mut field, mut state, mut at) = (Vec::new(), Vec::new(), State::Start, 0);
    while at < text.len() {
        let (byte, next) = (text[at], text.get(at + 1).copied());
        at += 1;
        match state {
            State::Quoted if Some(byte) == escape && (next == Some(b'"') || next == escape) => {
                field.extend(next);
                at += 1;
            }
            State::Quoted if byte == b'"' && escape.is_none() && next == Some(b'"') => {
                field.push(b'"');
                at += 1;
            }
            State::Quoted if byte == b'"' => state = State::Closed,
            State::Quoted => field.push(byte),
            _ if byte == b',' => {
                fields.push(std::mem::take(&mut field));
                state = State::Start;
            }
            State::Start if byte == b'"' => state = State::Quoted,
            State::Start | State::Unquoted if byte != b'"' => {
                field.push(byte);
                state = State::Unquoted;
            }
            _ => return None,
        }
    }
    fields.push(field);
    (state != State::Quoted).then_some(fields)
}

fn reference(text: &[u8], rules: Rules) -> Vec<Seen> {
    let lines = lines(text);
    let (mut seen, mut at) = (Vec::new(), 0);
    while at < lines.len() {
        let (start, end, _) = lines[at];
        let blank = start == end && rules.width != 1;
        if blank || (start < end && Some(text[start]) == rules.comment) {
            at += 1;
            continue;
        }
        let even =
            |last: &usize| quotes(&text[start..lines[*last].1], rules.escape).is_multiple_of(2);
        let last = (at..lines.len()).find(even);
        let kept = last.filter(|last| {
            *last == at || fields(&text[start..lines[*last].1], rules.escape).is_some()
        });
        let raw = &text[start..lines[kept.unwrap_or(at)].1];
        let cells = match fields(raw, rules.escape) {
            Some(fields) if kept.is_some() => judge(fields, raw, rules.width),
            _ => Err("csv.quote"),
        };
        let number = seen.len() as u64 + 1;
        seen.push(Seen { number, line: at as u64 + 1, raw: raw.to_vec(), cells });
        at = kept.unwrap_or(at) + 1;
    }
    seen
}

fn judge(fields: Vec<Vec<u8>>, raw: &[u8], width: usize) -> Result<Vec<String>, &'static str> {
    if fields.len() != width {
        return Err("csv.ragged");
    }
    if raw.contains(&0) {
        return Err("encoding.nul");
    }
    let texts: Result<_, _> = fields.into_iter().map(String::from_utf8).collect();
    texts.map_err(|_| "encoding.invalid")
}

fn nasty_text() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => Just(&b"\""[..]),
        4 => Just(&b","[..]),
        2 => Just(&b"\r"[..]),
        4 => Just(&b"\n"[..]),
        2 => Just(&b"\r\n"[..]),
        2 => Just(&b" "[..]),
        6 => Just(&b"a"[..]),
        2 => Just(&b"\\"[..]),
        2 => Just("é".as_bytes()),
        1 => Just(&b"\xff"[..]),
        1 => Just(&b"\0"[..]),
        1 => Just(&b"#"[..]),
        4 => Just(&b"\"a,\"\"\n\","[..]),
        4 => Just(&b"a,b\n"[..]),
    ];
    proptest::collection::vec(piece, 0..200).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_bytes_read_as_the_reference_reads_them(
        text in nasty_text(),
        escape in proptest::option::of(Just(b'\\')),
        comment in proptest::option::of(Just(b'#')),
        width in 1usize..4,
        split_bytes in prop_oneof![1usize..40, Just(1 << 20)],
    ) {
        let columns = &["'x'", "'y'", "'z'"][..width];
        let mut toml = format!("header = false\ncolumns = [{}]\n", columns.join(","));
        toml.push_str(if escape.is_some() { "escape = '\\'\n" } else { "" });
        toml.push_str(if comment.is_some() { "comment = '#'\n" } else { "" });
        let (_folder, shape) = shape(&toml, &text).expect("it opens");
        let seen = read(&shape, split_bytes).expect("it reads");
        prop_assert_eq!(seen, reference(&text, Rules { escape, comment, width }));
    }

    #[test]
    fn what_the_csv_crate_writes_is_read_back(
        rows in (1usize..6).prop_flat_map(|width| {
            let field = prop_oneof!["[a-z]{0,3}", "[\",\r\n é]{0,4}", ".{0,12}"];
            proptest::collection::vec(proptest::collection::vec(field, width), 1..30)
        }),
        crlf in any::<bool>(),
        always in any::<bool>(),
        split_bytes in 1usize..200,
    ) {
        let rows: Vec<Vec<String>> = rows
            .into_iter()
            .map(|row| row.into_iter().map(|field| field.replace('\0', "")).collect())
            .collect();
        let terminator = if crlf { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') };
        let style = if always { csv::QuoteStyle::Always } else { csv::QuoteStyle::Necessary };
        let mut writer = csv::WriterBuilder::new()
            .terminator(terminator)
            .quote_style(style)
            .from_writer(Vec::new());
        for row in &rows {
            writer.write_record(row).expect("memory takes it");
        }
        let content = writer.into_inner().expect("memory takes it");
        prop_assume!(!content.starts_with("\u{feff}".as_bytes()));
        let (_folder, shape) = shape("header = false", &content).expect("it opens");
        let seen = read(&shape, split_bytes).expect("it reads");
        let cells: Vec<_> = seen.into_iter().map(|seen| seen.cells).collect();
        prop_assert_eq!(cells, rows.into_iter().map(Ok).collect::<Vec<_>>());
    }
}

/// Large enough that blocks end everywhere: in quotes, between CR and LF, in characters.
#[test]
fn megabytes_of_nasty_text_read_the_same_in_every_split_size() {
    let pieces: [&[u8]; 12] = [
        b"1,two\r\n",
        b"\"a\r\nb\",\"c\"\"d\"\r\n",
        b"3,\"stray\n",
        "é,日本\r".as_bytes(),
        b"ragged\n",
        b"\n",
        b"\"x\"y,z\n",
        b"4,\xff\n",
        b"5,\0\n",
        b"#comment\n",
        b"\"\n\n\n\",\r\n",
        b"6,six\n",
    ];
    let (mut text, mut state) = (Vec::new(), 88_172_645_463_325_252_u64);
    while text.len() < 900_000 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        text.extend_from_slice(pieces[usize::try_from(state % 12).expect("small")]);
    }
    let (_folder, shape) = shape("header = false\ncolumns = ['a','b']", &text).expect("it opens");
    let expected = reference(&text, Rules { escape: None, comment: None, width: 2 });
    for split_bytes in [1024, 5000, 64 * 1024, 256 * 1024, 4 << 20] {
        assert!(
            read(&shape, split_bytes).expect("it reads") == expected,
            "splits of {split_bytes}"
        );
    }
}
