//! Exports from a standby: what is too old is refused, an idle primary is not.

use std::{
    process::{Command, Output},
    time::Duration,
};

use serde_json::Value;

use crate::support::OwnServer;

fn run(folder: &tempfile::TempDir, database: &str, replica: Option<&str>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_longshore"));
    command.env_clear().env("DATABASE_URL", database);
    command.envs(replica.map(|url| ("REPORTS_URL", url)));
    command.current_dir(folder.path()).args(["run", "--output", "json", "items.toml"]);
    command.output().expect("longshore runs")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_standby_that_is_too_far_behind_is_refused_and_an_idle_one_is_not_behind() {
    let primary = OwnServer::start(
        "wal_level = replica\nmax_wal_senders = 4\nhot_standby = on",
        "local replication all trust\nhost all all 127.0.0.1/32 trust",
    );
    primary.value("create table item as select 1 as id");
    let standby = primary.standby();
    standby.wait_for_value(
        "select count(*)::text from pg_stat_wal_receiver where status = 'streaming'",
        "1",
    );
    standby.wait_for_value("select count(*)::text from item", "1");
    let url = |server: &OwnServer| {
        format!("postgres://longshore@127.0.0.1:{}/postgres?sslmode=disable", server.port)
    };
    let folder = tempfile::tempdir().expect("a folder");
    let pipeline = "kind = \"export\"\nsql = \"select id from item order by id\"\n[replica]\nenv = \"REPORTS_URL\"\nmax_lag = \"1s\"\n[output]\nformat = \"csv\"\npath = \"items.csv\"\n";
    std::fs::write(folder.path().join("items.toml"), pipeline).expect("a pipeline");
    // The last transaction is older than the limit by now.
    std::thread::sleep(Duration::from_secs(2));
    let done = run(&folder, &url(&primary), Some(&url(&standby)));
    assert_eq!(done.status.code(), Some(0), "{}", said(&done));
    let summary: Value = serde_json::from_slice(&done.stdout).expect("JSON");
    assert_eq!(summary["warnings"], serde_json::json!([]), "the ledger is the primary's");
    assert_eq!(primary.value("select count(*)::text from longshore.export"), "1");
    let manifest =
        std::fs::read_to_string(folder.path().join("items.csv.manifest.json")).expect("a manifest");
    assert!(manifest.contains("\"replica_lag_seconds\": 0.0"), "{manifest}");

    standby.value("select pg_wal_replay_pause()::text");
    standby.wait_for_value("select pg_get_wal_replay_pause_state()", "paused");
    primary.value("insert into item values (2)");
    std::thread::sleep(Duration::from_secs(2));
    let refused = run(&folder, &url(&primary), Some(&url(&standby)));
    assert_eq!(refused.status.code(), Some(7), "{}", said(&refused));
    assert!(said(&refused).contains("s behind"), "{}", said(&refused));
    assert_eq!(
        std::fs::read_to_string(folder.path().join("items.csv")).expect("a file"),
        "id\n1\n"
    );
    standby.value("select pg_wal_replay_resume()::text");
    standby.wait_for_value("select count(*)::text from item", "2");

    let unset = run(&folder, &url(&primary), None);
    assert_eq!(unset.status.code(), Some(2), "{}", said(&unset));
    std::fs::write(
        folder.path().join("items.toml"),
        pipeline.replace("env = \"REPORTS_URL\"\n", ""),
    )
    .expect("a pipeline");
    let alone = run(&folder, &url(&standby), None);
    assert_eq!(alone.status.code(), Some(0), "{}", said(&alone));
    assert!(said(&alone).contains("the ledger does not know of this export"), "{}", said(&alone));
    assert_eq!(
        std::fs::read_to_string(folder.path().join("items.csv")).expect("a file"),
        "id\n1\n2\n"
    );
}
