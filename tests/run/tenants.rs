//! Tenants in one table: a load sees and writes the rows of its own, whatever it does with them.

use std::{process::Command, sync::Arc};

use longshore::{
    report::{RunStatus, RunSummary},
    run::{self, Stop, UndoRequest},
    run_id::RunId,
};

use super::workspace::{How, Workspace, codes, first};

const TABLES: &str = "create table property (tenant text not null, ref text not null, title text, primary key (tenant, ref));
    create function current_tenant() returns text language sql stable as
      $$ select nullif(current_setting('longshore.tenant', true), '') $$;
    alter table property enable row level security; alter table property force row level security;
    create policy of_tenant on property using (tenant = current_tenant()) with check (tenant = current_tenant());
    insert into property values ('north', 'a', 'old'), ('north', 'b', 'old'), ('south', 'a', 'theirs'), ('south', 'z', 'theirs')";

const PIPELINE: &str = r#"
[source]
format = "csv"
path = "$DIR/properties.csv"
[limits]
deleted = "$LIMIT"
[tenant]
value = "north"
[[target]]
table = "public.property"
mode = "mirror"
key = ["tenant", "ref"]
columns = { tenant = { from = "tenant" }, ref = { from = "ref" }, title = { from = "title" } }
"#;

const ALL: &str = "select string_agg(concat_ws(' ', tenant, ref, title), '; ' order by tenant, ref) from property";
const THEIRS: &str = "south a theirs; south z theirs";

/// A role that policies hold for, which may do all else that loads need.
struct Loader {
    space: Workspace,
    role: String,
}

impl Loader {
    async fn new() -> Self {
        let space = Workspace::with(TABLES).await;
        let role = format!("tenant_{}", space.database.name());
        let grants = format!(
            "create role {role} login; grant select, insert, update, delete on property to {role};
             grant create on database {} to {role}",
            space.database.name()
        );
        space.client.batch_execute(&grants).await.expect("a role");
        Self { space, role }
    }

    async fn run(&self, limit: &str) -> Result<RunSummary, Stop> {
        let toml = PIPELINE.replace("$LIMIT", limit);
        self.space.try_run_as(&self.role, &toml, How::default()).await
    }

    async fn end(self) {
        let drop = format!("drop owned by {0}; drop role {0}", self.role);
        self.space.client.batch_execute(&drop).await.expect("dropped");
    }
}

#[tokio::test]
async fn a_load_neither_sees_nor_writes_the_rows_of_another_tenant() {
    let loader = Loader::new().await;
    let space = &loader.space;
    space.write(
        "properties.csv",
        "tenant,ref,title\nnorth,a,new\nnorth,c,new\nsouth,y,mine?\nsouth,a,mine?\n",
    );
    let summary = loader.run("100%").await.expect("published");
    // What is new to the tenant is refused by the policy, and what is not its own it cannot see.
    assert_eq!(first(&summary), [4, 0, 2, 0, 1, 1, 0]);
    assert_eq!(codes(&summary), [("constraint.policy", 2)]);
    assert_eq!(summary.tables[0].tally.deleted, 1);
    assert_eq!(space.value(ALL).await, format!("north a new; north c new; {THEIRS}"));
    // Taken back, as the tenant whose rows they were.
    let request = UndoRequest {
        of: RunId::parse(&summary.run).expect("a run"),
        force: false,
        dry_run: false,
    };
    let endpoint = space.database.endpoint_as(&loader.role);
    let undone = run::undo(&endpoint, &request, &Arc::default()).await.expect("undone");
    assert_eq!(undone.status, RunStatus::Published);
    assert_eq!(space.value(ALL).await, format!("north a old; north b old; {THEIRS}"));
    loader.end().await;
}

