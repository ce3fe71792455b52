//! All that a run leaves: tables, ledger, report; and what it must not leave.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    time::{Duration, Instant},
};

use tokio_postgres::Client;

use super::plots::TARGETS;

/// What two runs are compared by.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct State {
    /// Per table, rows and the hash of all of them in order.
    tables: Vec<String>,
    /// The one published run's tallies, files and rejections.
    ledger: Vec<String>,
    /// The files of its report but the summary, by name.
    report: BTreeMap<String, Vec<u8>>,
}

const STRAYS: &str = "
    select 'table ' || tablename from pg_tables where schemaname = 'longshore_staging'
    union all select 'run ' || run_id || ' that runs' from longshore.run where status = 'running'
    union all select 'an advisory lock of ' || pid from pg_locks where locktype = 'advisory'
      and database = (select oid from pg_database where datname = current_database())";

const SESSIONS: &str = "
    select 'session ' || pid || ' (' || coalesce(state, '') || '): ' || query from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'";

/// How long the server may take to notice that a client is gone.
const SESSION_LIMIT: Duration = Duration::from_secs(20);

/// Reads the state.
///
/// # Errors
/// What must not be there: stray staging, locks, sessions, leases, a run that runs, a file
/// that counts twice.
pub(super) async fn read(client: &Client) -> Result<State, String> {
    read_without(client, &format!("{STRAYS} union all {SESSIONS}"), tables(client).await).await
}

/// As [`read`], of tables of another scene: texts that queries give.
pub(super) async fn read_of(client: &Client, queries: &[&str]) -> Result<State, String> {
    let mut tables = Vec::new();
    for query in queries {
        tables.extend(texts(client, query).await);
    }
    read_without(client, &format!("{STRAYS} union all {SESSIONS}"), tables).await
}

/// As [`read`], where a pooler keeps sessions.
pub(super) async fn read_but_sessions(client: &Client) -> Result<State, String> {
    read_without(client, STRAYS, tables(client).await).await
}

async fn read_without(
    client: &Client,
    strays_query: &str,
    tables: Vec<String>,
) -> Result<State, String> {
    let strays = strays(client, strays_query).await;
    if !strays.is_empty() {
        return Err(format!("left behind: {}", strays.join(", ")));
    }
    let published = texts(
        client,
        "select run_id from longshore.run where status = 'published' and kind = 'import'",
    )
    .await;
    if published.len() != 1 {
        return Err(format!("{} runs are published", published.len()));
    }
    let folder = texts(
        client,
        "select report from longshore.run where status = 'published' and kind = 'import'",
    )
    .await;
    Ok(State { tables, ledger: ledger(client).await, report: report(Path::new(&folder[0]))? })
}

/// The run that began last.
pub(super) async fn last_run(client: &Client) -> String {
    let query = "select run_id from longshore.run order by started_at desc, run_id desc limit 1";
    texts(client, query).await.remove(0)
}

/// What several runs left together: tables, runs that did not fail, tallies, rejected records.
///
/// # Errors
/// What must not be there.
pub(super) async fn picture(client: &Client) -> Result<Vec<String>, String> {
    let strays = strays(client, &format!("{STRAYS} union all {SESSIONS}")).await;
    if !strays.is_empty() {
        return Err(format!("left behind: {}", strays.join(", ")));
    }
    let mut found = tables(client).await;
    // A replay given again tries what is wrong still, and may well be told the same.
    let runs = "longshore.run r where r.status <> 'failed' and r.pipeline <> 'sweep'
        and (r.replays is null or exists (select from longshore.tally l
          where l.run_id = r.run_id and l.inserted + l.updated > 0))";
    for query in [
        format!(
            "select format('%s %s %s %s %s', pipeline, status, undoes is not null, undone_by is not null,
               replays is not null) from {runs} order by 1"
        ),
        format!(
            "select (to_jsonb(t) - 'run_id')::text from longshore.tally t
               where run_id in (select r.run_id from {runs}) order by 1"
        ),
        "select format('%s %s %s %s %s', file, record, line, codes, closed_by is not null)
           from longshore.rejected_record order by 1"
            .to_owned(),
    ] {
        found.extend(texts(client, &query).await);
    }
    Ok(found)
}

impl State {
    /// The rows of the ledger that it was read with.
    pub(super) fn ledger(&self) -> &[String] {
        &self.ledger
    }

