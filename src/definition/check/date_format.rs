//! Date formats in strftime's words: which are understood, and whether they make a date.
//!
//! Only what can be read without a guess is accepted: words for week numbers,
//! locales and zone abbreviations are refused, and so is a date without a year.

use super::Checker;
use crate::diagnostic::Place;

/// What a word of a format says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Year,
    Month,
    Day,
    DayOfYear,
    Weekday,
    Hour,
    Hour12,
    HalfDay,
    Minute,
    Second,
    Fraction,
    Offset,
    Epoch,
}

/// The words that are read, without their `%`.
const WORDS: &[(&str, &[Part])] = &[
    ("Y", &[Part::Year]),
    ("y", &[Part::Year]),
    ("m", &[Part::Month]),
    ("b", &[Part::Month]),
    ("B", &[Part::Month]),
    ("h", &[Part::Month]),
    ("d", &[Part::Day]),
    ("e", &[Part::Day]),
    ("j", &[Part::DayOfYear]),
    ("a", &[Part::Weekday]),
    ("A", &[Part::Weekday]),
    ("H", &[Part::Hour]),
    ("k", &[Part::Hour]),
    ("I", &[Part::Hour12]),
    ("l", &[Part::Hour12]),
    ("p", &[Part::HalfDay]),
    ("P", &[Part::HalfDay]),
    ("M", &[Part::Minute]),
    ("S", &[Part::Second]),
    ("f", &[Part::Fraction]),
    (".f", &[Part::Fraction]),
    ("z", &[Part::Offset]),
    (":z", &[Part::Offset]),
    ("-d", &[Part::Day]),
    ("-m", &[Part::Month]),
    ("-H", &[Part::Hour]),
    ("-I", &[Part::Hour12]),
    ("s", &[Part::Epoch]),
    ("Q", &[Part::Epoch]),
    ("F", &[Part::Year, Part::Month, Part::Day]),
    ("D", &[Part::Year, Part::Month, Part::Day]),
    ("T", &[Part::Hour, Part::Minute, Part::Second]),
    ("R", &[Part::Hour, Part::Minute]),
    ("%", &[]),
];

impl Checker<'_> {
    pub(super) fn date_format(&mut self, format: &str, place: &Place) {
        let Err((message, hint)) = parts(format).and_then(|parts| complete(&parts)) else { return };
        let finding = self.report("definition.format", place, message);
        finding.hint = Some(hint);
    }
}

/// A message and a hint.
type Fault = (String, String);

/// What a format's words say, in order.
fn parts(format: &str) -> Result<Vec<Part>, Fault> {
    let mut parts = Vec::new();
    let mut rest = format;
    while let Some((_, after)) = rest.split_once('%') {
        let word = WORDS.iter().find(|(word, _)| after.starts_with(word));
        let Some((word, says)) = word else {
            return Err(unknown(after));
        };
        for part in *says {
            if parts.contains(part) {
                return Err((
                    format!("`%{word}` says again what another word of the format says"),
                    "each part of a date or time is named once".to_owned(),
                ));
            }
            parts.push(*part);
        }
        rest = &after[word.len()..];
    }
    Ok(parts)
}

fn unknown(after: &str) -> Fault {
    let hint = match after.chars().next() {
        None => {
            return (
                "the format ends in a single `%`".to_owned(),
                "write `%%` for a percent sign".to_owned(),
            );
        }
        Some('-' | '_' | '0' | '^' | '#') => {
            "`%d` reads `07`, `%-d` reads `7` and `07`; so do `%-m`, `%-H` and `%-I`".to_owned()
        }
        Some('Z') => "abbreviations of zones are ambiguous; name the zone with `zone`".to_owned(),
        Some(_) => {
            "the words read are `%Y %y %m %-m %b %B %d %-d %e %j %a %A %H %-H %k %I %-I %l %p \
                    %M %S %f %.f %z %:z %s %Q %F %T %D %R`"
                .to_owned()
        }
    };
    let word: String = after.chars().take(1).collect();
    (format!("`%{word}` is not a word that dates are read by"), hint)
}

/// Whether the parts make a date, a time, or both.
fn complete(parts: &[Part]) -> Result<(), Fault> {
    use Part::{
        Day, DayOfYear, Epoch, Fraction, HalfDay, Hour, Hour12, Minute, Month, Offset, Second,
        Weekday, Year,
    };
    let has = |part: Part| parts.contains(&part);
    let date = [Year, Month, Day, DayOfYear, Weekday].into_iter().any(has);
    let lacks = |what: &str| {
        let hint = "a date is never completed by a guess; name the missing part, or read the \
                    field as text";
        Err((format!("the format has no {what}"), hint.to_owned()))
    };
    let again = |what: &str| {
        let hint = "each part of a date or time is named once".to_owned();
        Err((format!("the format says {what} in two ways"), hint))
    };
    match () {
        () if has(Epoch) && parts.iter().any(|part| !matches!(part, Epoch | Fraction)) => Err((
            "the format says more than seconds since 1970, which say everything".to_owned(),
            "`%s`, `%s%.f` and `%Q` stand alone".to_owned(),
        )),
        () if has(Epoch) => Ok(()),
        () if date && !has(Year) => lacks("year"),
        () if date && !has(DayOfYear) && !has(Month) => lacks("month"),
        () if date && !has(DayOfYear) && !has(Day) => lacks("day"),
        () if has(DayOfYear) && (has(Month) || has(Day)) => again("the day"),
        () if has(Hour) && has(Hour12) => again("the hour"),
        () if has(Hour12) && !has(HalfDay) => lacks("`%p` for the half of the day"),
        () if has(HalfDay) && !has(Hour12) => lacks("`%I` for the hour"),
        () if has(Minute) && !has(Hour) && !has(Hour12) => lacks("hour"),
        () if has(Second) && !has(Minute) => lacks("minute"),
        () if has(Fraction) && !has(Second) => lacks("second"),
        () if has(Offset) && !has(Hour) && !has(Hour12) => lacks("hour"),
        () if !date && !has(Hour) && !has(Hour12) => {
            let hint = "formats are written as in strftime: `%d/%m/%Y`, `%Y-%m-%d %H:%M:%S`";
            Err(("the format has neither a date nor a time".to_owned(), hint.to_owned()))
        }
        () => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_that_make_a_date_or_a_time_are_accepted() {
        for format in [
            "%d/%m/%Y",
            "%Y%m%d",
            "%H:%M",
            "%I:%M %p",
            "%Y-%jT%T%.f%:z",
            "%s",
            "%Q",
            "%-d.%-m.%Y",
            "%F %R",
            "%a, %d %b %y 100%%",
        ] {
            assert_eq!(parts(format).and_then(|parts| complete(&parts)), Ok(()), "{format}");
        }
    }

    #[test]
    fn formats_that_leave_something_to_guess_are_refused() {
        for (format, message) in [
            ("dd/mm/yyyy", "neither a date nor a time"),
            ("%d/%m", "no year"),
            ("%m/%Y", "no day"),
            ("%d %Y", "no month"),
            ("%I:%M", "half of the day"),
            ("%H:%M %p", "no `%I`"),
            ("%M:%S", "no hour"),
            ("%H:%S", "no minute"),
            ("%d/%d/%Y", "says again"),
            ("%-y/%m/%d", "`%-` is not"),
            ("%U", "`%U` is not"),
            ("%Y%", "single `%`"),
        ] {
            let fault = parts(format).and_then(|parts| complete(&parts)).unwrap_err();
            assert!(fault.0.contains(message), "{format}: {}", fault.0);
        }
    }
}
