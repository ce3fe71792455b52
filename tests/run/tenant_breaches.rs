//! Ways to the rows of another tenant, each tried: none of them is written, whatever it takes.

use std::sync::Arc;

use longshore::{
    report::{RunStatus, RunSummary},
    run::{self, Stop},
    run_id::RunId,
};

use super::workspace::{How, Workspace, codes, first};

/// Keys that do not hold the tenant, so that one may stand in another's way.
const TABLES: &str = "create table category (id int primary key, tenant text not null, code text not null, unique (tenant, code));
    create table item (id int primary key, tenant text not null, title text, category_id int references category,
      unique (tenant, id));
    alter table category enable row level security;
    alter table item enable row level security;
    create policy of_tenant on category using (tenant = current_setting('longshore.tenant', true));
    create policy of_tenant on item using (tenant = current_setting('longshore.tenant', true));
    insert into category values (1, 'north', 'tools'), (2, 'south', 'books');
    insert into item values (1, 'south', 'theirs', 2), (2, 'north', 'old', 1), (3, 'north', 'old', null), (4, 'south', 'theirs', null)";

const PIPELINE: &str = r#"
[source]
format = "csv"
path = "$DIR/items.csv"
$LIMITS
[tenant]
value = "north"
[[target]]
table = "public.item"
mode = "upsert"
key = ["id"]
[target.columns]
id = { from = "id" }
tenant = { from = "tenant" }
title = { from = "title" }
"#;

const OURS: &str = "select string_agg(concat_ws(' ', id, title), '; ' order by id) from item where tenant = 'north'";
/// With the versions of the rows: that nothing was written shows only there.
const THEIRS: &str = "select string_agg(concat_ws(' ', xmin, item), '; ' order by id) from item where tenant = 'south'";

struct Loader {
    space: Workspace,
    role: String,
    theirs: String,
}

impl Loader {
    async fn new() -> Self {
        let space = Workspace::with(TABLES).await;
        let name = space.database.name().to_owned();
        let role = format!("breach_{name}");
        let grants = format!(
            "create role {role} login; grant create on database {name} to {role};
             grant select, insert, update, delete on all tables in schema public to {role}"
        );
        space.client.batch_execute(&grants).await.expect("a role");
        let theirs = space.value(THEIRS).await;
        Self { space, role, theirs }
    }

    async fn sql(&self, sql: &str) {
        let sql = sql.replace("$ROLE", &self.role);
        self.space.client.batch_execute(&sql).await.expect("changed");
    }

    async fn run(&self, toml: &str) -> Result<RunSummary, Stop> {
        let how = How { force: true, ..How::default() };
        let deletes =
            ["\"mirror\"", "\"replace\"", "delete ="].iter().any(|mode| toml.contains(mode));
        let limits = if deletes { "[limits]\ndeleted = \"100%\"" } else { "" };
        self.space.try_run_as(&self.role, &toml.replace("$LIMITS", limits), how).await
    }

    /// A load that ends well, and leaves the rows of others as they are.
    async fn loads(&self, toml: &str) -> RunSummary {
        let summary = self.run(toml).await.expect("a load");
        assert_eq!(self.space.value(THEIRS).await, self.theirs);
        summary
    }

    /// A load that is refused before anything is read, for this reason.
    async fn refused(&self, toml: &str, said: &str) {
        let before = self.space.value(OURS).await;
        match self.run(toml).await {
            Err(Stop::Error(error)) => assert!(error.to_string().contains(said), "{error}"),
            other => panic!("{said}: {other:?}"),
        }
        assert_eq!(self.space.value(OURS).await, before);
        assert_eq!(self.space.value(THEIRS).await, self.theirs);
    }

    async fn end(self) {
        self.sql("drop owned by $ROLE cascade; drop role $ROLE").await;
    }
}

#[tokio::test]
async fn a_key_that_another_tenant_holds_is_a_rejection() {
    let loader = Loader::new().await;
    loader.space.write("items.csv", "id,tenant,title\n1,north,mine\n2,north,new\n4,south,mine\n");
    for mode in ["upsert", "insert", "mirror", "replace"] {
        let summary = loader.loads(&PIPELINE.replace("\"upsert\"", &format!("{mode:?}"))).await;
        assert_eq!(first(&summary)[..3], [3, 0, 2], "{mode}");
        let expected = [("constraint.policy", 1), ("constraint.unique", 1)];
        assert_eq!(codes(&summary), expected, "{mode}");
    }
    assert_eq!(loader.space.value(OURS).await, "2 new");
    loader.end().await;
}

