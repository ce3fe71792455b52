//! Students as one flat CSV: each row has the student, both parents, the family and the course.

use std::io::Write;

use crate::{
    Done,
    names::{self, PHONES},
    random::Random,
};

const SAMPLE_ROWS: u64 = 240;

const HEADER: &str = "Student ID;Family Name;First Name;Sex;DOB;School Code;School Year;Grade;Section;\
    Mother Family Name;Mother First Name;Mother Phone;Father Family Name;Father First Name;Father Phone;\
    Living With;Own House;Help Amount;Poverty Card;Course";

const COURSES: [&str; 3] = ["Mathematics", "Khmer", "Science"];

/// What is wrong with a row of the sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// Month before day.
    OtherDate,
    UnknownSex,
    BadId,
    /// A school year that the school does not know.
    UnknownYear,
    /// A phone number in words, of the mother.
    BadPhone,
    NoFirstName,
}

/// Which rows of the sample are faulty, by their place from 0.
const FAULTS: [(u64, Fault); 8] = [
    (17, Fault::OtherDate),
    (40, Fault::UnknownSex),
    (66, Fault::BadId),
    (90, Fault::UnknownYear),
    (121, Fault::BadPhone),
    (150, Fault::NoFirstName),
    (177, Fault::UnknownYear),
    (203, Fault::OtherDate),
];

/// Students who come a second time at the end: the first as before, the second with another name.
const REPEATED: [u64; 2] = [5, 99];

/// Writes the sample.
pub(crate) fn write_sample(out: &mut impl Write, seed: u64) -> Done {
    writeln!(out, "{HEADER}")?;
    for place in 0..SAMPLE_ROWS - REPEATED.len() as u64 {
        let fault = FAULTS.iter().find(|(at, _)| *at == place).map(|(_, fault)| *fault);
        writeln!(out, "{}", row(place, fault, seed))?;
    }
    writeln!(out, "{}", row(REPEATED[0], None, seed))?;
    let other = row(REPEATED[1], None, seed);
    let mut fields: Vec<&str> = other.split(';').collect();
    fields[1] = "Othername";
    writeln!(out, "{}", fields.join(";"))?;
    Ok(())
}

/// Writes `rows` students without fault.
pub(crate) fn write_many(out: &mut impl Write, rows: u64, seed: u64) -> Done {
    writeln!(out, "{HEADER}")?;
    for place in 0..rows {
        writeln!(out, "{}", row(place, None, seed))?;
    }
    Ok(())
}

fn row(place: u64, fault: Option<Fault>, seed: u64) -> String {
    let mut random = Random::new(seed ^ 0xF1A7, place);
    let (family, first) = names::person(&mut random);
    let grade = random.between(1, 12);
    let (month, day) = random.day_of(2018 - grade);
    let dob = match fault {
        Some(Fault::OtherDate) => format!("{month:02}/28/{}", 2018 - grade),
        _ => format!("{day:02}/{month:02}/{}", 2018 - grade),
    };
    let id = match fault {
        Some(Fault::BadId) => "new".to_owned(),
        _ => (40_000_000 + place).to_string(),
    };
    let sex = if fault == Some(Fault::UnknownSex) { "?" } else { random.pick(&["M", "F"]) };
    let year = if fault == Some(Fault::UnknownYear) { "2098-2099" } else { "2024-2025" };
    let first = if fault == Some(Fault::NoFirstName) { "" } else { first };
    let section = random.pick(&["A", "B", "C"]);
    let mother = parent(family, place, fault, 9, &mut random);
    let father = parent(family, place, None, 5, &mut random);
    let house = random.pick(&["yes", "no", ""]);
    let help = if random.once_in(4) { random.between(1, 50).to_string() } else { String::new() };
    let card = random.pick(&["", "", "1", "2"]);
    let with = random.pick(&["parents", "mother", "grandparents"]);
    let course = random.pick(&COURSES);
    format!(
        "{id};{family};{first};{sex};{dob};0417;{year};{grade};{section};{mother};{father};{with};{house};{help};{card};{course}"
    )
}

/// Family name, first name and phone; all empty for one in so many.
fn parent(
    family: &str,
    place: u64,
    fault: Option<Fault>,
    absent_once_in: u64,
    random: &mut Random,
) -> String {
    let (_, first) = names::person(random);
    if random.once_in(absent_once_in) && fault.is_none() {
        return ";;".to_owned();
    }
    let phone = match fault {
        Some(Fault::BadPhone) => "ask the neighbour",
        _ => PHONES[(place % PHONES.len() as u64) as usize],
    };
    format!("{family};{first};{phone}")
}
