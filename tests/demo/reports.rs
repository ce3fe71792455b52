//! The shipped reports against values worked out here, from the same data and not by SQL.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    io::Read,
    path::Path,
    sync::Arc,
};

use longshore::{
    definition::{Definition, read},
    export::{self, ExportRequest, Places},
    generate::{Domain, Expected, Order, Shares, generate},
    run::progress::Progress,
};

use super::loads::Demo;
use crate::support::{Part, is_left_out};

/// What chance would do, the same each time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// Runs a shipped report into a folder of its own and gives its files by name, as lines.
async fn report(
    demo: &Demo,
    name: &str,
    set: &[(&str, &str)],
) -> BTreeMap<String, Vec<Vec<String>>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines").join(format!("{name}.toml"));
    let text = fs::read_to_string(path).expect("the report");
    let definition = read(name, &text).expect("a definition without findings").definition;
    let Definition::Export(mut definition) = definition else { panic!("{name} is no export") };
    let folder = tempfile::tempdir().expect("a folder");
    definition.output.path =
        definition.output.path.replace("out/", &format!("{}/", folder.path().display()));
    let parameters: Vec<_> =
        set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let request = ExportRequest {
        pipeline: name,
        definition: &definition,
        parameters: &parameters,
        since: None,
        again: None,
    };
    let progress = Arc::new(Progress::default());
    let endpoint = demo.database.endpoint();
    let places = Places { ledger: &endpoint, source: &endpoint };
    let ended = export::export(places, &[request], &progress).await;
    let ended = ended.map(|mut ended| ended.remove(0));
    let summary = ended.and_then(|one| one);
    let summary = summary.unwrap_or_else(|error| panic!("{name}: {error} {error:?}"));
    let lines = |path: &str| {
        let mut reader = csv::Reader::from_path(path).expect("a report");
        let lines = reader.records().map(|line| line.expect("a line"));
        lines.map(|line| line.iter().map(str::to_owned).collect()).collect()
    };
    let file_name =
        |path: &str| Path::new(path).file_name().expect("a name").to_string_lossy().into_owned();
    summary.files.iter().map(|file| (file_name(&file.path), lines(&file.path))).collect()
}

/// The lines of a report that is one file.
async fn lines(demo: &Demo, name: &str, set: &[(&str, &str)]) -> Vec<Vec<String>> {
    let files = report(demo, name, set).await;
    assert_eq!(files.len(), 1, "{name}");
    files.into_values().next().expect("one file")
}

/// A quotient rounded half away from zero, as numeric does, with so many decimals.
fn rounded(dividend: i128, divisor: i128, decimals: u32) -> String {
    let scale = 10_i128.pow(decimals);
    let (negative, dividend) = (dividend < 0, dividend.abs());
    let rounded = (2 * dividend * scale + divisor) / (2 * divisor);
    let sign = if negative && rounded > 0 { "-" } else { "" };
    let (whole, rest) = (rounded / scale, rounded % scale);
    format!("{sign}{whole}.{rest:0width$}", width = decimals as usize)
}

const STUDENTS: u64 = 24;
const SUBJECTS: [&str; 3] = ["Biology", "English", "Maths"];