#[tokio::test]
async fn a_row_is_not_moved_over_to_another_tenant() {
    let loader = Loader::new().await;
    loader.space.write("items.csv", "id,tenant,title\n2,south,gift\n3,north,new\n");
    for mode in ["upsert", "mirror", "replace"] {
        let summary = loader.loads(&PIPELINE.replace("\"upsert\"", &format!("{mode:?}"))).await;
        assert_eq!(codes(&summary), [("constraint.policy", 1)], "{mode}");
        // A rejected record keeps its row.
        assert_eq!(loader.space.value(OURS).await, "2 old; 3 new", "{mode}");
    }
    loader.end().await;
}

#[tokio::test]
async fn a_deletion_that_is_ordered_of_anothers_row_finds_none() {
    let loader = Loader::new().await;
    loader
        .space
        .write("items.csv", "id,tenant,title,what\n1,south,x,D\n4,north,x,D\n3,north,x,D\n");
    let ordered = PIPELINE.replace(
        "key = [\"id\"]",
        "key = [\"id\"]\noperation = { from = \"what\", update = [\"U\"], delete = [\"D\"] }",
    );
    let summary = loader.loads(&ordered).await;
    assert_eq!((first(&summary)[2], summary.tables[0].tally.deleted), (0, 1));
    assert_eq!(loader.space.value(OURS).await, "2 old");
    loader.end().await;
}

#[tokio::test]
async fn neither_lookups_nor_references_reach_rows_of_others() {
    let loader = Loader::new().await;
    loader.space.write("items.csv", "id,tenant,title,category\n5,north,a,tools\n6,north,b,books\n");
    let looked_up = format!(
        "{PIPELINE}category_id = {{ lookup = \"public.category\", match = {{ code = \"category\" }}, take = \"id\" }}"
    );
    let summary = loader.loads(&looked_up).await;
    assert_eq!(codes(&summary), [("lookup.none", 1)]);
    loader.space.write("items.csv", "id,tenant,title,category\n7,north,a,1\n8,north,b,2\n");
    let given = format!("{PIPELINE}category_id = {{ from = \"category\" }}");
    let summary = loader.loads(&given).await;
    assert_eq!(codes(&summary), [("constraint.foreign_key", 1)]);
    assert_eq!(loader.space.value(OURS).await, "2 old; 3 old; 5 a; 7 a");
    // Policies do not hold for who owns the table.
    loader.sql("alter table category owner to $ROLE").await;
    loader.refused(&looked_up, "row-level security of public.category does not hold").await;
    loader.refused(&given, "row-level security of public.category does not hold").await;
    loader.sql("alter table category force row level security").await;
    loader.space.write("items.csv", "id,tenant,title,category\n9,north,b,2\n");
    assert_eq!(codes(&loader.loads(&given).await), [("constraint.foreign_key", 1)]);
    loader.end().await;
}

#[tokio::test]
async fn a_role_for_which_policies_do_not_hold_loads_nothing() {
    let loader = Loader::new().await;
    loader.space.write("items.csv", "id,tenant,title\n1,north,mine\n2,north,new\n");
    loader.sql("alter role $ROLE bypassrls").await;
    loader.refused(PIPELINE, "which bypasses it").await;
    loader.sql("alter role $ROLE nobypassrls superuser").await;
    loader.refused(PIPELINE, "owns the table or is a superuser").await;
    loader.sql("alter role $ROLE nosuperuser; alter table item owner to $ROLE").await;
    loader.refused(PIPELINE, "owns the table or is a superuser").await;
    let undone = loader.space.database.name().to_owned();
    loader
        .sql(&format!("alter table item owner to current_user; create role owner_{undone}; alter table item owner to owner_{undone}; grant owner_{undone} to $ROLE"))
        .await;
    loader.refused(PIPELINE, "owns the table or is a superuser").await;
    loader.sql("alter table item force row level security").await;
    assert_eq!(codes(&loader.loads(PIPELINE).await), [("constraint.unique", 1)]);
    loader.sql(&format!("alter table item owner to current_user; drop role owner_{undone}")).await;
    loader.end().await;
}

