//! The tally of a run, as people read it.

use std::fmt::Write;

use crate::{
    outcome::{Deletions, HoldReason, Tally},
    report::{BundleSummary, RunStatus, RunSummary, ValidationSummary, WarningSummary},
};

/// A number with its thousands apart: `2 000 000`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// The tallies as a table with a line for each target; what few runs count stands there only
/// where it is counted.
pub(super) fn table<'t>(tallies: impl IntoIterator<Item = (&'t str, Tally)>) -> String {
    let tallies: Vec<(&str, Tally)> = tallies.into_iter().collect();
    let shown = match tallies.iter().any(|(_, tally)| tally.merged > 0) {
        true => Tally::NAMES.len(),
        false => Tally::NAMES.len() - 1,
    };
    let rows: Vec<(&str, [String; 9])> =
        tallies.into_iter().map(|(name, tally)| (name, tally.counts().map(grouped))).collect();
    let name_width =
        rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0).max("table".len());
    let mut widths = Tally::NAMES.map(str::len);
    for (_, cells) in &rows {
        for (width, cell) in widths.iter_mut().zip(cells) {
            *width = (*width).max(cell.len());
        }
    }
    let mut text = format!("  {:name_width$}", "table");
    for (column, width) in Tally::NAMES.iter().zip(widths).take(shown) {
        let _ = write!(text, "  {column:>width$}");
    }
    for (name, cells) in &rows {
        let _ = write!(text, "\n  {name:name_width$}");
        for (cell, width) in cells.iter().zip(widths).take(shown) {
            let _ = write!(text, "  {cell:>width$}");
        }
    }
    text
}

/// What a run did, in a few lines.
pub(super) fn summary(summary: &RunSummary) -> String {
    let mut text = format!("{}: {}\n", summary.pipeline, headline(summary));
    if summary.status != RunStatus::Unchanged {
        text.push_str(&table(
            summary.tables.iter().map(|table| (table.table.as_str(), table.tally)),
        ));
        text.push('\n');
    }
    if let Some(resumed) = &summary.resumed {
        let _ = writeln!(
            text,
            "  resumed: {} of {} splits had been staged by run {}",
            grouped(resumed.splits),
            grouped(resumed.of),
            resumed.run
        );
    }
    for table in summary.tables.iter().filter(|table| !table.partitions.is_empty()) {
        let would = if summary.status == RunStatus::DryRun { "would be " } else { "" };
        let names = table.partitions.join(", ");
        let _ = writeln!(text, "  {}: partitions that {would}made: {names}", table.table);
    }
    if let Some(bundle) = &summary.bundle {
        text.push_str(&self::bundle(bundle));
    }
    for table in &summary.tables {
        if let Some(deletions) = &table.deletions {
            text.push_str(&self::deletions(&table.table, deletions));
        }
    }
    for (code, violations) in &summary.rejections.by_code {
        let _ = writeln!(text, "  {code}: {}", grouped(*violations));
    }
    text.push_str(&warnings(summary.warnings.as_ref()));
    if let Some(geometry) = &summary.geometry {
        let _ = writeln!(
            text,
            "  geometries: {} repaired (area changed by {:.3} in all, {:.4} % at most), {} invalid ones kept",
            grouped(geometry.repaired),
            geometry.area_changed,
            geometry.area_changed_percent_max,
            grouped(geometry.flagged)
        );
    }
    if let Some(replay) = &summary.replay {
        let _ = writeln!(
            text,
            "  of {} records that run {} rejected: {} closed now, {} open",
            grouped(replay.rejected),
            replay.of,
            grouped(replay.closed),
            grouped(replay.open)
        );
    }
    for left in summary.undo.iter().flat_map(|undo| &undo.left) {
        let _ = writeln!(
            text,
            "  {}: {} rows it replaced and {} it inserted were touched since, and stay as they are",
            left.table,
            grouped(left.replaced),
            grouped(left.inserted)
        );
    }
    let reported = summary.rejections.records > 0 || summary.warnings.is_some();
    if let (Some(report), true) = (&summary.rejections.report, reported) {
        let _ = writeln!(text, "  report: {report}");
    }
    text.pop();
    text
}

/// What is odd and loaded all the same, a line for each code; often nothing.
fn warnings(summary: Option<&WarningSummary>) -> String {
    let by_code = summary.into_iter().flat_map(|summary| &summary.by_code);
    by_code.map(|(code, count)| format!("  warning {code}: {}\n", grouped(*count))).collect()
}

/// What a delivery did not hold, and what of it was not read.
fn bundle(bundle: &BundleSummary) -> String {
    let mut text = String::new();
    if !bundle.absent.is_empty() {
        let absent = bundle.absent.join(", ");
        let _ =
            writeln!(text, "  absent from the delivery, their tables left as they are: {absent}");
    }
    for file in &bundle.not_read {
        let _ = writeln!(text, "  warning: `{}` was not read: {}", file.file, file.why);
    }
    text
}