struct School {
    /// Student and course, 0 to 23 and 0 to 1.
    marks: Vec<(u64, u64, usize, u64, i128)>,
    attendance: Vec<(u64, u64, u64, &'static str)>,
}

fn student(number: u64) -> String {
    format!("{:08}", 10_000 + number)
}

/// Marks in hundredths: each student has one to four in each subject and semester.
async fn school(demo: &Demo) -> School {
    let mut chance = Chance(7);
    let mut sql = String::from(
        "insert into school.subject (name) values ('Biology'), ('English'), ('Maths');
         insert into school.course (school_year, grade, section, name) values ('2024-2025', 7, 'A', '7A'), ('2024-2025', 7, 'B', '7B'), ('2023-2024', 6, 'A', '6A');\n",
    );
    let (mut marks, mut attendance) = (Vec::new(), Vec::new());
    for number in 0..STUDENTS {
        let course = number % 2;
        let _ = writeln!(
            sql,
            "insert into school.student (student_id, last_name, first_name, gender, dob, class, class_id, status, school_code, school_year)
             values ('{0}', 'Family{1}', 'Given{1}', 'male', '2012-01-01', 7, '7{2}', '{3}', '0417', '2024-2025');",
            student(number),
            number,
            if course == 0 { "A" } else { "B" },
            if number == 5 { "inactive" } else { "active" }
        );
        for (subject, name) in SUBJECTS.iter().enumerate() {
            for semester in 1..=2 {
                for day in 0..=chance.below(4) {
                    let mark = i128::from(100 * chance.below(10) + 25 * chance.below(4));
                    marks.push((number, course, subject, semester, mark));
                    let _ = writeln!(
                        sql,
                        "insert into school.grade (course_id, student_id, subject_id, semester_id, grade_date, grade)
                         select c.course_id, '{}', u.subject_id, m.semester_id, date '2024-10-01' + {day}, {}
                         from school.course c, school.subject u, school.semester m
                         where c.name = '7{}' and u.name = '{name}' and m.code = 'S{semester}-2024';",
                        student(number),
                        rounded(mark, 100, 2),
                        if course == 0 { "A" } else { "B" }
                    );
                }
            }
        }
        for day in 1..=20 {
            let status = ["Present", "Present", "Present", "Absent", "Late", "Excused"]
                [usize::try_from(chance.below(6)).expect("small")];
            attendance.push((number, course, day, status));
            let _ = writeln!(
                sql,
                "insert into school.attendance (student_id, course_id, date, status)
                 select '{}', course_id, date '2024-10-01' + {}, '{status}' from school.course where name = '7{}';",
                student(number),
                day - 1,
                if course == 0 { "A" } else { "B" }
            );
        }
    }
    // A year before counts for nobody.
    sql.push_str("insert into school.grade (course_id, student_id, subject_id, semester_id, grade_date, grade)
        select c.course_id, '00010000', u.subject_id, m.semester_id, '2023-10-01', 0 from school.course c, school.subject u, school.semester m
        where c.name = '6A' and u.name = 'Maths' and m.code = 'S1-2023';");
    demo.database.client().await.batch_execute(&sql).await.expect("the school");
    School { marks, attendance }
}

/// Sums are kept over a common divisor, so that averages of averages stay exact.
const COMMON: i128 = 840;

#[tokio::test]
async fn a_grade_report_has_averages_by_subject_over_all_and_the_rank() {
    if is_left_out(Part::Postgis, "the shipped tables have geometries") {
        return;
    }
    let demo = Demo::start().await;
    let school = school(&demo).await;
    let of = |student: u64, subject: usize| -> Vec<i128> {
        let marks = school.marks.iter();
        marks.filter(|m| m.0 == student && m.2 == subject).map(|m| m.4).collect()
    };
    // The average of averages, times COMMON and three: sums over counts of up to 8 marks.
    let overall = |student: u64| -> i128 {
        (0..3)
            .map(|subject| {
                let marks = of(student, subject);
                let count = i128::try_from(marks.len()).expect("few");
                assert_eq!(COMMON % count, 0);
                marks.iter().sum::<i128>() * (COMMON / count)
            })
            .sum()
    };
    let mut expected = Vec::new();
    for course in 0..2 {
        let mut class: Vec<u64> = (0..STUDENTS).filter(|s| s % 2 == course).collect();
        let place = |student: u64| {
            1 + class.iter().filter(|other| overall(**other) > overall(student)).count()
        };
        let places: BTreeMap<u64, usize> = class.iter().map(|s| (*s, place(*s))).collect();
        class.sort_by_key(|student| (places[student], *student));
        for student_number in class {
            for (subject, name) in SUBJECTS.iter().enumerate() {
                let marks = of(student_number, subject);
                let count = i128::try_from(marks.len()).expect("few");
                expected.push(vec![
                    format!("7{}", if course == 0 { "A" } else { "B" }),
                    student(student_number),
                    format!("Family{student_number}"),
                    format!("Given{student_number}"),
                    (*name).to_owned(),
                    marks.len().to_string(),
                    rounded(marks.iter().sum(), 100 * count, 2),
                    rounded(overall(student_number), 300 * COMMON, 2),
                    places[&student_number].to_string(),
                ]);
            }
        }
    }
    let found = lines(&demo, "school/reports/grade-report", &[("year", "2024-2025")]).await;
    assert_eq!(found, expected);
}

#[tokio::test]
async fn performance_of_students_by_semester() {
    if is_left_out(Part::Postgis, "the shipped tables have geometries") {
        return;
    }
    let demo = Demo::start().await;
    let school = school(&demo).await;
    // By student and semester, the year before included.
    let mut marks: BTreeMap<(String, String), Vec<i128>> = BTreeMap::new();
    marks.entry((student(0), "S1-2023".to_owned())).or_default().push(0);
    for (number, _, _, semester, mark) in &school.marks {
        marks.entry((student(*number), format!("S{semester}-2024"))).or_default().push(*mark);
    }
    let expected: Vec<Vec<String>> = marks
        .iter()
        .map(|((student, semester), marks)| {
            let count = i128::try_from(marks.len()).expect("few");
            vec![
                student.clone(),
                semester.clone(),
                marks.len().to_string(),
                rounded(marks.iter().sum(), 100 * count, 2),
                rounded(*marks.iter().min().expect("one"), 100, 2),
                rounded(*marks.iter().max().expect("one"), 100, 2),
            ]
        })
        .collect();
    assert_eq!(lines(&demo, "school/reports/student-performance", &[]).await, expected);
}

#[tokio::test]
async fn attendance_by_course_and_by_student() {
    if is_left_out(Part::Postgis, "the shipped tables have geometries") {
        return;
    }
    let demo = Demo::start().await;
    let school = school(&demo).await;
    // Days 3 to 12 of October.
    let period: Vec<_> = school.attendance.iter().filter(|a| (3..=12).contains(&a.2)).collect();
    let counts = |rows: &[&&(u64, u64, u64, &str)]| -> Vec<String> {
        let of = |status: &str| rows.iter().filter(|row| row.3 == status).count();
        let there = of("Present") + of("Late");
        let all = i128::try_from(rows.len()).expect("few");
        let percentage = rounded(100 * i128::try_from(there).expect("few"), all, 1);
        let counted = ["Present", "Absent", "Late", "Excused"].map(|status| of(status).to_string());
        counted.into_iter().chain([percentage]).collect()
    };
    let set = [("from", "2024-10-03"), ("to", "2024-10-12")];
    let mut by_course = Vec::new();
    let mut by_student = Vec::new();
    for (course, name) in [(0, "7A"), (1, "7B")] {
        let rows: Vec<_> = period.iter().filter(|a| a.1 == course).collect();
        let students: BTreeSet<u64> = rows.iter().map(|row| row.0).collect();
        let mut line = vec!["2024-2025".to_owned(), name.to_owned(), students.len().to_string()];
        line.extend(counts(&rows));
        by_course.push(line);
        for number in students {
            let rows: Vec<_> = rows.iter().copied().filter(|row| row.0 == number).collect();
            let mut line = vec![
                name.to_owned(),
                student(number),
                format!("Family{number}"),
                format!("Given{number}"),
            ];
            line.extend(counts(&rows));
            let missed = rows.iter().filter(|row| row.3 == "Absent" || row.3 == "Excused");
            let missed: Vec<String> =
                missed.map(|row| format!("2024-10-{:02} FULL", row.2)).collect();
            line.push(missed.join(", "));
            by_student.push(line);
        }
    }
    assert_eq!(lines(&demo, "school/reports/attendance-by-course", &set).await, by_course);
    assert_eq!(lines(&demo, "school/reports/attendance-by-student", &set).await, by_student);
}

#[tokio::test]
async fn class_lists_and_scholarships() {
    if is_left_out(Part::Postgis, "the shipped tables have geometries") {
        return;
    }
    let demo = Demo::start().await;
    school(&demo).await;
    let lists = report(&demo, "school/reports/class-lists", &[("year", "2024-2025")]).await;
    let sizes: Vec<(&str, usize)> =
        lists.iter().map(|(name, lines)| (name.as_str(), lines.len())).collect();
    assert_eq!(sizes, [("7A.csv", 12), ("7B.csv", 11)], "one of 7B is inactive");
    assert_eq!(lists["7B.csv"][0][..3], ["7B", "00010001", "Family1"]);

    let scholarships = "insert into school.scholarship (student_id, type, amount, sponsor, starts_on, ends_on) values
        ('00010001', 'fees', 120, 'Ferry Club', '2024-09-01', '2025-06-30'),
        ('00010002', 'meals', 30.50, 'Ferry Club', '2024-09-01', null),
        ('00010003', 'fees', 99, 'Ferry Club', '2023-09-01', '2024-06-30'),
        ('00010003', 'fees', 80, 'Bakery', '2024-10-01', '2024-12-31')";
    demo.database.client().await.batch_execute(scholarships).await.expect("scholarships");
    let found = lines(&demo, "school/reports/scholarships", &[("on", "2024-11-01")]).await;
    let picked: Vec<[&str; 4]> =
        found.iter().map(|line| [0, 1, 5, 8].map(|at| line[at].as_str())).collect();
    let expected = [
        ["Bakery", "00010003", "80.00", "80.00"],
        ["Ferry Club", "00010001", "120.00", "150.50"],
        ["Ferry Club", "00010002", "30.50", "150.50"],
    ];
    assert_eq!(picked, expected);
}

/// The sales of the sample that have no fault, by transaction; the last of each counts.
fn sample_sales() -> BTreeMap<String, (String, String, i128)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("sample-data/property/sales-2024.csv.gz");
    let mut bytes = Vec::new();
    let file = fs::File::open(path).expect("the sample");
    flate2::read::MultiGzDecoder::new(file).read_to_end(&mut bytes).expect("gzip");
    let mut sales = BTreeMap::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        let Ok(line) = std::str::from_utf8(line) else { continue };
        let line = line.trim_end_matches('\r').trim_start_matches('"').trim_end_matches('"');
        let fields: Vec<&str> = line.split("\",\"").collect();
        if fields.len() != 17 || fields.iter().any(|field| field.contains('"')) {
            continue;
        }
        let Ok(price) = fields[1].parse::<i128>() else { continue };
        let month = fields[2].get(..7).filter(|month| month.starts_with("2024-"));
        let (Some(month), false) = (month, fields[2].starts_with("2024-02-30")) else { continue };
        if price > 0 {
            let district = fields[12].split(' ').map(|word| {
                let (first, rest) = word.split_at(1);
                format!("{first}{}", rest.to_lowercase())
            });
            let district: Vec<String> = district.collect();
            let sale = (district.join(" "), month.to_owned(), price);
            sales.insert(fields[0].to_owned(), sale);
        }
    }
    sales
}

