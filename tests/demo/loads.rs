//! The shipped loads, record by record: every planted fault is found and nothing else is.

use std::{fs, path::Path, sync::Arc};

use longshore::{
    definition::{Definition, read},
    outcome::Tally,
    postgres::endpoint::Endpoint,
    report::{RunStatus, RunSummary},
    run::{ImportRequest, LoadOptions, Pipeline, import, progress::Progress},
};
use tokio_postgres::Client;

use super::migrations::shipped;
use crate::support::{Part, TestDatabase, is_left_out};

/// A database with the shipped tables, and a place for reports.
pub(super) struct Demo {
    pub(super) database: TestDatabase,
    reports: tempfile::TempDir,
}

impl Demo {
    pub(super) async fn start() -> Self {
        let database = TestDatabase::create().await;
        let session = database.session().await;
        shipped().up(&session, None, false).await.expect("the migrations go up");
        Self { database, reports: tempfile::tempdir().expect("a folder") }
    }

    /// Runs a pipeline by its name below `pipelines/`.
    pub(super) async fn run(&self, name: &str, force: bool) -> RunSummary {
        self.run_pipeline(pipeline(name), force).await
    }

    /// Runs a pipeline over another file, however many of its records are rejected.
    pub(super) async fn run_on(&self, name: &str, input: &str) -> RunSummary {
        let mut pipeline = pipeline(name);
        pipeline.definition.set_path(input);
        pipeline.definition.limits.rejected = None;
        self.run_pipeline(pipeline, false).await
    }

    async fn run_pipeline(&self, pipeline: Pipeline, force: bool) -> RunSummary {
        let endpoint: Endpoint = self.database.endpoint();
        let name = pipeline.name.clone();
        let request = ImportRequest {
            pipeline,
            report_folder: self.reports.path().to_owned(),
            force,
            dry_run: false,
            options: LoadOptions::default(),
        };
        let ended = import(&endpoint, &request, &Arc::new(Progress::default())).await;
        ended.unwrap_or_else(|stop| panic!("{name}: {stop:?}"))
    }
}

fn pipeline(name: &str) -> Pipeline {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines");
    let path = folder.join(name).with_extension("toml");
    let text = fs::read_to_string(&path).expect("the pipeline");
    let definition = read(name, &text).expect("a definition without findings").definition;
    let Definition::Import(definition) = definition else { panic!("{name} is no import") };
    let folder = path.parent().expect("a folder").to_owned();
    Pipeline { name: name.to_owned(), folder, definition: *definition }
}

pub(super) fn tallies(summary: &RunSummary) -> Vec<(&str, Tally)> {
    summary.tables.iter().map(|table| (table.table.as_str(), table.tally)).collect()
}

pub(super) fn codes(summary: &RunSummary) -> Vec<(&str, u64)> {
    summary.rejections.by_code.iter().map(|(code, count)| (code.as_str(), *count)).collect()
}

pub(super) async fn fact(client: &Client, query: &str) -> String {
    let row = client.query_one(&format!("select ({query})::text"), &[]).await;
    row.unwrap_or_else(|error| panic!("{query}: {error:?}")).get(0)
}

/// What a run of a shipped pipeline must come to.
struct Expected {
    pipeline: &'static str,
    tables: &'static [(&'static str, Tally)],
    codes: &'static [(&'static str, u64)],
}

pub(super) const NOTHING: Tally = Tally {
    read: 0,
    filtered: 0,
    rejected: 0,
    duplicate: 0,
    inserted: 0,
    updated: 0,
    unchanged: 0,
    deleted: 0,
    merged: 0,
};

