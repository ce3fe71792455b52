//! The cells of a sheet, read from its XML in the order they stand there.
//!
//! What a cell means is what calamine says of it; `tests` reads both ways and compares.
//! An element, type or number that is not the plain one is [`Unusual`].

use std::io::Read;

use super::{
    super::{
        row::Content,
        workbook::{Visit, Visitor},
    },
    Stop, Unusual,
    chunks::Chunks,
    markup::{self, Found, Scan, check_prologue},
    texts::SharedTexts,
};

/// Columns and rows that a sheet can have; a cell beyond is left to calamine.
const COLUMNS_MAX: u32 = super::super::area::COLUMNS_MAX;
const ROWS_MAX: u32 = super::super::area::ROWS_MAX;

/// What a number is by the format of its cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NumberKind {
    Plain,
    Date,
    Elapsed,
}

/// What cells refer to.
#[derive(Debug, Default)]
pub(super) struct Referred {
    pub(super) texts: SharedTexts,
    /// By the number of the cell's style.
    pub(super) kinds: Vec<NumberKind>,
}

/// Shows the visitor the cells of a sheet that are not empty.
pub(super) fn visit(
    mut chunks: Chunks<impl Read>,
    referred: &Referred,
    visitor: &mut Visitor<'_>,
) -> Result<Visit, Stop> {
    check_prologue(&chunks.prologue("<sheetData")?)?;
    let mut reader = Reader { referred, row: 0, column: 0, scratch: String::new() };
    let mut is_first = true;
    while let Some(chunk) = chunks.next_until("</row>")? {
        let mut scan = Scan::of(chunk);
        if std::mem::take(&mut is_first) && scan.attributes(|_, _| Ok(()))? {
            return Ok(Visit::More);
        }
        match reader.rows(&mut scan, visitor)? {
            After::Piece => {}
            After::Sheet => return Ok(Visit::More),
            After::Enough => return Ok(Visit::Enough),
        }
    }
    Err(Unusual.into())
}

/// Why the rows of a piece are over.
enum After {
    Piece,
    Sheet,
    Enough,
}

struct Reader<'b> {
    referred: &'b Referred,
    /// Where the next cell stands that does not say so, from 0.
    row: u32,
    column: u32,
    scratch: String,
}

/// The attributes of a cell, as they are written.
#[derive(Default)]
struct CellTag<'x> {
    place: Option<&'x str>,
    style: Option<&'x str>,
    kind: Option<&'x str>,
}

impl Reader<'_> {
    fn rows(&mut self, scan: &mut Scan<'_>, visitor: &mut Visitor<'_>) -> Result<After, Stop> {
        loop {
            scan.skip_blanks();
            if scan.is_at_end() {
                return Ok(After::Piece);
            }
            if !scan.take_start("row") {
                scan.expect("</sheetData>")?;
                return Ok(After::Sheet);
            }
            let mut given = None;
            let is_empty = scan.attributes(|key, value| match key {
                "r" => once(&mut given, value),
                _ => Ok(()),
            })?;
            if let Some(given) = given {
                let number = markup::number(given.as_bytes()).ok_or(Unusual)?;
                self.row = number.checked_sub(1).ok_or(Unusual)?;
            }
            if self.row >= ROWS_MAX {
                return Err(Unusual.into());
            }
            if !is_empty && self.cells(scan, visitor)? == Visit::Enough {
                return Ok(After::Enough);
            }
            self.row += 1;
            self.column = 0;
        }
    }

    /// The cells of a row whose tag was passed, up to and with its end.
    fn cells(&mut self, scan: &mut Scan<'_>, visitor: &mut Visitor<'_>) -> Result<Visit, Stop> {
        loop {
            scan.skip_blanks();
            if !scan.take_start("c") {
                scan.expect("</row>")?;
                return Ok(Visit::More);
            }
            let mut tag = CellTag::default();
            let is_empty = scan.attributes(|key, value| match key {
                "r" => once(&mut tag.place, value),
                "s" => once(&mut tag.style, value),
                "t" => once(&mut tag.kind, value),
                _ => Ok(()),
            })?;
            let (row, column) = match tag.place {
                Some(place) => markup::place(place).ok_or(Unusual)?,
                None => (self.row, self.column),
            };
            if row >= ROWS_MAX || column >= COLUMNS_MAX {
                return Err(Unusual.into());
            }
            self.column = column + 1;
            if is_empty {
                continue;
            }
            self.scratch.clear();
            let content = content(self.referred, scan, &tag, &mut self.scratch)?;
            if let Some(content) = content
                && visitor(row, column, content)? == Visit::Enough
            {
                return Ok(Visit::Enough);
            }
        }
    }
}

/// Which of two equal attributes counts is not for this reader to say.
fn once<'x>(place: &mut Option<&'x str>, value: &'x str) -> Result<(), Unusual> {
    if place.replace(value).is_some() { Err(Unusual) } else { Ok(()) }
}

