//! JSON lines: nested values by path, objects kept as jsonb, the rest of a record.

use super::workspace::{Workspace, codes, first};

const TABLE: &str = "create table attempt (
    id uuid primary key, student text not null, score numeric(6,2) check (score >= 0),
    first_answer text, questions jsonb not null, extra jsonb not null)";

const PIPELINE: &str = r#"
[source]
format = "jsonl"
path = "$DIR/attempts.jsonl"

[[target]]
table = "public.attempt"
mode = "upsert"
key = ["id"]
[target.columns]
id = { from = "attempt.id" }
student = { from = "student.email", steps = ["lower"], email = true, sensitive = true }
score = { from = "attempt.score" }
first_answer = { from = "questions[0].answer" }
questions = { from = "questions" }
extra = { rest = true }
"#;

const LINES: &str = r#"{"attempt":{"id":"00000000-0000-0000-0000-000000000001","score":7.25},"student":{"email":"Ana@Example.org"},"questions":[{"q":1,"answer":"b"}],"device":{"os":"x"}}
{"attempt":{"id":"00000000-0000-0000-0000-000000000002","score":"n/a"},"student":{"email":"b@example.org"},"questions":[]}
{"attempt":{"id":"00000000-0000-0000-0000-000000000003"},"student":{"email":"c@example.org"},"questions":[]}
{"attempt":{"id":"00000000-0000-0000-0000-000000000004","score":1},"student":{"email":"nobody"},"questions":{}
{"attempt":{"id":"00000000-0000-0000-0000-000000000005","score":1},"student":{"email":"nobody"},"questions":{}}
"#;

#[tokio::test]
async fn nested_values_go_into_columns_and_objects_into_jsonb() {
    let space = Workspace::with(TABLE).await;
    space.write("attempts.jsonl", LINES);
    let summary = space.run(PIPELINE).await;
    assert_eq!(first(&summary), [5, 0, 3, 0, 2, 0, 0]);
    assert_eq!(codes(&summary), [("json.syntax", 1), ("rule.email", 1), ("type.numeric", 1)]);
    let row = "select concat_ws('|', student, score, first_answer, questions, extra) from attempt where score is not null";
    assert_eq!(
        space.value(row).await,
        r#"ana@example.org|7.25|b|[{"q": 1, "answer": "b"}]|{"device": {"os": "x"}}"#
    );
    let report = std::path::PathBuf::from(summary.rejections.report.expect("a report"));
    let rejected = std::fs::read_to_string(report.join("rejected/attempts.jsonl"));
    let expected: String = LINES
        .split_inclusive('\n')
        .enumerate()
        .filter(|(at, _)| [1, 3, 4].contains(at))
        .map(|(_, line)| line)
        .collect();
    assert_eq!(rejected.expect("the rejected lines"), expected);
}
