//! Random values of every type, and random damage to them.

use longshore::schema::{NumericLimit, PgType};
use proptest::{
    prelude::Strategy, strategy::ValueTree, string::string_regex, test_runner::TestRunner,
};

use super::oracle::{Column, Oracle, Outcome};

/// Texts drawn per type and kind.
const TEXTS: usize = 400;

fn draw(strategy: &impl Strategy<Value = String>) -> Vec<String> {
    // The same texts in every run; other seeds belong into a longer search.
    let mut runner = TestRunner::deterministic();
    (0..TEXTS).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
}

/// A text with a character dropped, doubled or exchanged.
fn damaged(texts: &[String]) -> Vec<String> {
    const CHARACTERS: &[char] = &[
        '0', '9', '1', '-', '+', '.', ',', ':', ' ', 'e', 'T', 'Z', '/', '{', '}', '"', '\\', 'é',
        'N', '5',
    ];
    let mut runner = TestRunner::deterministic();
    let places = (0usize..64, 0usize..3, 0usize..CHARACTERS.len());
    let damage = |text: &String| {
        let (place, kind, character) = places.new_tree(&mut runner).unwrap().current();
        let mut characters: Vec<char> = text.chars().collect();
        if characters.is_empty() {
            return CHARACTERS[character].to_string();
        }
        let place = place % characters.len();
        match kind {
            0 => drop(characters.remove(place)),
            1 => characters.insert(place, CHARACTERS[character]),
            _ => characters[place] = CHARACTERS[character],
        }
        characters.into_iter().collect()
    };
    texts.iter().map(damage).collect()
}

/// Columns with the texts that both sides read alike.
fn columns() -> Vec<(Column, &'static str)> {
    let numeric = |precision, scale| PgType::Numeric(Some(NumericLimit { precision, scale }));
    let date = "[0-9]{4}-(0[1-9]|1[0-2])-[0-3][0-9]";
    let stamp = "(19|20|00)[0-9]{2}-(0[1-9]|1[0-2])-[0-3][0-9][T ]([01][0-9]|2[0-5]):[0-6][0-9]:[0-5][0-9](\\.[0-9]{1,6})?";
    let offset = "(19|20)[0-9]{2}-(0[1-9]|1[0-2])-[0-3][0-9][T ]([01][0-9]|2[0-5]):[0-6][0-9](:[0-5][0-9](\\.[0-9]{1,6})?)?(Z|[+-](0[0-9]|1[0-6])(:?[0-5][0-9])?)";
    vec![
        (Column::new(PgType::Int2, "smallint"), "[+-]?[0-9]{1,6}"),
        (Column::new(PgType::Int4, "integer"), "[+-]?[0-9]{1,11}"),
        (Column::new(PgType::Int8, "bigint"), "[+-]?[0-9]{1,20}"),
        (Column::new(PgType::Oid, "oid"), "0|[1-9][0-9]{0,10}"),
        (
            Column::new(PgType::Float4, "real"),
            "[+-]?[0-9]{1,12}(\\.[0-9]{1,12})?(e[+-]?[0-9]{1,2})?",
        ),
        (
            Column::new(PgType::Float8, "double precision"),
            "[+-]?[0-9]{1,20}(\\.[0-9]{1,20})?(e[+-]?[0-9]{1,3})?",
        ),
        (
            Column::new(PgType::Numeric(None), "numeric"),
            "[+-]?[0-9]{1,40}(\\.[0-9]{0,40})?(e[+-]?[0-9]{1,4})?",
        ),
        (Column::new(numeric(10, 2), "numeric(10,2)"), "[+-]?[0-9]{1,9}(\\.[0-9]{1,2}0{0,3})?"),
        (Column::new(PgType::Text, "text"), "[^\\x00]{0,30}"),
        (Column::new(PgType::VarChar(8), "varchar(8)"), "[a-zé🚢]{0,12}"),
        (Column::new(PgType::Date, "date"), date),
        (
            Column::new(PgType::Time(6), "time"),
            "([01][0-9]|2[0-5]):[0-6][0-9](:[0-5][0-9](\\.[0-9]{1,6})?)?",
        ),
        (
            Column::new(PgType::TimeTz(6), "timetz"),
            "([01][0-9]|2[0-5]):[0-6][0-9](:[0-5][0-9])?[+-](0[0-9]|1[0-7])(:[0-5][0-9])?",
        ),
        (Column::new(PgType::Timestamp(6), "timestamp"), stamp),
        (Column::new(PgType::TimestampTz(6), "timestamptz"), offset),
        (
            Column::new(PgType::Interval, "interval"),
            "P-?[0-9]{1,3}Y[0-9]{1,2}M(-?[0-9]{1,4}D)?(T-?[0-9]{1,6}H[0-9]{1,3}M[0-9]{1,2}(\\.[0-9]{1,6})?S)?",
        ),
        (
            Column::new(PgType::Interval, "interval"),
            "-?[0-9]{1,3} years [0-9]{1,2} mons -?[0-9]{1,5} days -?[0-9]{1,6}:[0-6][0-9]:[0-5][0-9](\\.[0-9]{1,6})?",
        ),
        (
            Column::new(PgType::Uuid, "uuid"),
            "[0-9a-fA-F]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-fA-F]{12}",
        ),
        (Column::new(PgType::Bytea, "bytea"), "\\\\x([0-9a-fA-F]{2}){0,40}"),
        (
            Column::new(PgType::Inet, "inet"),
            "(1?[1-9]?[0-9]|2[0-6][0-9])(\\.(1?[1-9]?[0-9])){3}(/[1-4]?[1-9])?",
        ),
        (Column::new(PgType::Cidr, "cidr"), "(1?[1-9]?[0-9])(\\.(128|0|64)){3}/(8|16|24|25|26|32)"),
        (
            Column::new(PgType::Inet, "inet"),
            "([0-9a-f]{1,4}:){7}[0-9a-f]{1,4}(/(1[0-3]|[1-9])[0-9])?",
        ),
        (Column::new(PgType::Json, "json"), JSON),
        (Column::new(PgType::Jsonb, "jsonb"), JSON),
    ]
}

