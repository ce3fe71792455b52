//! Results depend neither on the number of threads nor on the size of splits.

use longshore::{report::RunSummary, run::LoadOptions};

use super::workspace::{How, Workspace};

const PIPELINE: &str = r#"
[source]
format = "csv"
path = "$DIR/rows.csv"

[[target]]
table = "public.entry"
mode = "upsert"
key = ["code"]
duplicates = { keep = "last" }
[target.columns]
code = { from = "code", steps = ["trim", "upper"] }
text = { from = "text" }
amount = { from = "amount", minimum = 0 }
"#;

/// Rows with quoted newlines, faults of every kind, and keys that come again.
fn rows() -> String {
    let mut text = String::from("code,text,amount\n");
    for row in 0..3000_u32 {
        let code = row.wrapping_mul(2_654_435_761) % 900;
        match row % 17 {
            0 => text.push_str(&format!("k{code},\"two\nlines, \"\"quoted\"\"\",{row}\n")),
            1 => text.push_str(&format!("k{code},ragged\n")),
            2 => text.push_str(&format!("k{code},\"open,{row}\n")),
            3 => text.push_str(&format!("k{code},negative,-{row}\r\n")),
            4 => text.push_str(&format!("k{code},not a number,{row}x\n")),
            _ => text.push_str(&format!(" K{code} ,plain é {row},{row}.50\n")),
        }
    }
    text
}

#[tokio::test]
async fn threads_and_split_sizes_change_nothing() {
    let rows = rows();
    let mut outcomes = Vec::new();
    for (threads, split_bytes) in
        [(1, 64 << 20), (1, 1 << 10), (2, 4 << 10), (4, 1 << 10), (8, 16 << 10), (8, 1 << 20)]
    {
        let space = Workspace::with(
            "create table entry (id serial, code text primary key, text text, amount numeric(9,2))",
        )
        .await;
        space.write("rows.csv", &rows);
        let options = LoadOptions { threads, split_bytes, connections: 1 + threads % 3 };
        let summary = space.run_how(PIPELINE, How { options, ..How::default() }).await;
        outcomes.push((threads, split_bytes, outcome(&space, &summary).await));
    }
    let (_, _, expected) = &outcomes[0];
    for (threads, split_bytes, outcome) in &outcomes[1..] {
        assert_eq!(outcome, expected, "{threads} threads, splits of {split_bytes} bytes");
    }
}

/// Everything a run leaves behind: tally, table content (serial numbers too), report.
async fn outcome(space: &Workspace, summary: &RunSummary) -> String {
    let table =
        space.value("select md5(string_agg(e::text, '|' order by code)) from entry e").await;
    let rejected = space.read(format!("reports/{}/rejected/rows.csv", summary.run));
    let report = space
        .rejections(summary)
        .join("\n")
        .replace(&space.folder.path().display().to_string(), "");
    assert!(summary.rejections.records > 500, "the faults are there");
    format!("{:?}\n{:?}\n{table}\n{report}\n{rejected}", summary.tables, summary.rejections.by_code)
}