#[tokio::test]
async fn sales_statistics_have_the_median_of_each_district_and_month() {
    if is_left_out(Part::Postgis, "the shipped tables have geometries") {
        return;
    }
    let demo = Demo::start().await;
    let sample =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("sample-data/property/sales-2024.csv.gz");
    demo.run_on("property/sales", &sample.display().to_string()).await;
    let mut groups: BTreeMap<(String, String), Vec<i128>> = BTreeMap::new();
    for (district, month, price) in sample_sales().into_values() {
        groups.entry((district, month)).or_default().push(price);
    }
    let expected: Vec<Vec<String>> = groups
        .into_iter()
        .map(|((district, month), mut prices)| {
            prices.sort_unstable();
            let (count, middle) = (prices.len(), prices.len() / 2);
            let twice = prices[(count - 1) / 2] + prices[middle];
            let (least, greatest) = (prices[0], prices[count - 1]);
            let money = |price: i128| rounded(price, 1, 2);
            let median = rounded(twice, 2, 2);
            vec![district, month, count.to_string(), median, money(least), money(greatest)]
        })
        .collect();
    assert_eq!(expected.len(), 12);
    assert_eq!(lines(&demo, "property/reports/sales-statistics", &[]).await, expected);
}

#[tokio::test]
async fn register_roll_and_zones_of_a_municipality() {
    if is_left_out(Part::Postgis, "the shipped tables have geometries") {
        return;
    }
    let demo = Demo::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let order = Order {
        domain: Domain::Cadastre,
        rows: 100,
        seed: 4,
        faults: Shares::default(),
        folder: folder.path().to_owned(),
    };
    for made in generate(&order).expect("the files are made") {
        let input = folder.path().join(&made.file).display().to_string();
        // The changes would divide some parcels; other municipalities have reports of their own.
        let of_karrawong = ["parcels", "addresses", "owners", "valuations"];
        let is_loaded = |expected: &&Expected| {
            of_karrawong.iter().any(|name| expected.pipeline == format!("cadastre/{name}"))
        };
        for expected in made.expected.iter().filter(is_loaded) {
            demo.run_on(&expected.pipeline, &input).await;
        }
    }
    let mut parcels = BTreeMap::new();
    for line in csv::Reader::from_path(folder.path().join("parcels.csv")).expect("csv").records() {
        let line = line.expect("a parcel");
        let area: f64 = line[1].parse().expect("an area");
        parcels.insert(line[0].to_owned(), area);
    }
    let register = lines(&demo, "cadastre/reports/parcel-register", &[]).await;
    assert_eq!(register.len(), parcels.len());
    for line in &register {
        let area: f64 = line[2].parse().expect("an area");
        assert!((area - parcels[&line[0]]).abs() < 0.01, "{line:?}");
        assert!(line[6].starts_with("MULTIPOLYGON(((151.3"), "{line:?}");
    }

    let roll = report(&demo, "cadastre/reports/valuation-roll", &[("on", "2024-12-31")]).await;
    let roll = &roll["Karrawong.csv"];
    let mut workbook: calamine::Xlsx<_> =
        calamine::open_workbook(folder.path().join("valuations.xlsx")).expect("a workbook");
    let range = calamine::Reader::worksheet_range(&mut workbook, "Roll").expect("a sheet");
    let mut expected = BTreeMap::new();
    for row in range.rows().skip(3) {
        let (calamine::Data::String(lot), calamine::Data::Float(value)) = (&row[0], &row[2]) else {
            panic!("{row:?}")
        };
        expected.insert(lot.clone(), *value);
    }
    assert_eq!(roll.len(), expected.len());
    for line in roll {
        let value: f64 = line[5].parse().expect("a value");
        let by_area: f64 = line[6].parse().expect("a value");
        assert!((value - expected[&line[1]]).abs() < 0.01, "{line:?}");
        assert!((by_area - value / parcels[&line[1]]).abs() < 0.01, "{line:?}");
    }

    zones_over_the_grid(&demo).await;
}

