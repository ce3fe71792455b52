//! Students of a school as a workbook, with two title rows above the header.

use std::path::Path;

use rust_xlsxwriter::{
    DocProperties, ExcelDateTime, Format, Formula, Workbook, Worksheet, XlsxError,
};

use crate::{Done, names, random::Random};

const SAMPLE_ROWS: u64 = 300;
/// The row of the header, from 0.
const HEADER_ROW: u32 = 2;

const HEADER: [&str; 13] = [
    "Student ID",
    "Family Name",
    "First Name",
    "Sex",
    "DOB",
    "Year",
    "Class",
    "School Code",
    "Enrolled",
    "Guardian Name",
    "Relation",
    "Phone",
    "Email",
];

const RELATIONS: [&str; 4] = ["Mother", "Father", "Grandparent", "Guardian"];

/// What is wrong with a student of the sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    DateAsText,
    BornInFuture,
    NotAvailable,
    OneLetter,
    UnknownSex,
    BadPhone,
    BadEmail,
    BadId,
    NoFamilyName,
}

/// Which students of the sample are faulty, by their place from 0.
const FAULTS: [(u64, Fault); 17] = [
    (13, Fault::DateAsText),
    (28, Fault::NotAvailable),
    (45, Fault::OneLetter),
    (60, Fault::BadPhone),
    (77, Fault::DateAsText),
    (90, Fault::UnknownSex),
    (104, Fault::BornInFuture),
    (118, Fault::BadId),
    (131, Fault::DateAsText),
    (147, Fault::OneLetter),
    (160, Fault::NotAvailable),
    (182, Fault::BadEmail),
    (199, Fault::BadPhone),
    (215, Fault::DateAsText),
    (233, Fault::NoFamilyName),
    (251, Fault::NotAvailable),
    (270, Fault::UnknownSex),
];

/// Students who come a second time at the end: the first as before, the second in another class.
const REPEATED: [u64; 2] = [9, 150];

/// Writes the sample.
pub(crate) fn write_sample(path: &Path, seed: u64) -> Done {
    let mut workbook = workbook()?;
    let cover = workbook.add_worksheet().set_name("Read me")?;
    cover.write_string(0, 0, "Invented data. The students stand on the next sheet.")?;
    let sheet = workbook.add_worksheet().set_name("Students")?;
    let mut roster = Roster::start(sheet, seed)?;
    for place in 0..SAMPLE_ROWS - REPEATED.len() as u64 {
        let fault = FAULTS.iter().find(|(at, _)| *at == place).map(|(_, fault)| *fault);
        // An empty row between two years is common, and is no record.
        if place == 140 {
            roster.row += 1;
        }
        roster.write(place, fault, None)?;
    }
    roster.write(REPEATED[0], None, None)?;
    roster.write(REPEATED[1], None, Some("6Z"))?;
    roster.write_formatted_but_empty_rows()?;
    workbook.save(path)?;
    Ok(())
}

/// Writes `rows` students without fault.
pub(crate) fn write_many(path: &Path, rows: u64, seed: u64) -> Done {
    let mut workbook = workbook()?;
    let sheet = workbook.add_worksheet_with_low_memory()?.set_name("Students")?;
    let mut roster = Roster::start(sheet, seed)?;
    for place in 0..rows {
        roster.write(place, None, None)?;
    }
    workbook.save(path)?;
    Ok(())
}

/// A workbook that does not say when it was made, so that the same seed gives the same bytes.
fn workbook() -> Result<Workbook, XlsxError> {
    let mut workbook = Workbook::new();
    let made = ExcelDateTime::from_ymd(2024, 11, 21)?;
    workbook.set_properties(&DocProperties::new().set_creation_datetime(&made));
    Ok(workbook)
}

struct Roster<'s> {
    sheet: &'s mut Worksheet,
    seed: u64,
    row: u32,
    date: Format,
    digits: Format,
}

impl<'s> Roster<'s> {
    fn start(sheet: &'s mut Worksheet, seed: u64) -> Result<Self, XlsxError> {
        let bold = Format::new().set_bold();
        sheet.write_string_with_format(0, 0, "Wirrabilla Public School: student roster", &bold)?;
        sheet.write_string(1, 0, "As at 21 November 2024")?;
        for (column, name) in (0..).zip(HEADER) {
            sheet.write_string_with_format(HEADER_ROW, column, name, &bold)?;
        }
        let date = Format::new().set_num_format("dd/mm/yyyy");
        let digits = Format::new().set_num_format("00000000");
        Ok(Self { sheet, seed, row: HEADER_ROW + 1, date, digits })
    }

