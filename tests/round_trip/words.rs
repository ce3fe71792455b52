//! Words, texts, JSON, identifiers and addresses, right and nearly right.

use longshore::schema::PgType;

use super::oracle::{Column, Oracle, listed, owned};

#[tokio::test]
async fn booleans_and_enums() {
    let oracle = Oracle::start().await;
    let column = Column::new(PgType::Bool, "boolean");
    let words = [
        "true", "t", "yes", "y", "1", "on", "TRUE", "Yes", "false", "f", "no", "n", "0", "off",
        "OFF", "", "2", "maybe", "o", "nope",
    ];
    oracle.agree(&column, &owned(&words)).await;
    // The server completes words: `tru` may as well be a typing error.
    oracle.stricter(&column, &["tru", "ye", "fals", "of", " t"]).await;
    let portuguese = column.with(|options| {
        options.true_words = vec!["Sim".to_owned()];
        options.false_words = vec!["NÃO".to_owned()];
    });
    oracle.more(&portuguese, &[("sim", "t"), ("não", "f"), ("NÃO", "f")]).await;

    oracle
        .client
        .batch_execute("create type mood as enum ('sad', 'Ok', 'it''s', '')")
        .await
        .unwrap();
    let labels = owned(&["sad", "Ok", "it's", ""]);
    let mood = Column::new(PgType::Enum(labels), "mood");
    oracle.agree(&mood, &owned(&["sad", "Ok", "ok", "it's", "", "sad ", " sad", "glad"])).await;
}

#[tokio::test]
async fn texts() {
    let oracle = Oracle::start().await;
    let texts = listed("| |a|abc|abcd|äöü|äöüß|🚢🚢🚢|🚢🚢🚢🚢|a\0b|\\N|a\tb\n");
    let plain = Column::new(PgType::Text, "text");
    oracle.agree(&plain, &texts).await;
    oracle.agree(&Column::new(PgType::Citext, "citext"), &texts).await;
    oracle.agree(&Column::new(PgType::VarChar(3), "varchar(3)"), &texts).await;
    oracle.agree(&Column::new(PgType::Char(3), "char(3)"), &texts).await;
    // The server drops blanks beyond the length; a value is not changed silently here.
    oracle.stricter(&Column::new(PgType::VarChar(3), "varchar(3)"), &["abc ", "a    "]).await;
    oracle.stricter(&Column::new(PgType::Char(3), "char(3)"), &["abc "]).await;
}

#[tokio::test]
async fn json() {
    let oracle = Oracle::start().await;
    let texts = listed(
        "null|true|false|0|-0|1.5e10|\"\"|[]|{}|[1, [2, {\"a\": [null]}]]| {\"a\" : 1 , \"b\":\"x\"} |\
         {\"a\":1,\"a\":2}|\"\\u00e9\\n\\\"\"|\"\\ud83d\\udea2\"|\"\\ud83d\"|\"\\udea2\"|\
         \"\\ud83dx\"|\"\\ud83d\\u0041\"|\"\\u0000\"|\"\\u00g0\"|\"\\x\"|\"a\tb\"|\"|\
         [1,]|[,1]|{,}|{\"a\"}|{\"a\":}|{a:1}|{1:2}|[1 2]|01|1.|.5|+1|1e|-|nul|nulls|NaN|\
         'a'|| |[1}|{]|]|[[]|1 2|[] []|\u{feff}[]|1e131071|1e131072|1e-16383|1e-16384|\
         [1e200000]|\"é🚢\"|[1]\n\t\r |[1]\u{b}|{\"\\u0000\":1}|tru|-a|[\"a\",\"b\"]x",
    );
    oracle.agree(&Column::new(PgType::Json, "json"), &texts).await;
    oracle.agree(&Column::new(PgType::Jsonb, "jsonb"), &texts).await;
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let column = Column::new(PgType::Jsonb, "jsonb");
    oracle.agree(&column, &[nested(512)]).await;
    // The server's limit is its stack's, which nobody can know.
    oracle.stricter(&column, &[&nested(513)]).await;
}

#[tokio::test]
async fn uuids_bytes_and_addresses() {
    let oracle = Oracle::start().await;
    let texts = owned(&[
        "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
        "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11",
        "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}",
        "a0eebc999c0b4ef8bb6d6bb9bd380a11",
        "00000000-0000-0000-0000-000000000000",
        "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1",
        "g0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
        "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
        "",
        "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1é",
    ]);
    let uuid = Column::new(PgType::Uuid, "uuid");
    oracle.agree(&uuid, &texts).await;
    // Forms that nothing writes.
    let odd = ["a0ee-bc99-9c0b-4ef8-bb6d-6bb9-bd38-0a11", "{a0eebc999c0b4ef8bb6d6bb9bd380a11}"];
    oracle.stricter(&uuid, &odd).await;

    let bytea = Column::new(PgType::Bytea, "bytea");
    oracle.agree(&bytea, &owned(&["\\x", "\\x00ff", "\\xDEADbeef", "\\x0", "\\xg0"])).await;
    // The old escape form: any text would be bytes.
    oracle.stricter(&bytea, &["", "abc", "\\001", "\\x00 ff"]).await;

    let texts = listed(
        "192.168.0.1|192.168.0.1/24|10.0.0.0/8|0.0.0.0/0|255.255.255.255/32|\
         192.168.0.1/33|::1|::|::/0|2001:db8::/32|2001:db8::1/64|::ffff:1.2.3.4|\
         fe80::1/128|fe80::1/129|256.0.0.1|1.2.3.4/|1.2.3.4/-1|:::||localhost|\
         fe80::1%eth0|192.168.0.0/24|192.168.0.128/25|2001:db8::/31",
    );
    let inet = Column::new(PgType::Inet, "inet");
    let cidr = Column::new(PgType::Cidr, "cidr");
    oracle.agree(&inet, &texts).await;
    oracle.agree(&cidr, &texts).await;
    // Shortened networks take their length from address classes of old.
    oracle.stricter(&cidr, &["10", "192.168/16", "10.1"]).await;
    oracle.stricter(&inet, &["10/8", "192.168.1/24"]).await;
}