async fn zones_over_the_grid(demo: &Demo) {
    // Ten columns of 20 m and ten rows of 30 m; a zone over the first two and a half columns.
    let (x, y) = (1.0 / 93_180.0, 1.0 / 110_908.0);
    let zone = |reference: &str, west: f64, east: f64, north: f64| {
        let (west, east) = (151.3 + west * x, 151.3 + east * x);
        let (south, north) = (-33.2, -33.2 + north * y);
        format!(
            "insert into cadastre.planning_zone (zone_ref, code, class, geom, source_dataset_id)
             values ('{reference}', 'R2', 'Low', st_multi(st_makeenvelope({west}, {south}, {east}, {north}, 4283)), 'sample-zones');"
        )
    };
    let client = demo.database.client().await;
    client.batch_execute(&zone("1", 0.0, 50.0, 300.0)).await.expect("a zone");
    client.batch_execute(&zone("2", 1000.0, 1100.0, 30.0)).await.expect("a zone");
    let zones = lines(demo, "cadastre/reports/parcels-per-zone", &[]).await;
    assert_eq!([zones[0][3].as_str(), zones[1][3].as_str()], ["30", "0"]);
    assert_eq!(zones[1][4], "0.0");
    let near = |text: &str, metres: f64| {
        let found: f64 = text.parse().expect("an area");
        assert!((found - metres).abs() < metres * 0.005, "{found} is not about {metres}");
    };
    near(&zones[0][4], 50.0 * 300.0);
    near(&zones[0][5], 50.0 * 300.0);
}