#[tokio::test]
async fn a_held_load_is_approved_as_the_tenant_that_it_was_for() {
    let loader = Loader::new().await;
    let space = &loader.space;
    space.write("properties.csv", "tenant,ref,title\nnorth,c,new\n");
    let held = loader.run("0%").await.expect("held");
    assert_eq!(held.status, RunStatus::Held);
    let run = RunId::parse(&held.run).expect("a run");
    let endpoint = space.database.endpoint_as(&loader.role);
    let approved = run::held::approve(&endpoint, &run, &Arc::default()).await.expect("approved");
    assert_eq!((approved.status, approved.tables[0].tally.deleted), (RunStatus::Published, 2));
    assert_eq!(space.value(ALL).await, format!("north c new; {THEIRS}"));
    loader.end().await;
}

#[tokio::test]
async fn where_policies_do_not_keep_tenants_apart_nothing_is_loaded() {
    let loader = Loader::new().await;
    let space = &loader.space;
    space.write("properties.csv", "tenant,ref,title\nnorth,c,new\n");
    let before = space.value(ALL).await;
    let refused = async |sql: &str, back: &str, said: &str| {
        space.client.batch_execute(sql).await.expect("changed");
        match loader.run("100%").await {
            Err(Stop::Error(error)) => assert!(error.to_string().contains(said), "{error}"),
            other => panic!("{sql}: {other:?}"),
        }
        space.client.batch_execute(back).await.expect("changed back");
    };
    let role = &loader.role;
    refused(
        "alter table property disable row level security",
        "alter table property enable row level security",
        "is not enabled",
    )
    .await;
    refused(
        &format!("alter role {role} bypassrls"),
        &format!("alter role {role} nobypassrls"),
        "bypasses it",
    )
    .await;
    refused(
        "create policy all_of_it on property using (true)",
        "drop policy all_of_it on property",
        "whatever longshore.tenant says",
    )
    .await;
    refused(
        "alter policy of_tenant on property using (tenant = 'north') with check (true)",
        "alter policy of_tenant on property using (tenant = current_tenant()) with check (tenant = current_tenant())",
        "no policy",
    )
    .await;
    // The tests' own role is a superuser.
    let toml = PIPELINE.replace("$LIMIT", "100%");
    assert!(matches!(space.try_run(&toml, How::default()).await, Err(Stop::Error(_))));
    assert_eq!(space.value(ALL).await, before);
    assert_eq!(first(&loader.run("100%").await.expect("published"))[4], 1);
    loader.end().await;
}

#[tokio::test]
async fn the_command_gives_the_tenant_and_refuses_values_that_nobody_asks_for() {
    let loader = Loader::new().await;
    let space = &loader.space;
    let toml = PIPELINE.replace("$LIMIT", "100%").replace("\"north\"", "\":tenant\"");
    space.write("p.toml", toml.replace("$DIR", &space.folder.path().display().to_string()));
    let file = "tenant,ref,title\nnorth,a,new\n";
    space.write("properties.csv", file);
    let (_, rest) = space.database.url().split_once('@').expect("a role");
    let url = format!("postgres://{}@{rest}", loader.role);
    let longshore = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_longshore"));
        command.env_clear().env("DATABASE_URL", &url).current_dir(space.folder.path());
        let output = command.args(arguments).output().expect("longshore runs");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, said) = longshore(&["run", "p.toml"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("--set tenant=VALUE"), "{said}");
    let (code, said) = longshore(&["run", "p.toml", "--set", "tenat=north"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("did you mean `tenant`?"), "{said}");
    let (code, said) = longshore(&["run", "p.toml", "--set", "tenant=north"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("p@north: published"), "{said}");
    assert_eq!(space.value(ALL).await, format!("north a new; {THEIRS}"));
    // The same bytes are a new file to another tenant, who may not have them.
    let (_, said) = longshore(&["run", "p.toml", "--set", "tenant=south", "--dry-run"]);
    assert!(said.contains("constraint.policy: 1"), "{said}");
    space.write("export.toml", "kind = \"export\"\nsql = \"select ref from property order by ref\"\n[output]\nformat = \"csv\"\npath = \"out.csv\"\n");
    let (code, said) = longshore(&["run", "export.toml", "--set", "year=2024"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("they ask for no values at all"), "{said}");
    loader.end().await;
}
