//! Random deliveries, held against a model that takes one record after the other.

use std::collections::BTreeMap;

use proptest::{prelude::*, test_runner::TestRunner};

use super::{How, PIPELINE, TABLE, Workspace, first};

/// Days after 2024-01-01 and the street, by student and day: what one delivery says.
type Delivery = BTreeMap<(u8, u32), u8>;

/// A version: from a day on, to another, and the street.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Version {
    from: u32,
    to: Option<u32>,
    street: u8,
}

/// The versions of each student, in order.
#[derive(Debug, Default, PartialEq, Eq)]
struct Model {
    students: BTreeMap<u8, Vec<Version>>,
}

impl Model {
    /// Takes a delivery and says how many records were inserted, updated and unchanged.
    fn take(&mut self, delivery: &Delivery) -> [u64; 3] {
        let mut counts = [0; 3];
        for ((student, day), street) in delivery {
            let versions = self.students.entry(*student).or_default();
            let outcome = match versions.len() {
                0 => {
                    versions.push(Version { from: *day, to: None, street: *street });
                    0
                }
                _ if place(versions, *day, *street) => 1,
                _ => 2,
            };
            counts[outcome] += 1;
        }
        counts
    }

    fn lines(&self) -> String {
        let line = |(student, version): (&u8, &Version)| {
            let to = version.to.map_or_else(|| "open".to_owned(), |day| day.to_string());
            format!("{student} {} {to} {} {}", version.from, version.street, version.to.is_none())
        };
        let all = self
            .students
            .iter()
            .flat_map(|(student, versions)| versions.iter().map(move |version| (student, version)));
        all.map(line).collect::<Vec<_>>().join("\n")
    }
}

/// Puts a street to its day; whether that changed anything.
fn place(versions: &mut Vec<Version>, day: u32, street: u8) -> bool {
    let before = versions.partition_point(|version| version.from <= day);
    let valid = before.checked_sub(1).map(|at| &mut versions[at]);
    match valid {
        Some(version) if version.street == street => false,
        Some(version) if version.from == day => {
            version.street = street;
            true
        }
        Some(version) => {
            let to = version.to.replace(day);
            versions.insert(before, Version { from: day, to, street });
            true
        }
        None => {
            let to = versions.first().map(|next| next.from);
            versions.insert(0, Version { from: day, to, street });
            true
        }
    }
}

const TABLE_LINES: &str = "select coalesce(string_agg(concat_ws(' ', student, since - date '2024-01-01',
  coalesce((until - date '2024-01-01')::text, 'open'), street, is_current::text), E'\\n' order by student, since), '') from address";

/// What must hold of any table: of each student one version is current and open, and every
/// other one ends where the next begins.
const BROKEN: &str = "select count(*) from (
    select until, is_current, lead(since) over (partition by student order by since) as next from address) line
  where until is distinct from next or is_current <> (next is null)";

struct Run {
    runtime: tokio::runtime::Runtime,
    space: Workspace,
}

impl Run {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime");
        let space = runtime.block_on(Workspace::with(TABLE));
        Self { runtime, space }
    }

    /// Loads deliveries into the empty table: the counts of each, and the rows.
    fn load(&self, deliveries: &[Delivery]) -> (Vec<[u64; 3]>, String) {
        self.runtime.block_on(async {
            self.space.client.batch_execute("truncate address").await.expect("an empty table");
            let mut counts = Vec::new();
            for delivery in deliveries {
                counts.push(self.deliver(delivery).await);
                assert_eq!(self.space.value(BROKEN).await, "0", "the versions of a row meet");
            }
            (counts, self.space.value(TABLE_LINES).await)
        })
    }

    async fn deliver(&self, delivery: &Delivery) -> [u64; 3] {
        let first_day = jiff::civil::date(2024, 1, 1);
        let mut text = "student,street,since\n".to_owned();
        // The latest first: the order of records says nothing about the order of versions.
        for ((student, day), street) in delivery.iter().rev() {
            let since = first_day.saturating_add(jiff::Span::new().days(i64::from(*day)));
            text.push_str(&format!("{student},{street},{since}\n"));
        }
        self.space.write("moves.csv", text);
        let counts =
            first(&self.space.run_how(PIPELINE, How { force: true, ..How::default() }).await);
        [counts[4], counts[5], counts[6]]
    }
}

fn delivery(streets: std::ops::Range<u8>) -> impl Strategy<Value = Delivery> {
    prop::collection::btree_map((0..3u8, 0..12u32), streets, 1..14)
}

fn runner() -> TestRunner {
    TestRunner::new(ProptestConfig {
        cases: 16,
        failure_persistence: None,
        ..ProptestConfig::default()
    })
}

#[test]
fn any_deliveries_give_the_versions_of_the_model() {
    let run = Run::new();
    let strategy = prop::collection::vec(delivery(0..3), 1..4);
    runner()
        .run(&strategy, |deliveries| {
            let mut model = Model::default();
            let expected: Vec<_> = deliveries.iter().map(|delivery| model.take(delivery)).collect();
            let (counts, lines) = run.load(&deliveries);
            prop_assert_eq!(lines, model.lines());
            prop_assert_eq!(counts, expected);
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
}

/// Where no street comes twice, nothing that is delivered was valid already, so nothing is
/// left out, and any order of deliveries ends in the same versions.
#[test]
fn the_order_of_deliveries_does_not_matter() {
    let run = Run::new();
    let events = delivery(0..1).prop_map(|days| {
        let numbered = days.into_keys().enumerate();
        numbered.map(|(at, day)| (day, u8::try_from(at).unwrap_or(u8::MAX))).collect::<Vec<_>>()
    });
    let strategy = (events.prop_shuffle(), 1..6usize);
    runner()
        .run(&strategy, |(events, size)| {
            let shuffled: Vec<Delivery> =
                events.chunks(size).map(|part| part.iter().copied().collect()).collect();
            let at_once: Delivery = events.into_iter().collect();
            prop_assert_eq!(run.load(&shuffled).1, run.load(&[at_once]).1);
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
}
