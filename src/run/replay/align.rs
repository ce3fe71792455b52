//! Which rejected record each row of a corrected file is.
//!
//! Nothing in the file says so: its layout is the source's own. A row that nobody touched is
//! known by its hash, wherever it stands now. The others are matched with the records that
//! are left over: the most alike first, and in order where several are equally alike. A
//! record that has no row was taken out and stays open. A mistake here costs nothing but
//! the number that the ledger closes: whether a row is loaded twice depends on the places
//! being written down again after each match, not on which record it was matched with.

use std::{
    cmp::Reverse,
    collections::{HashMap, VecDeque},
};

use crate::report::Fingerprint;

/// Pairs that are compared, at most: a tenth of a second.
const PAIRS_MAX: usize = 1 << 20;

/// Why rows cannot be matched with records.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Mismatch {
    /// There are so many more rows than records.
    Added(usize),
    /// Too many rows were changed and others taken out at once.
    Unclear,
}

/// For each row, the index of the record it is.
pub(super) fn align(
    records: &[&Fingerprint],
    rows: &[Fingerprint],
) -> Result<Vec<usize>, Mismatch> {
    if rows.len() > records.len() {
        return Err(Mismatch::Added(rows.len() - records.len()));
    }
    let mut unchanged: HashMap<&[u8; 32], VecDeque<usize>> = HashMap::new();
    for (index, record) in records.iter().enumerate() {
        unchanged.entry(record.identity()).or_default().push_back(index);
    }
    let mut is_row = vec![false; records.len()];
    let mut matched: Vec<Option<usize>> = Vec::with_capacity(rows.len());
    for row in rows {
        let record = unchanged.get_mut(row.identity()).and_then(VecDeque::pop_front);
        record.into_iter().for_each(|record| is_row[record] = true);
        matched.push(record);
    }
    let left: Vec<usize> = (0..records.len()).filter(|record| !is_row[*record]).collect();
    let changed: Vec<usize> = (0..rows.len()).filter(|row| matched[*row].is_none()).collect();
    for (row, record) in match_changed(records, &left, rows, &changed)? {
        matched[row] = Some(record);
    }
    Ok(matched.into_iter().flatten().collect())
}

/// Pairs of changed rows with the records left.
fn match_changed(
    records: &[&Fingerprint],
    left: &[usize],
    rows: &[Fingerprint],
    changed: &[usize],
) -> Result<Vec<(usize, usize)>, Mismatch> {
    if left.len().saturating_mul(changed.len()) > PAIRS_MAX {
        // As many rows as records, in the order they were written: nothing was taken out.
        let whole = left.len() == changed.len();
        let in_order = changed.iter().copied().zip(left.iter().copied()).collect();
        return if whole { Ok(in_order) } else { Err(Mismatch::Unclear) };
    }
    let mut pairs = Vec::with_capacity(left.len() * changed.len());
    for (row_place, row) in changed.iter().enumerate() {
        for (place, record) in left.iter().enumerate() {
            let likeness = records[*record].likeness(&rows[*row]);
            pairs.push((Reverse(likeness), place.abs_diff(row_place), row_place, place));
        }
    }
    pairs.sort_unstable();
    let (mut row_of, mut has_row) = (vec![None; changed.len()], vec![false; left.len()]);
    for (_, _, row_place, place) in pairs {
        if row_of[row_place].is_none() && !has_row[place] {
            row_of[row_place] = Some(place);
            has_row[place] = true;
        }
    }
    let places = row_of.into_iter().flatten();
    Ok(changed.iter().zip(places).map(|(row, place)| (*row, left[place])).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORDS: [&str; 4] = [
        "8;Bo Lindqvist;30/02/2024;12,50",
        "9;;11/05/2024;7,00",
        "11;Eve Moreau;01/07/2024;-3,00",
        "12;Kit Nakamura;32/07/2024;4,00",
    ];

    fn aligned(rows: &[&str]) -> Result<Vec<usize>, Mismatch> {
        let of = |text: &&str| Fingerprint::of(text.as_bytes());
        let records: Vec<_> = RECORDS.iter().map(of).collect();
        align(&Vec::from_iter(&records), &rows.iter().map(of).collect::<Vec<_>>())
    }

    #[test]
    fn rows_are_known_unchanged_corrected_moved_and_taken_out() {
        let [bo, none, eve, kit] = RECORDS;
        let (bo_mended, eve_mended, kit_mended) = (
            "8;Bo Lindqvist;29/02/2024;12,50",
            "11;Eve Moreau;01/07/2024;3,00",
            "12;Kit Nakamura;31/07/2024;4,00",
        );
        let cases: [(&[&str], &[usize]); 8] = [
            (&RECORDS, &[0, 1, 2, 3]),
            (&[bo_mended, none, eve_mended, kit], &[0, 1, 2, 3]),
            (&[kit, eve, none, bo], &[3, 2, 1, 0]),
            (&[kit_mended, bo_mended], &[3, 0]),
            (&[none, kit], &[1, 3]),
            (&[eve_mended], &[2]),
            (&["9;Ida;11/05/2024;7,00", kit_mended], &[1, 3]),
            (&[], &[]),
        ];
        for (rows, expected) in cases {
            assert_eq!(aligned(rows).as_deref(), Ok(expected), "{rows:?}");
        }
    }

    #[test]
    fn rows_that_were_never_rejected_are_noticed() {
        let [bo, none, eve, kit] = RECORDS;
        assert_eq!(aligned(&[bo, none, eve, kit, "13;New;;"]), Err(Mismatch::Added(1)));
    }

    #[test]
    fn equal_records_are_matched_one_by_one() {
        let same = Fingerprint::of(b"1;a");
        let records = [&same, &same];
        assert_eq!(align(&records, &[same.clone(), same.clone()]), Ok(vec![0, 1]));
        assert_eq!(align(&records, &[Fingerprint::of(b"1;b"), same.clone()]), Ok(vec![1, 0]));
    }
}