/// What there is to say about deletions in one table, a line each; often nothing.
pub(super) fn deletions(table: &str, deletions: &Deletions) -> String {
    let mut text = String::new();
    let (gone, rows) = (grouped(deletions.gone), grouped(deletions.rows));
    for reason in &deletions.held_for {
        let why = match reason {
            HoldReason::NoRecords => "the files have no record for it".to_owned(),
            HoldReason::OverLimit => "that is more than `limits.deleted`".to_owned(),
            HoldReason::OverLimitInScope => format!(
                "in {} of {} scopes that is more than `limits.deleted`",
                grouped(deletions.scopes_over_limit),
                grouped(deletions.scopes)
            ),
            HoldReason::RejectedWithoutKey => {
                "without a key nobody knows which rows the rejected records are".to_owned()
            }
            HoldReason::FileWithoutRecords => {
                format!("no record is in {}", named(&deletions.lacking.empty))
            }
            HoldReason::FileMissing => format!(
                "the last published run had more files: now missing {}",
                named(&deletions.lacking.missing)
            ),
        };
        let _ = writeln!(text, "  {table}: {gone} of {rows} rows would be deleted; {why}");
    }
    if deletions.kept > 0 {
        let kept = grouped(deletions.kept);
        let _ = writeln!(
            text,
            "  {table}: {kept} rows without a record are kept, since rejected records are or may be theirs"
        );
    }
    text
}

/// The first few of some files.
fn named(files: &[String]) -> String {
    const SHOWN: usize = 5;
    let names: Vec<String> = files.iter().take(SHOWN).map(|file| format!("`{file}`")).collect();
    match files.len().saturating_sub(SHOWN) {
        0 => names.join(", "),
        more => format!("{} and {} more", names.join(", "), grouped(more as u64)),
    }
}

/// What a validation found, in a few lines.
pub(super) fn validation(summary: &ValidationSummary) -> String {
    let mut text =
        format!("{}: validated in {:.2} s, nothing written\n", summary.pipeline, summary.seconds);
    for table in &summary.tables {
        let _ = writeln!(
            text,
            "  {}: {} read, {} filtered, {} rejected, {} good to load",
            table.table,
            grouped(table.read),
            grouped(table.filtered),
            grouped(table.rejected),
            grouped(table.accepted)
        );
    }
    for (code, violations) in &summary.rejections.by_code {
        let _ = writeln!(text, "  {code}: {}", grouped(*violations));
    }
    text.push_str(&warnings(summary.warnings.as_ref()));
    let reported = summary.rejections.records > 0 || summary.warnings.is_some();
    if let (Some(report), true) = (&summary.rejections.report, reported) {
        let _ = writeln!(text, "  report: {report}");
    }
    text.pop();
    text
}

fn undo_headline(summary: &RunSummary, of: &str) -> String {
    let took = format!("{:.2} s", summary.seconds.total);
    match summary.status {
        RunStatus::Held => format!("run {of} is not undone: rows were touched since, {took}"),
        RunStatus::DryRun => format!("dry run, nothing undone of run {of}, {took}"),
        _ => format!("run {of} is undone in {took} (run {})", summary.run),
    }
}

fn headline(summary: &RunSummary) -> String {
    if let Some(undo) = &summary.undo {
        return undo_headline(summary, &undo.of);
    }
    let read: u64 = summary.files.iter().map(|file| file.records).sum();
    let files = summary.files.len();
    let took = format!(
        "{} records from {files} {} in {:.2} s",
        grouped(read),
        plural(files, "file"),
        summary.seconds.total
    );
    match summary.status {
        RunStatus::Published => format!("published, {took} (run {})", summary.run),
        RunStatus::Unchanged if summary.replay.is_some() => {
            "unchanged, nothing to replay".to_owned()
        }
        RunStatus::Unchanged => {
            format!("unchanged, {files} {} already loaded", plural(files, "file"))
        }
        RunStatus::Held => format!("held for approval, {took} (run {})", summary.run),
        RunStatus::Discarded => format!("discarded, nothing published (run {})", summary.run),
        RunStatus::Rejected => {
            format!("nothing published: too many rejections, {took} (run {})", summary.run)
        }
        RunStatus::DryRun => format!("dry run, nothing published, {took}"),
        RunStatus::Failed => format!("failed, {took} (run {})", summary.run),
    }
}

pub(super) fn plural(count: usize, word: &str) -> String {
    if count == 1 { word.to_owned() } else { format!("{word}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        assert_eq!([0, 12, 1234, 2_000_000].map(grouped), ["0", "12", "1 234", "2 000 000"]);
    }

    #[test]
    fn columns_line_up() {
        let tally = Tally { read: 12345, inserted: 12345, ..Tally::default() };
        let text = table([("school.student", tally), ("a.b", Tally::default())]);
        let lengths: Vec<usize> = text.lines().map(|line| line.chars().count()).collect();
        assert_eq!(lengths.len(), 3);
        assert!(lengths.iter().all(|length| *length == lengths[0]), "{text}");
        assert!(!text.contains("merged"), "{text}");
        let shared = Tally { unchanged: 3, merged: 3, ..Tally::default() };
        assert!(table([("a.b", shared)]).contains("merged"));
    }
}