/// Every fault that the sample data were made with, and no other.
const EXPECTED: [Expected; 7] = [
    Expected {
        pipeline: "cadastre/lots",
        tables: &[(
            "cadastre.parcel",
            Tally { read: 389, rejected: 18, duplicate: 1, inserted: 370, ..NOTHING },
        )],
        codes: &[
            ("geometry.degrees", 2),
            ("geometry.repair_area", 2),
            ("geometry.repair_failed", 1),
            ("rule.check", 1),
            ("rule.duplicate_key", 4),
            ("rule.minimum", 1),
            ("rule.not_null", 2),
            ("rule.pattern", 2),
            ("rule.required", 1),
            ("type.date", 2),
        ],
    },
    Expected {
        pipeline: "cadastre/zones",
        tables: &[(
            "cadastre.planning_zone",
            Tally { read: 60, rejected: 7, inserted: 53, ..NOTHING },
        )],
        codes: &[
            ("dbf.date", 1),
            ("geometry.repair_area", 1),
            ("rule.duplicate_key", 2),
            ("rule.not_null", 1),
            ("rule.pattern", 1),
            ("rule.required", 1),
        ],
    },
    Expected {
        pipeline: "property/sales",
        tables: &[(
            "property.sale",
            Tally { read: 2000, rejected: 12, duplicate: 3, inserted: 1985, ..NOTHING },
        )],
        codes: &[
            ("csv.quote", 2),
            ("csv.ragged", 2),
            ("encoding.invalid", 2),
            ("rule.minimum", 1),
            ("type.date", 3),
            ("type.numeric", 2),
        ],
    },
    Expected {
        pipeline: "school/students",
        tables: &[
            (
                "school.student",
                Tally { read: 300, rejected: 17, duplicate: 2, inserted: 281, ..NOTHING },
            ),
            (
                "school.guardian",
                Tally {
                    read: 300,
                    filtered: 23,
                    rejected: 17,
                    duplicate: 2,
                    inserted: 258,
                    ..NOTHING
                },
            ),
        ],
        codes: &[
            ("rule.email", 1),
            ("rule.map", 2),
            ("rule.maximum", 1),
            ("rule.min_length", 2),
            ("rule.pattern", 2),
            ("rule.phone", 2),
            ("rule.required", 1),
            ("sheet.error", 3),
            ("type.date", 4),
        ],
    },
    Expected {
        pipeline: "school/oneroster",
        tables: &[
            ("school.roster_org", Tally { read: 3, inserted: 3, ..NOTHING }),
            ("school.roster_session", Tally { read: 4, rejected: 1, inserted: 3, ..NOTHING }),
            ("school.roster_course", Tally { read: 5, inserted: 5, ..NOTHING }),
            ("school.roster_class", Tally { read: 11, rejected: 1, inserted: 10, ..NOTHING }),
            (
                "school.roster_user",
                Tally { read: 70, rejected: 4, duplicate: 1, inserted: 65, ..NOTHING },
            ),
            ("school.roster_role", NOTHING),
            ("school.roster_demographics", NOTHING),
            (
                "school.roster_enrollment",
                Tally { read: 130, rejected: 11, inserted: 119, ..NOTHING },
            ),
        ],
        codes: &[
            ("constraint.check", 1),
            ("constraint.foreign_key", 11),
            ("rule.duplicate_key", 2),
            ("rule.email", 1),
            ("rule.enum", 1),
            ("rule.not_null", 1),
        ],
    },
    // What owners and values say of a parcel that is rejected finds none.
    Expected {
        pipeline: "cadastre/county",
        tables: &[
            ("cadastre.parcel", Tally { read: 12, rejected: 1, inserted: 11, ..NOTHING }),
            ("cadastre.owner_interest", Tally { read: 13, rejected: 2, inserted: 11, ..NOTHING }),
            ("cadastre.valuation", Tally { read: 13, rejected: 2, inserted: 11, ..NOTHING }),
        ],
        codes: &[("geometry.self_intersection", 1), ("lookup.none", 3), ("rule.total", 1)],
    },
    Expected {
        pipeline: "school/sds",
        tables: &[
            ("school.sds_org", Tally { read: 2, inserted: 2, ..NOTHING }),
            ("school.sds_user", Tally { read: 25, inserted: 25, ..NOTHING }),
            ("school.sds_role", Tally { read: 25, inserted: 25, ..NOTHING }),
            ("school.sds_class", Tally { read: 2, inserted: 2, ..NOTHING }),
            (
                "school.sds_enrollment",
                Tally { read: 50, rejected: 1, duplicate: 1, inserted: 48, ..NOTHING },
            ),
        ],
        codes: &[("constraint.foreign_key", 1)],
    },
];

#[tokio::test]
async fn every_planted_fault_is_found_and_nothing_else() {
    if is_left_out(Part::Postgis, "the shipped tables have geometries") {
        return;
    }
    let demo = Demo::start().await;
    for expected in &EXPECTED {
        let summary = demo.run(expected.pipeline, false).await;
        assert_eq!(summary.status, RunStatus::Published, "{}", expected.pipeline);
        assert_eq!(tallies(&summary), expected.tables, "{}", expected.pipeline);
        assert_eq!(codes(&summary), expected.codes, "{}", expected.pipeline);
        assert!(summary.tables.iter().all(|table| table.tally.closes()));
    }
    let client = demo.database.client().await;
    for (query, answer) in FACTS {
        assert_eq!(fact(&client, query).await, *answer, "{query}");
    }
}

