//! Files as offices and schools publish them, with facts known from their publishers.

use serde_json::{Value, json};

use super::table;
use crate::real_files::data;

/// Path, definition, columns, records, and the codes of faults.
fn deliveries() -> Vec<(&'static str, Value, usize, usize, &'static [&'static str])> {
    vec![
        // bzip2, no header.
        (
            "cadastre/ie_property_price/ppr_2010_2012_no_header.csv.bz2",
            json!({"header": false}),
            6,
            52_982,
            &[],
        ),
        // Every cell quoted, the header not.
        ("cadastre/uk_price_paid/ppd_greater_manchester.csv", json!({}), 16, 15_374, &[]),
        // A byte order mark; the second header row, a translation, is a record to us.
        ("cadastre/tw_lvr/a_lvr_land_a.csv", json!({}), 33, 6_535, &[]),
        ("cadastre/us_oh_seneca/AG_LAND.csv", json!({}), 5, 50_940, &[]),
        (
            "cadastre/us_nyc_pluto/pluto_input_condolot_descriptiveattributes.csv",
            json!({}),
            8,
            8_340,
            &[],
        ),
        ("cadastre/es_catastro_45155/unidades_catastrales.csv", json!({}), 19, 3_152, &[]),
        ("cadastre/us_il_cook/chars_sample_athena.csv", json!({}), 35, 70, &[]),
        ("roster/oneroster_vossenv/users.csv", json!({}), 19, 300, &[]),
        // Lines end with CR only.
        ("roster/canvas_sis/course_list.csv", json!({}), 6, 635, &[]),
        // Shift_JIS with its Windows additions, once from an archive.
        (
            "cadastre/openaddresses_tests/conforms/jp-nara.csv",
            json!({"encoding": "shift_jis"}),
            13,
            5,
            &[],
        ),
        (
            "cadastre/openaddresses_tests/data/jp-fukushima.zip",
            json!({"encoding": "shift_jis", "member": "*/07_2013.CSV"}),
            13,
            6,
            &[],
        ),
        // One record has quotes in a quoted field that are not doubled.
        ("cadastre/openaddresses_tests/data/us-or-portland.zip", json!({}), 17, 12, &["csv.quote"]),
    ]
}

#[test]
fn deliveries_hold_the_records_they_are_known_to_hold() {
    let Some(data) = data() else { return };
    for (name, keys, columns, records, faults) in deliveries() {
        let table = table(keys, &data.join(name));
        assert_eq!((table.header.len(), table.rows.len()), (columns, records), "{name}");
        let found: Vec<_> = table.rows.iter().filter_map(|row| row.as_ref().err()).collect();
        assert_eq!(found, faults.iter().collect::<Vec<_>>(), "{name}");
    }
}

#[test]
fn the_same_text_in_utf_16_reads_the_same() {
    let Some(data) = data() else { return };
    let folder = data.join("csv/phpspreadsheet");
    for (name, encoding, utf8) in [
        ("premiere.utf16lebom.csv", "utf-16", "premiere.utf8bom.csv"),
        ("premiere.utf16bebom.csv", "utf-16", "premiere.utf8bom.csv"),
        ("premiere.utf16bebom.csv", "utf-16be", "premiere.utf8bom.csv"),
        ("encoding.utf16be.csv", "utf-16be", "encoding.utf8.csv"),
    ] {
        let other = table(json!({"header": false, "encoding": encoding}), &folder.join(name));
        let plain = table(json!({"header": false}), &folder.join(utf8));
        assert!(!plain.rows.is_empty() && plain.faulty() == 0, "{utf8}");
        assert!(other.rows == plain.rows, "{name}");
    }
}
