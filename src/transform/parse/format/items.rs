//! A format's items: how they are written, what they say, how they are read.

use super::fields::Fields;
use crate::transform::parse::moment::Reader;

/// One piece of a format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Item {
    /// Text that stands for itself.
    Literal(Box<[u8]>),
    /// Digits for one field.
    Digits { field: Field, width: Width },
    /// `%b` or `%B`: an English month, in any case.
    MonthName { short: bool },
    /// `%a` or `%A`: an English weekday, in any case; it has to be the date's.
    WeekdayName { short: bool },
    /// `%p` or `%P`: AM or PM, in any case.
    HalfDay,
    /// `%f`: one to nine digits after a point that the format has itself.
    Fraction,
    /// `%.f`: nothing, or a point and digits.
    PointFraction,
    /// `%z` or `%:z`
    Offset,
    /// `%s` and `%Q`: a whole number of these since 1970.
    Epoch { micros: i64 },
}

/// How many digits an item reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Width {
    Exactly(u8),
    /// One or two, as `%-d` writes them.
    OneOrTwo,
    /// Two, the first of which may be a blank: `%e`, `%k`, `%l`.
    Padded,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Year,
    ShortYear,
    Month,
    Day,
    DayOfYear,
    Hour,
    HalfDayHour,
    Minute,
    Second,
}

/// What a format says as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Said {
    pub(super) date: bool,
    pub(super) time: bool,
    pub(super) offset: bool,
    /// Seconds or milliseconds since 1970.
    pub(super) instant: bool,
}

pub(super) const DIFFERENT: &str = "not written in the column's `format`";

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// ISO 8601 counts from Monday, 1.
const WEEKDAYS: [&str; 7] =
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// Takes a format apart.
pub(super) fn compile(text: &str) -> Result<Vec<Item>, String> {
    let mut items = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        match rest.strip_prefix('%') {
            Some(directive) => rest = directive_items(directive, &mut items)?,
            None => {
                let end = rest.find('%').unwrap_or(rest.len());
                push_literal(&mut items, &rest[..end]);
                rest = &rest[end..];
            }
        }
    }
    check_borders(&items)?;
    Ok(items)
}

fn push_literal(items: &mut Vec<Item>, text: &str) {
    if let Some(Item::Literal(before)) = items.last_mut() {
        *before = [&**before, text.as_bytes()].concat().into();
    } else {
        items.push(Item::Literal(text.as_bytes().into()));
    }
}

/// The items of the directive that `text` begins with, and what is behind it.
fn directive_items<'t>(text: &'t str, items: &mut Vec<Item>) -> Result<&'t str, String> {
    let name_len = match text.chars().next() {
        None => return Err("ends with a single %".to_owned()),
        Some('-' | '.' | ':') => text.char_indices().nth(2).map_or(text.len(), |(at, _)| at),
        Some(name) => name.len_utf8(),
    };
    let (name, rest) = text.split_at(name_len);
    match name {
        "%" => push_literal(items, "%"),
        "F" => items.extend(compile("%Y-%m-%d")?),
        "T" => items.extend(compile("%H:%M:%S")?),
        "D" => items.extend(compile("%m/%d/%y")?),
        "R" => items.extend(compile("%H:%M")?),
        _ => items.push(item(name).ok_or_else(|| unknown(name))?),
    }
    Ok(rest)
}

fn unknown(name: &str) -> String {
    let known = "%Y %y %m %-m %b %B %d %-d %e %j %a %A %H %-H %k %I %-I %l %M %S %f %.f %p %P %z %:z \
                 %s %Q %F %D %T %R %%";
    format!("has %{name}, which is none of {known}")
}