    fn write(
        &mut self,
        place: u64,
        fault: Option<Fault>,
        class: Option<&str>,
    ) -> Result<(), XlsxError> {
        let mut random = Random::new(self.seed ^ 0x5C00, place);
        let (family, given) = names::person(&mut random);
        let year = random.between(1, 6);
        self.write_id(place, fault, &mut random)?;
        let given = if fault == Some(Fault::OneLetter) { "J" } else { given };
        let sex = match fault {
            Some(Fault::UnknownSex) => "?",
            _ => random.pick(&["M", "F"]),
        };
        if fault != Some(Fault::NoFamilyName) {
            self.text(1, family)?;
        }
        self.text(2, given)?;
        self.text(3, sex)?;
        self.write_birth(2024 - 6 - year, fault, &mut random)?;
        self.sheet.write_number(self.row, 5, year as f64)?;
        let letter = random.pick(&["A", "B", "C"]);
        self.text(6, class.unwrap_or(&format!("{year}{letter}")))?;
        self.text(7, "0417")?;
        self.sheet.write_boolean(self.row, 8, !random.once_in(25))?;
        self.write_guardian(family, place, fault, &mut random)?;
        self.row += 1;
        Ok(())
    }

    fn text(&mut self, column: u16, text: &str) -> Result<(), XlsxError> {
        self.sheet.write_string(self.row, column, text).map(drop)
    }

    /// Ids have eight digits; some were typed as numbers, so their zeros are only shown.
    fn write_id(
        &mut self,
        place: u64,
        fault: Option<Fault>,
        random: &mut Random,
    ) -> Result<(), XlsxError> {
        let id = 20_417 + place * 37;
        let typed_as_number = random.once_in(8);
        match fault {
            Some(Fault::BadId) => self.text(0, "new student"),
            _ if typed_as_number => {
                let written =
                    self.sheet.write_number_with_format(self.row, 0, id as f64, &self.digits);
                written.map(drop)
            }
            _ => self.text(0, &format!("{id:08}")),
        }
    }

    fn write_birth(
        &mut self,
        year: i64,
        fault: Option<Fault>,
        random: &mut Random,
    ) -> Result<(), XlsxError> {
        let year = if fault == Some(Fault::BornInFuture) { 2091 } else { year };
        let (month, day) = random.day_of(year);
        match fault {
            Some(Fault::DateAsText) => self.text(4, &format!("{day:02}/{month:02}/{year}")),
            Some(Fault::NotAvailable) => {
                let error = Formula::new("=NA()").set_result("#N/A");
                self.sheet.write_formula(self.row, 4, error).map(drop)
            }
            _ => {
                let small = |number: i64| u8::try_from(number).unwrap_or(1);
                let year = u16::try_from(year).unwrap_or(1900);
                let born = ExcelDateTime::from_ymd(year, small(month), small(day))?;
                self.sheet.write_datetime_with_format(self.row, 4, &born, &self.date).map(drop)
            }
        }
    }

    fn write_guardian(
        &mut self,
        family: &str,
        place: u64,
        fault: Option<Fault>,
        random: &mut Random,
    ) -> Result<(), XlsxError> {
        // One in twelve lives without one that the school knows of.
        if random.once_in(12) && fault.is_none() {
            return Ok(());
        }
        let (_, given) = names::person(random);
        self.text(9, &format!("{given} {family}"))?;
        self.text(10, random.pick(&RELATIONS))?;
        let phone = match fault {
            Some(Fault::BadPhone) => "ask at office".to_owned(),
            _ => random.pick(&names::PHONES).to_owned(),
        };
        self.text(11, &phone)?;
        let email = match fault {
            Some(Fault::BadEmail) => format!("guardian{place}(at)example.org"),
            _ => format!("guardian{place}@example.org"),
        };
        self.text(12, &email)
    }

    /// Formats reach far below the last student, as they do in real sheets.
    fn write_formatted_but_empty_rows(&mut self) -> Result<(), XlsxError> {
        for row in self.row..self.row + 50 {
            self.sheet.write_blank(row, 4, &self.date)?;
        }
        Ok(())
    }
}