#[tokio::test]
async fn the_dashboard_counts_by_course_and_week() {
    if is_left_out(Part::Postgis, "the shipped tables have geometries") {
        return;
    }
    let demo = Demo::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let faults = ["score-below-zero", "unknown-student", "no-uuid", "late-week", "bad-moment"];
    let order = Order {
        domain: Domain::Learning,
        rows: 300,
        seed: 5,
        faults: faults.iter().fold(Shares::default(), |shares, kind| shares.with(kind, 0.01)),
        folder: folder.path().to_owned(),
    };
    for made in generate(&order).expect("the files are made") {
        let input = folder.path().join(&made.file).display().to_string();
        for expected in &made.expected {
            demo.run_on(&expected.pipeline, &input).await;
        }
    }
    let mut weeks: BTreeMap<(String, u64), Vec<(String, i128)>> = BTreeMap::new();
    let text = fs::read_to_string(folder.path().join("quizzes.jsonl")).expect("attempts");
    for line in text.lines() {
        let Ok(attempt) = serde_json::from_str::<serde_json::Value>(line) else { continue };
        let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
        let (student, at) = (text(&attempt["student"]["email"]), text(&attempt["at"]));
        let (score, week) = (attempt["result"]["score"].as_i64(), attempt["week"].as_u64());
        let (Some(score), Some(week)) = (score, week) else { panic!("{line}") };
        let is_sound = score >= 0 && week <= 53 && at.ends_with('Z') && attempt["id"] != "none";
        if is_sound && student.starts_with("student") {
            let key = (text(&attempt["course"]), week);
            weeks.entry(key).or_default().push((student, i128::from(score)));
        }
    }
    let expected: Vec<Vec<String>> = weeks
        .into_iter()
        .map(|((course, week), attempts)| {
            let students: BTreeSet<&String> = attempts.iter().map(|(student, _)| student).collect();
            let scores: Vec<i128> = attempts.iter().map(|(_, score)| *score).collect();
            let count = i128::try_from(scores.len()).expect("few");
            vec![
                course,
                week.to_string(),
                students.len().to_string(),
                scores.len().to_string(),
                rounded(scores.iter().sum(), count, 2),
                rounded(*scores.iter().min().expect("one"), 1, 2),
                rounded(*scores.iter().max().expect("one"), 1, 2),
                scores.iter().filter(|score| **score < 50).count().to_string(),
                "0".to_owned(),
                "0".to_owned(),
            ]
        })
        .collect();
    assert_eq!(lines(&demo, "learning/reports/dashboard", &[]).await, expected);
}