fn item(name: &str) -> Option<Item> {
    let two = |field| Item::Digits { field, width: Width::Exactly(2) };
    let flexible = |field| Item::Digits { field, width: Width::OneOrTwo };
    Some(match name {
        "Y" => Item::Digits { field: Field::Year, width: Width::Exactly(4) },
        "y" => two(Field::ShortYear),
        "m" => two(Field::Month),
        "-m" => flexible(Field::Month),
        "b" | "h" => Item::MonthName { short: true },
        "B" => Item::MonthName { short: false },
        "a" => Item::WeekdayName { short: true },
        "A" => Item::WeekdayName { short: false },
        "d" => two(Field::Day),
        "-d" => flexible(Field::Day),
        "e" => Item::Digits { field: Field::Day, width: Width::Padded },
        "j" => Item::Digits { field: Field::DayOfYear, width: Width::Exactly(3) },
        "H" => two(Field::Hour),
        "-H" => flexible(Field::Hour),
        "k" => Item::Digits { field: Field::Hour, width: Width::Padded },
        "l" => Item::Digits { field: Field::HalfDayHour, width: Width::Padded },
        "I" => two(Field::HalfDayHour),
        "-I" => flexible(Field::HalfDayHour),
        "M" => two(Field::Minute),
        "S" => two(Field::Second),
        "f" => Item::Fraction,
        ".f" => Item::PointFraction,
        "p" | "P" => Item::HalfDay,
        "z" | ":z" => Item::Offset,
        "s" => Item::Epoch { micros: 1_000_000 },
        "Q" => Item::Epoch { micros: 1_000 },
        _ => return None,
    })
}

/// An item without fixed width has to end at something that is no digit.
fn check_borders(items: &[Item]) -> Result<(), String> {
    for pair in items.windows(2) {
        let open = match &pair[0] {
            Item::Digits { width, .. } => *width == Width::OneOrTwo,
            Item::Fraction | Item::PointFraction | Item::Epoch { .. } | Item::Offset => true,
            _ => false,
        };
        let digits_next = match &pair[1] {
            Item::Literal(text) => text.first().is_some_and(u8::is_ascii_digit),
            Item::Digits { .. } | Item::Fraction | Item::Epoch { .. } => true,
            _ => false,
        };
        if open && digits_next {
            let message = "has two numbers side by side, and the first has no fixed width";
            return Err(message.to_owned());
        }
    }
    Ok(())
}

/// What the items say together, where they neither repeat nor leave something open.
pub(super) fn said(items: &[Item]) -> Result<Said, String> {
    let count = |wanted: fn(&Item) -> bool| items.iter().filter(|item| wanted(item)).count();
    let years = count(|item| field_is(item, &[Field::Year, Field::ShortYear]));
    let months =
        count(|item| field_is(item, &[Field::Month]) || matches!(item, Item::MonthName { .. }));
    let days = count(|item| field_is(item, &[Field::Day]));
    let weekdays = count(|item| matches!(item, Item::WeekdayName { .. }));
    let days_of_year = count(|item| field_is(item, &[Field::DayOfYear]));
    let hours = count(|item| field_is(item, &[Field::Hour]));
    let half_day_hours = count(|item| field_is(item, &[Field::HalfDayHour]));
    let half_days = count(|item| matches!(item, Item::HalfDay));
    let minutes = count(|item| field_is(item, &[Field::Minute]));
    let seconds = count(|item| field_is(item, &[Field::Second]));
    let fractions = count(|item| matches!(item, Item::Fraction | Item::PointFraction));
    let offsets = count(|item| matches!(item, Item::Offset));
    let epochs = count(|item| matches!(item, Item::Epoch { .. }));

    let date = years + months + days + days_of_year + weekdays;
    let time = hours + half_day_hours + half_days + minutes + seconds;
    let say = |wrong: bool, message: &str| if wrong { Err(message.to_owned()) } else { Ok(()) };
    let twice = [years, months, days + days_of_year, hours + half_day_hours, half_days, minutes]
        .into_iter()
        .chain([weekdays, seconds, fractions, offsets, epochs])
        .any(|count| count > 1);
    say(twice, "says the same part of a date or time twice")?;
    say(epochs > 0 && date + time + offsets > 0, "says more than %s or %Q, which say everything")?;
    let dated = years == 1 && (days_of_year == 1 && months == 0 || months == 1 && days == 1);
    say(date > 0 && !dated, "does not say a whole date: a year, a month and a day")?;
    say(half_day_hours != half_days, "needs %I and %p together")?;
    say(time > 0 && hours + half_day_hours == 0, "says a part of a time without its hour")?;
    say(seconds > minutes, "says seconds without minutes")?;
    say(fractions > seconds + epochs, "says a fraction without seconds")?;
    say(offsets > 0 && time == 0, "says an offset without a time")?;
    Ok(Said { date: date > 0, time: time > 0, offset: offsets > 0, instant: epochs > 0 })
}

fn field_is(item: &Item, fields: &[Field]) -> bool {
    matches!(item, Item::Digits { field, .. } if fields.contains(field))
}