/// What a cell holds whose tag was passed, up to and with its end; `None` when nothing.
fn content<'c, 'x: 'c>(
    referred: &'c Referred,
    scan: &mut Scan<'x>,
    tag: &CellTag<'_>,
    scratch: &'c mut String,
) -> Result<Option<Content<'c>>, Unusual> {
    let mut value = None;
    let mut is_formula = false;
    loop {
        scan.skip_blanks();
        if scan.take_start("v") {
            set(&mut value, value_element(referred, scan, tag, scratch)?)?;
        } else if scan.take_start("is") {
            let is_empty = scan.attributes(|_, _| Ok(()))?;
            let found = if is_empty { Some("") } else { scan.rich_text("</is>", scratch)? };
            set(&mut value, Value::Text(found))?;
        } else if scan.take_start("f") {
            formula(scan)?;
            is_formula = true;
        } else {
            scan.expect("</c>")?;
            break;
        }
    }
    Ok(match value {
        Some(Value::Text(found)) => Some(Content::Text(found.unwrap_or(scratch))),
        Some(Value::IsoDate(found)) => Some(Content::IsoDate(found.unwrap_or(scratch))),
        Some(Value::Content(content)) => Some(content),
        Some(Value::Nothing) | None => is_formula.then_some(Content::NoResult),
    })
}

/// A value whose text may stand in the scratch string.
enum Value<'x> {
    Nothing,
    Content(Content<'x>),
    Text(Found<'x>),
    IsoDate(Found<'x>),
}

fn set<'x>(value: &mut Option<Value<'x>>, found: Value<'x>) -> Result<(), Unusual> {
    if value.replace(found).is_some() { Err(Unusual) } else { Ok(()) }
}

/// The value of a `<v>` whose name was passed, up to and with its end.
fn value_element<'c, 'x: 'c>(
    referred: &'c Referred,
    scan: &mut Scan<'x>,
    tag: &CellTag<'_>,
    scratch: &mut String,
) -> Result<Value<'c>, Unusual> {
    let is_empty = scan.attributes(|_, _| Ok(()))?;
    let text = if is_empty { "" } else { scan.raw_text()? };
    if !is_empty {
        scan.expect("</v>")?;
    }
    match tag.kind {
        // The text is in `<is>`.
        Some("inlineStr" | "is") if text.contains('&') => Err(Unusual),
        Some("inlineStr" | "is") => Ok(Value::Nothing),
        Some("str") => Ok(Value::Text(markup::meaning(text, true, scratch)?)),
        Some("d") => Ok(Value::IsoDate(markup::meaning(text, false, scratch)?)),
        Some("n" | "s" | "b" | "e") | None if text.is_empty() => Ok(Value::Nothing),
        Some("n") | None => Ok(Value::Content(number(text, kind_of_number(referred, tag.style)?)?)),
        Some("s") => {
            let index = markup::number(text.as_bytes()).ok_or(Unusual)?;
            Ok(Value::Text(Some(referred.texts.get(index).ok_or(Unusual)?)))
        }
        Some("b") => match text {
            "0" => Ok(Value::Content(Content::Bool(false))),
            "1" => Ok(Value::Content(Content::Bool(true))),
            _ => Err(Unusual),
        },
        Some("e") => Ok(Value::Content(Content::Error(error_name(text)?))),
        Some(_) => Err(Unusual),
    }
}

fn kind_of_number(referred: &Referred, style: Option<&str>) -> Result<NumberKind, Unusual> {
    let Some(style) = style else { return Ok(NumberKind::Plain) };
    let style = markup::number(style.as_bytes()).ok_or(Unusual)?;
    referred.kinds.get(style as usize).copied().ok_or(Unusual)
}

/// `-12.5e-3`: what programs write; whatever else may be a number is not for here.
fn number(text: &str, kind: NumberKind) -> Result<Content<'static>, Unusual> {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let mut rest = text.strip_prefix('-').unwrap_or(text);
    for prefix in ["", ".", "E", "e"] {
        let Some(after) = rest.strip_prefix(prefix) else { continue };
        let after = if prefix.eq_ignore_ascii_case("e") {
            after.strip_prefix(['-', '+']).unwrap_or(after)
        } else {
            after
        };
        match digits(after) {
            0 => return Err(Unusual),
            length => rest = &after[length..],
        }
    }
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
    let number = number.filter(|_| rest.is_empty()).ok_or(Unusual)?;
    Ok(match kind {
        NumberKind::Plain => Content::Number(number),
        NumberKind::Date => Content::Date(number),
        NumberKind::Elapsed => Content::Elapsed(number),
    })
}

fn error_name(text: &str) -> Result<&'static str, Unusual> {
    const NAMES: [&str; 7] = ["#N/A", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!"];
    NAMES.into_iter().find(|name| *name == text).ok_or(Unusual)
}

/// A `<f>` whose name was passed, up to and with its end.
fn formula(scan: &mut Scan<'_>) -> Result<(), Unusual> {
    let (mut kind, mut index, mut range) = (None, None, None);
    let is_empty = scan.attributes(|key, value| match key {
        "t" => once(&mut kind, value),
        "si" => once(&mut index, value),
        "ref" => once(&mut range, value),
        _ => Ok(()),
    })?;
    let is_indexed = index.is_some_and(|index| markup::number(index.as_bytes()).is_some());
    if kind == Some("shared") && !(is_indexed && range.is_none_or(markup::is_range)) {
        return Err(Unusual);
    }
    if is_empty {
        return Ok(());
    }
    let text = scan.raw_text()?;
    if memchr::memchr(b'&', text.as_bytes()).is_some() {
        markup::decode(text, &mut String::new())?;
    }
    scan.expect("</f>")
}