const JSON: &str = "\\{\"[a-z]{0,3}\":(-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,3})?([eE][+-]?[0-9]{1,3})?|\"([a-zé🚢]|\\\\[bfnrt\"/]|\\\\u[0-9a-f]{4}){0,6}\"|true|null|\\[ ?(1, ?\"x\")?\\])\\}";

#[tokio::test]
async fn random_values_come_out_as_the_server_reads_them() {
    let oracle = Oracle::start().await;
    for (column, pattern) in columns() {
        let texts = draw(&string_regex(pattern).unwrap());
        oracle.agree(&column, &texts).await;
    }
}

#[tokio::test]
async fn damaged_values_are_never_accepted_where_the_server_refuses() {
    let oracle = Oracle::start().await;
    for (column, pattern) in columns() {
        let texts = damaged(&draw(&string_regex(pattern).unwrap()));
        oracle.each(&column, &texts, |outcome| never_more(&column, outcome)).await;
    }
}

/// Whether we accept nothing that the server refuses or reads otherwise.
fn never_more(column: &Column, outcome: &Outcome) -> bool {
    // Decimals of zero in an integer are all that we read and the server does not.
    let integers = ["smallint", "integer", "bigint", "oid", "integer[]"].contains(&column.sql);
    let zeros = integers && outcome.text.contains('.') && outcome.server.is_none();
    outcome.ours.is_err() || outcome.agrees() || zeros
}

#[tokio::test]
async fn random_arrays_come_out_as_the_server_reads_them() {
    let oracle = Oracle::start().await;
    let patterns = [
        (
            Column::new(PgType::Text, "text"),
            "\\{( ?([a-z]{1,5}|\"([a-zé, {}]|\\\\\"){0,5}\"|NULL) ?,){0,4}[a-z ]{0,3}[a-z]\\}",
        ),
        (Column::new(PgType::Int4, "integer"), "\\{(-?[0-9]{1,10},){0,5}[0-9]\\}"),
        (
            Column::new(PgType::Numeric(None), "numeric"),
            "\\{(-?[0-9]{1,10}\\.[0-9]{2},){0,5}[0-9]\\}",
        ),
    ];
    for (column, pattern) in patterns {
        let array = column.array(&oracle.client).await;
        let texts = draw(&string_regex(pattern).unwrap());
        oracle.agree(&array, &texts).await;
        let damaged = damaged(&texts);
        oracle.each(&array, &damaged, |outcome| never_more(&array, outcome)).await;
    }
}