/// Reads a text along the items, and gives what is left of it.
#[inline]
pub(super) fn read<'t>(
    items: &[Item],
    text: &'t str,
    fields: &mut Fields,
) -> Result<&'t [u8], &'static str> {
    let mut reader = Reader { rest: text.as_bytes() };
    for item in items {
        match item {
            Item::Literal(literal) => {
                reader.rest = reader.rest.strip_prefix(&**literal).ok_or(DIFFERENT)?;
            }
            Item::Digits { field, width } => {
                let number = number(&mut reader, *width).ok_or(DIFFERENT)?;
                set(fields, *field, number);
            }
            _ => read_unusual(item, &mut reader, fields)?,
        }
    }
    Ok(reader.rest)
}

#[inline]
fn number(reader: &mut Reader<'_>, width: Width) -> Option<u32> {
    match width {
        Width::Exactly(width) => reader.digits(usize::from(width)),
        Width::OneOrTwo => {
            let two = reader.rest.get(1).is_some_and(u8::is_ascii_digit);
            reader.digits(if two { 2 } else { 1 })
        }
        Width::Padded => {
            let padded = reader.pass(b' ');
            reader.digits(if padded { 1 } else { 2 })
        }
    }
}

#[inline]
fn set(fields: &mut Fields, field: Field, number: u32) {
    match field {
        Field::Year => fields.year = number,
        // POSIX: 69 to 99 are of the last century.
        Field::ShortYear => fields.year = number + if number >= 69 { 1900 } else { 2000 },
        Field::Month => fields.month = number,
        Field::Day => fields.day = number,
        Field::DayOfYear => fields.day_of_year = Some(number),
        Field::Hour => fields.hour = number,
        Field::HalfDayHour => {
            fields.hour = number;
            fields.half_day = true;
        }
        Field::Minute => fields.minute = number,
        Field::Second => fields.second = number,
    }
}

fn read_unusual(
    item: &Item,
    reader: &mut Reader<'_>,
    fields: &mut Fields,
) -> Result<(), &'static str> {
    match item {
        Item::Literal(_) | Item::Digits { .. } => {}
        Item::MonthName { short } => {
            fields.month = name(reader, &MONTHS, *short).ok_or(DIFFERENT)?;
        }
        Item::WeekdayName { short } => {
            fields.weekday = Some(name(reader, &WEEKDAYS, *short).ok_or(DIFFERENT)?);
        }
        Item::HalfDay => fields.afternoon = afternoon(reader).ok_or(DIFFERENT)?,
        Item::Fraction => fields.fraction = fraction(reader)?,
        Item::PointFraction => {
            if reader.pass(b'.') {
                fields.fraction = fraction(reader)?;
            }
        }
        Item::Offset => fields.offset = Some(reader.offset().ok_or(DIFFERENT)?),
        Item::Epoch { micros } => {
            fields.before_epoch = reader.pass(b'-');
            fields.epoch = Some(epoch(reader, *micros, fields.before_epoch).ok_or(DIFFERENT)?);
        }
    }
    Ok(())
}

/// The number, from 1, of the name that comes next.
fn name(reader: &mut Reader<'_>, names: &[&str], short: bool) -> Option<u32> {
    (1..).zip(names).find_map(|(number, name)| {
        let name = if short { &name[..3] } else { name };
        let (word, rest) = reader.rest.split_at_checked(name.len())?;
        if !word.eq_ignore_ascii_case(name.as_bytes()) {
            return None;
        }
        reader.rest = rest;
        Some(number)
    })
}

fn afternoon(reader: &mut Reader<'_>) -> Option<bool> {
    let (word, rest) = reader.rest.split_at_checked(2)?;
    let afternoon = word.eq_ignore_ascii_case(b"PM");
    if !afternoon && !word.eq_ignore_ascii_case(b"AM") {
        return None;
    }
    reader.rest = rest;
    Some(afternoon)
}

fn fraction(reader: &mut Reader<'_>) -> Result<i64, &'static str> {
    reader.millionths()?.ok_or(DIFFERENT)
}

fn epoch(reader: &mut Reader<'_>, micros: i64, negative: bool) -> Option<i64> {
    let digits = reader.digit_run();
    if digits.is_empty() {
        return None;
    }
    let count = digits.iter().try_fold(0i64, |count, digit| {
        count.checked_mul(10)?.checked_add(i64::from(digit - b'0'))
    })?;
    count.checked_mul(if negative { -micros } else { micros })
}