    /// Whether nothing is missing that an interruption could damage: so many tables are not what
    /// they were before, and so many have lost rows.
    pub(super) fn has_everything(&self, [targets, losing]: [usize; 2], before: &[String]) -> bool {
        let has = |name: &str| self.report.get(name).is_some_and(|content| !content.is_empty());
        let changed = self.tables.iter().zip(before).filter(|(now, before)| now != before).count();
        let tallies = self.ledger.iter().filter(|line| line.contains("\"deleted\""));
        changed == targets
            && tallies.filter(|line| !line.contains("\"deleted\": 0,")).count() == losing
            && self.ledger.len() > 8
            && ["rejections.csv", "rejected/0.csv", "rejected/2/1.csv"].into_iter().all(has)
    }

    /// Whether another run left the same.
    ///
    /// # Errors
    /// What differs.
    pub(super) fn compare(&self, other: &Self) -> Result<(), String> {
        if self.tables != other.tables {
            return Err(format!("the tables are {:?}, not {:?}", other.tables, self.tables));
        }
        if self.ledger != other.ledger {
            return Err(format!("the ledger has {:?}, not {:?}", other.ledger, self.ledger));
        }
        let (ours, theirs): (Vec<_>, Vec<_>) =
            (self.report.keys().collect(), other.report.keys().collect());
        if ours != theirs {
            return Err(format!("the report has {theirs:?}, not {ours:?}"));
        }
        match ours.into_iter().find(|name| self.report[*name] != other.report[*name]) {
            Some(name) => Err(format!("{name} in the report is not that of an undisturbed run")),
            None => Ok(()),
        }
    }
}

async fn texts(client: &Client, query: &str) -> Vec<String> {
    let rows = client.query_typed(query, &[]).await.expect("a query of the test");
    rows.iter().map(|row| row.get(0)).collect()
}

/// Per table, rows and a hash. The hash is taken of what a row says, in the order of what rows say: where a row lies in
/// the table does not matter.
pub(super) async fn tables(client: &Client) -> Vec<String> {
    let mut found = Vec::new();
    for table in TARGETS {
        let query = format!(
            "select '{table} ' || count(*) || ' ' || md5(coalesce(string_agg(t::text, E'\\n' order by t::text), '')) from {table} t"
        );
        found.extend(texts(client, &query).await);
    }
    found
}

async fn ledger(client: &Client) -> Vec<String> {
    let published =
        "join longshore.run r using (run_id) where r.status = 'published' and r.kind = 'import'";
    let queries = [
        format!(
            "select (to_jsonb(t) - 'run_id')::text from longshore.tally t {published} order by t.target"
        ),
        format!(
            "select (to_jsonb(f) - 'run_id')::text from longshore.file f {published} order by f.ordinal"
        ),
        format!(
            "select (to_jsonb(j) - 'run_id')::text from longshore.rejection j {published} order by j.code"
        ),
        format!(
            "select (to_jsonb(j) - 'run_id')::text from longshore.rejected_record j {published} order by 1"
        ),
    ];
    let mut found = Vec::new();
    for query in queries {
        found.extend(texts(client, &query).await);
    }
    found
}

/// What is on the server that no run holds any more; sessions are given time to end.
async fn strays(client: &Client, query: &str) -> Vec<String> {
    let lease = "select 'a lease: ' || l::text from longshore.lease l";
    let started = Instant::now();
    loop {
        let mut strays = texts(client, query).await;
        let has_lease = "select to_regclass('longshore.lease')::text from (values (1)) v
            where to_regclass('longshore.lease') is not null";
        if !texts(client, has_lease).await.is_empty() {
            strays.extend(texts(client, lease).await);
        }
        if strays.is_empty() || started.elapsed() > SESSION_LIMIT {
            return strays;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn report(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>, String> {
    let pattern = format!("{}/**/*", folder.display());
    let mut files = BTreeMap::new();
    for path in glob::glob(&pattern).expect("a pattern").map(|path| path.expect("readable")) {
        if path.is_dir() {
            continue;
        }
        let name = path.strip_prefix(folder).expect("below it").display().to_string();
        let content = fs::read(&path).expect("a file of the report");
        if name == "summary.json" {
            let whole = serde_json::from_slice::<serde_json::Value>(&content);
            whole.map_err(|error| format!("summary.json is not whole: {error}"))?;
        } else if name != "summary.json.new" {
            files.insert(name, content);
        }
    }
    Ok(files)
}