#[tokio::test]
async fn daily_bars_and_profits_of_a_market() {
    if is_left_out(Part::Postgis, "the shipped tables have geometries") {
        return;
    }
    let demo = Demo::start().await;
    let mut chance = Chance(3);
    let mut sql = String::from(
        "insert into market.market (symbol) values ('BTC-USD');
         create table market.trades_all partition of market.trades default;
         create table market.fills_all partition of market.fills default;\n",
    );
    // Prices in cents, quantities in hundredths; three days, several trades at one moment.
    let mut days: BTreeMap<u64, Vec<(i128, i128)>> = BTreeMap::new();
    for number in 0..60_u64 {
        let (day, price, quantity) = (
            1 + number / 20,
            i128::from(90_000 + chance.below(20_000)),
            i128::from(1 + chance.below(300)),
        );
        days.entry(day).or_default().push((price, quantity));
        let _ = writeln!(
            sql,
            "insert into market.trades select market_id, 't{number:04}', {}, {}, 'buy', '2024-10-{day:02} 12:{:02}:00+00' from market.market;",
            rounded(price, 100, 2),
            rounded(quantity, 100, 2),
            number % 20 / 2
        );
    }
    // Bought 3 at 100.00 and 1 at 120.00, sold 2 at 150.00; fees of 0.50 each.
    sql.push_str(
        "insert into market.orders (exchange_order_id, market_id, account, side, quantity, ordered_at)
           select o.id, market_id, 'ana', o.side::market.side, 9, '2024-10-01' from market.market, (values ('o1', 'buy'), ('o2', 'sell')) o (id, side);
         insert into market.fills (exchange_trade_id, order_id, market_id, price, quantity, fee, filled_at)
           select f.id, o.order_id, o.market_id, f.price, f.quantity, 0.5, '2024-10-02' from market.orders o
           join (values ('f1', 'o1', 100, 3), ('f2', 'o1', 120, 1), ('f3', 'o2', 150, 2)) f (id, o, price, quantity) on f.o = o.exchange_order_id;",
    );
    demo.database.client().await.batch_execute(&sql).await.expect("a market");
    let set = [("from", "2024-10-01"), ("to", "2024-10-02")];
    let bars = lines(&demo, "market/reports/daily-bars", &set).await;
    assert_eq!(bars.len(), 2, "the third day is outside");
    for (bar, (day, trades)) in bars.iter().zip(&days) {
        let number = |at: usize| bar[at].parse::<f64>().expect("a number");
        let is = |at: usize, cents: i128| {
            #[expect(clippy::cast_precision_loss, reason = "small")]
            let expected = cents as f64 / 100.0;
            assert!((number(at) - expected).abs() < 1e-9, "{bar:?}: column {at} is {expected}");
        };
        assert_eq!(bar[..2], ["BTC-USD".to_owned(), format!("2024-10-{day:02}")]);
        is(2, trades[0].0);
        is(3, trades.iter().map(|trade| trade.0).max().expect("one"));
        is(4, trades.iter().map(|trade| trade.0).min().expect("one"));
        is(5, trades[trades.len() - 1].0);
        is(6, trades.iter().map(|trade| trade.1).sum());
        assert_eq!(bar[7], trades.len().to_string());
    }
    let profit = lines(&demo, "market/reports/profit-and-loss", &[]).await;
    let last = days[&3].last().expect("one").0;
    // Cost 420 / 4 = 105 each; 2 sold for 300 cost 210; 2 are held.
    assert_eq!(profit.len(), 1);
    let numbers: Vec<f64> = profit[0][2..].iter().map(|text| text.parse().expect("one")).collect();
    #[expect(clippy::cast_precision_loss, reason = "small")]
    let last = last as f64 / 100.0;
    let expected = [2.0, 105.0, last, 90.0, 2.0 * (last - 105.0), 1.5];
    for (found, expected) in numbers.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-6, "{profit:?}: {expected}");
    }
}