#[tokio::test]
async fn each_command_has_to_ask_for_the_tenant() {
    let loader = Loader::new().await;
    loader.space.write("items.csv", "id,tenant,title\n5,south,mine\n2,north,new\n");
    let asks = "tenant = current_setting('longshore.tenant', true)";
    let with = async |policies: &str| {
        let drop = "do $$ declare p text; begin for p in select polname from pg_policy where polrelid = 'item'::regclass loop
            execute format('drop policy %I on item', p); end loop; end $$;";
        loader.sql(&format!("{drop} {}", policies.replace("$ASKS", asks))).await;
    };
    with("create policy a on item using ($ASKS) with check (true)").await;
    loader.refused(PIPELINE, "lets this role insert and update rows whatever").await;
    with("create policy a on item for select using ($ASKS); create policy b on item for insert with check (true)").await;
    loader.refused(PIPELINE, "lets this role insert rows whatever").await;
    with("create policy a on item using ($ASKS); create policy b on item for delete using (true)")
        .await;
    loader.refused(PIPELINE, "lets this role delete rows whatever").await;
    // A restrictive policy bounds the commands it is for, and no others.
    with("create policy a on item using (true); create policy b on item as restrictive for select using ($ASKS)").await;
    loader.refused(PIPELINE, "lets this role delete and insert and update rows whatever").await;
    // A setting of a longer name is another one.
    with("create policy a on item using (tenant = current_setting('longshore.tenant_of', true))")
        .await;
    loader.refused(PIPELINE, "no policy of public.item").await;
    with("create policy a on item using (true); create policy b on item as restrictive using ($ASKS)").await;
    assert_eq!(codes(&loader.loads(PIPELINE).await), [("constraint.policy", 1)]);
    loader.end().await;
}

#[tokio::test]
async fn an_action_of_a_foreign_key_reaches_no_rows_of_others() {
    let loader = Loader::new().await;
    let notes = "create table note (id int primary key, tenant text not null, item_id int, foreign key (item_id) references item on delete cascade);
        alter table note enable row level security;
        create policy of_tenant on note using (tenant = current_setting('longshore.tenant', true));
        insert into note values (1, 'south', 3), (2, 'north', 3)";
    loader.sql(notes).await;
    loader.sql("grant select on note to $ROLE").await;
    loader.space.write("items.csv", "id,tenant,title\n2,north,new\n");
    let mirror = PIPELINE.replace("\"upsert\"", "\"mirror\"");
    loader.refused(&mirror, "action of foreign key `note_item_id_fkey`").await;
    // Through a table without policies, too.
    loader
        .sql("alter table note disable row level security; create table page (id int primary key, tenant text,
                note_id int references note on delete set null);
              alter table page enable row level security; create policy p on page using (tenant = current_setting('longshore.tenant', true))")
        .await;
    loader.refused(&mirror, "action of foreign key `page_note_id_fkey`").await;
    // What deletes nothing sets nothing off.
    assert_eq!(first(&loader.loads(PIPELINE).await)[5], 1);
    assert_eq!(loader.space.value("select count(*) from note").await, "2");
    // With the tenant in the key, only its own rows can refer to a row.
    loader
        .sql("drop table page; alter table note enable row level security; delete from note where tenant = 'south';
              alter table note drop constraint note_item_id_fkey,
                add foreign key (tenant, item_id) references item (tenant, id) on delete cascade")
        .await;
    assert_eq!(loader.loads(&mirror).await.tables[0].tally.deleted, 1);
    assert_eq!(loader.space.value("select count(*) from note").await, "0");
    // An update of what is referred to.
    loader
        .sql("alter table item add constraint titles unique (title, id); create table tag (id int primary key, tenant text, item_id int,
                title text, foreign key (title, item_id) references item (title, id) on update cascade);
              alter table tag enable row level security; create policy p on tag using (tenant = current_setting('longshore.tenant', true))")
        .await;
    loader.refused(PIPELINE, "action of foreign key `tag_title_item_id_fkey`").await;
    loader.end().await;
}

#[tokio::test]
async fn policies_are_asked_again_where_a_run_was_held() {
    let loader = Loader::new().await;
    loader.space.write("items.csv", "id,tenant,title\n2,north,new\n");
    let mirror =
        PIPELINE.replace("\"upsert\"", "\"mirror\"").replace("$LIMITS", "[limits]\ndeleted = 0");
    let held = loader.run(&mirror).await.expect("held");
    assert_eq!(held.status, RunStatus::Held);
    loader.sql("create policy all_of_it on item using (true)").await;
    let run = RunId::parse(&held.run).expect("a run");
    let endpoint = loader.space.database.endpoint_as(&loader.role);
    let refused = run::held::approve(&endpoint, &run, &Arc::default()).await;
    let error = refused.expect_err("refused").to_string();
    assert!(error.contains("whatever longshore.tenant says"), "{error}");
    assert_eq!(loader.space.value(OURS).await, "2 old; 3 old");
    loader.sql("drop policy all_of_it on item").await;
    let approved = run::held::approve(&endpoint, &run, &Arc::default()).await.expect("approved");
    assert_eq!(approved.tables[0].tally.deleted, 1);
    assert_eq!(loader.space.value(THEIRS).await, loader.theirs);
    loader.end().await;
}
