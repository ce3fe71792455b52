//! Verdicts agree with `ST_IsValid`, and what we repair is valid to PostGIS too.

use longshore::transform::geometry::GeometryNotes;
use serde_json::json;

use super::{applied, column, generate, transform};
use crate::support::TestDatabase;

/// Geometries of each class; 16,000 in all.
const OF_EACH_CLASS: usize = 2000;

#[tokio::test]
async fn verdicts_agree_with_postgis_on_generated_polygons() {
    let database = TestDatabase::create().await;
    let client = database.client().await;
    let judge = transform(column(None, 0), json!({}), None);
    let (mut valid, mut disagreements) = (0, Vec::new());
    for class in generate::CLASSES {
        let mut random = generate::Random::new(class.len() as u64 + 7);
        let texts: Vec<String> =
            (0..OF_EACH_CLASS).map(|_| generate::wkt(class, &mut random)).collect();
        let query = "select st_isvalid(g::geometry), st_isvalidreason(g::geometry) from unnest($1::text[]) with ordinality u(g, n) order by n";
        let rows = client.query(query, &[&texts]).await.expect("PostGIS judges");
        for (text, row) in texts.iter().zip(&rows) {
            let theirs: bool = row.get(0);
            let ours = applied(&judge, text, &mut GeometryNotes::default());
            valid += usize::from(theirs);
            if ours.is_ok() != theirs {
                let reason: String = row.get(1);
                disagreements
                    .push(format!("{class}: {text}\n  PostGIS: {reason}\n  ours: {ours:?}"));
            }
        }
    }
    let shown = disagreements.iter().take(10).cloned().collect::<Vec<_>>().join("\n");
    assert!(
        disagreements.is_empty(),
        "{} of {}:\n{shown}",
        disagreements.len(),
        OF_EACH_CLASS * generate::CLASSES.len()
    );
    assert!((4000..12_000).contains(&valid), "both verdicts are tried: {valid} are valid");
}

#[tokio::test]
async fn repaired_geometries_are_valid_to_postgis_and_cover_the_same() {
    let database = TestDatabase::create().await;
    let client = database.client().await;
    let keys = json!({ "invalid": "repair", "repair_area_percent": 100.0 });
    let mend = transform(column(None, 0), keys, None);
    let mut repaired = Vec::new();
    for class in generate::CLASSES {
        let mut random = generate::Random::new(class.len() as u64 + 99);
        for _ in 0..300 {
            let text = generate::wkt(class, &mut random);
            let mut notes = GeometryNotes::default();
            if let (Ok(hex), 1) = (applied(&mend, &text, &mut notes), 0) {
                repaired.push((text, hex));
            } else if let Ok(hex) = applied(&mend, &text, &mut notes)
                && notes.repaired > 0
            {
                repaired.push((text, hex));
            }
        }
    }
    assert!(repaired.len() > 300, "{} were repaired", repaired.len());
    let hexes: Vec<&str> = repaired.iter().map(|(_, hex)| hex.as_str()).collect();
    let query = "select st_isvalid(g::geometry), st_isvalidreason(g::geometry) from unnest($1::text[]) with ordinality u(g, n) order by n";
    let rows = client.query(query, &[&hexes]).await.expect("PostGIS judges");
    let invalid: Vec<String> = rows
        .iter()
        .zip(&repaired)
        .filter(|(row, _)| !row.get::<_, bool>(0))
        .map(|(row, (text, _))| format!("{text}: {}", row.get::<_, String>(1)))
        .collect();
    assert!(
        invalid.is_empty(),
        "{} of {}:\n{}",
        invalid.len(),
        repaired.len(),
        invalid[..invalid.len().min(5)].join("\n")
    );
}