/// What must be in the tables, found out by other means than longshore's.
const FACTS: &[(&str, &str)] = &[
    // Dates with a time at midnight, leading zeros, umlauts, braces.
    ("select sum(price)::bigint from property.sale", "1985037500"),
    (
        "select count(*) from property.sale where property_type = 'flat' and unit like 'FLAT %'",
        "425",
    ),
    ("select count(*) from property.sale where postcode ~ '^0'", "1985"),
    ("select count(*) from property.sale where new_build", "195"),
    ("select min(sold_on) || ' ' || max(sold_on) from property.sale", "2024-01-01 2024-12-31"),
    ("select count(*) > 0 from property.sale where locality = 'Café Corner'", "true"),
    ("select count(*) > 0 from property.sale where search @@ to_tsquery('simple', 'café')", "true"),
    // Geometries are valid, in one reference system, and where they belong.
    (
        "select count(*) from cadastre.parcel where not st_isvalid(geom) or st_srid(geom) <> 4283",
        "0",
    ),
    (
        "select count(*) from cadastre.planning_zone where not st_isvalid(geom) or st_srid(geom) <> 4283",
        "0",
    ),
    (
        "select count(*) from cadastre.parcel where attributes ? 'cadid' and not attributes ? 'address'",
        "370",
    ),
    (
        "select area_m2 || ' ' || registered_on from cadastre.parcel where lot_plan = '1//DP300417'",
        "748.30 2005-07-29",
    ),
    ("select count(*) from cadastre.planning_zone where valid_from is null", "5"),
    ("select bool_and(municipality = 'WIRRABILLA') from cadastre.planning_zone", "true"),
    ("select count(*) > 0 from cadastre.planning_zone where precinct = 'ភ្នំតូច'", "true"),
    // Text ids whatever the cells were typed as; everyone in a table of their own.
    ("select min(student_id) || ' ' || count(*) from school.student", "00020417 281"),
    ("select class_id from school.student where student_id = '00025967'", "6Z"),
    ("select count(*) from school.student where school_code <> '0417' or dob > '2020-01-01'", "0"),
    ("select count(*) from school.student where status = 'inactive'", "17"),
    ("select count(*) from school.student where gender = 'female'", "145"),
    ("select bool_and(phone ~ '^\\+61\\d{9}$') from school.guardian", "true"),
    ("select count(*) from school.guardian g join school.student s using (student_id)", "258"),
];

/// The sample's delta after its bulk: one user leaves with all enrollments, one moves, one comes.
#[tokio::test]
async fn the_roster_follows_its_delta() {
    if is_left_out(Part::Postgis, "the shipped tables have geometries") {
        return;
    }
    let demo = Demo::start().await;
    demo.run("school/oneroster", false).await;
    let mut pipeline = pipeline("school/oneroster");
    pipeline.definition.set_path("sample-data/school/oneroster-delta.zip");
    let summary = demo.run_pipeline(pipeline, false).await;
    assert_eq!(codes(&summary), [("rule.operation", 1)]);
    let users = Tally { read: 4, rejected: 1, inserted: 1, updated: 2, deleted: 1, ..NOTHING };
    let enrollments = Tally { read: 3, inserted: 1, updated: 2, deleted: 2, ..NOTHING };
    let changed: Vec<_> =
        tallies(&summary).into_iter().filter(|(_, tally)| tally.read > 0).collect();
    let expected = [("school.roster_user", users), ("school.roster_enrollment", enrollments)];
    assert_eq!(changed, expected);
    let client = demo.database.client().await;
    let untouched = "select count(*) from school.roster_class";
    assert_eq!(fact(&client, untouched).await, "10");
}

#[tokio::test]
async fn a_second_run_rewrites_nothing() {
    if is_left_out(Part::Postgis, "the shipped tables have geometries") {
        return;
    }
    let demo = Demo::start().await;
    let client = demo.database.client().await;
    let versions =
        "select string_agg(xmin::text || ctid::text, ',' order by student_id) from school.student";
    demo.run("school/students", false).await;
    let before = fact(&client, versions).await;

    let again = demo.run("school/students", false).await;
    assert_eq!(again.status, RunStatus::Unchanged);
    let forced = demo.run("school/students", true).await;
    assert_eq!(forced.status, RunStatus::Published);
    for (table, tally) in tallies(&forced) {
        assert_eq!((tally.inserted, tally.updated, tally.deleted), (0, 0, 0), "{table}");
        assert!(tally.unchanged > 200 && tally.closes(), "{table}");
    }
    assert_eq!(fact(&client, versions).await, before);
}

#[tokio::test]
async fn personal_values_are_in_no_report_and_in_no_ledger() {
    if is_left_out(Part::Postgis, "the shipped tables have geometries") {
        return;
    }
    let demo = Demo::start().await;
    let summary = demo.run("school/students", false).await;
    let report = summary.rejections.report.clone().expect("a report");
    let shown = |name: &str| fs::read_to_string(Path::new(&report).join(name)).expect(name);
    let client = demo.database.client().await;
    let ledger = "select string_agg(r::text, ' ') from longshore.run r";
    let shown =
        [shown("rejections.csv"), shown("summary.json"), fact(&client, ledger).await].concat();
    let personal = "select string_agg(distinct v, chr(10)) from (
        select unnest(array[first_name, last_name]) from school.student union
        select unnest(array[phone::text, email::text]) from school.guardian) as p (v)";
    let personal = fact(&client, personal).await;
    // Short names are part of other words.
    for value in personal.lines().filter(|value| value.chars().count() > 4) {
        assert!(!shown.contains(value), "a personal value is shown");
    }
    assert!(shown.contains("***") && shown.contains("rule.phone"));
}
