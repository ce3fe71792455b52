//! Names that stand on two rows: a month over its days, a subject over its terms.

/// The names of the columns. What is empty in the upper row has the text to its left, since of
/// merged cells only the first holds it; a column that has nothing in either row has no name.
pub(super) fn names_of_two_rows(upper: &[String], lower: &[String]) -> Vec<String> {
    let last = upper.iter().rposition(|name| !name.is_empty());
    let width = lower.len().max(last.map_or(0, |last| last + 1));
    let mut group = "";
    let name = |at: usize| {
        let [own, below] = [upper, lower].map(|row| row.get(at).map_or("", |name| name.trim()));
        group = if own.is_empty() { group } else { own };
        match (own, below) {
            ("", "") => String::new(),
            (own, "") => own.to_owned(),
            (_, below) if group.is_empty() => below.to_owned(),
            (_, below) => format!("{group} {below}"),
        }
    };
    (0..width).map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::names_of_two_rows;

    #[test]
    fn a_merged_cell_names_all_columns_below_it() {
        let row = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let names = names_of_two_rows(
            &row(&["", "Name", "Oct 2024", "", "", "Nov 2024", ""]),
            &row(&["ID", "", "1", "2", "", "1", "2", "Notes"]),
        );
        assert_eq!(
            names,
            [
                "ID",
                "Name",
                "Oct 2024 1",
                "Oct 2024 2",
                "",
                "Nov 2024 1",
                "Nov 2024 2",
                "Nov 2024 Notes"
            ]
        );
    }
}
