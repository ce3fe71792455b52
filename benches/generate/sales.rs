//! Property sales in the style of a land registry: 17 columns, all quoted, no header.

use std::{fs::File, io::Write, path::Path};

use flate2::{Compression, GzBuilder};

use crate::{
    Done,
    names::{self, LOCALITIES, TOWN},
    parcels::RESERVE,
    random::Random,
    town::{BLOCK_LOTS, lot_name, plan},
};

const SAMPLE_ROWS: u64 = 2000;
/// Blocks of the sample's town, whose lots are sold.
const SAMPLE_BLOCKS: u64 = 25;

const KINDS: [&str; 5] = ["D", "S", "T", "F", "O"];

/// What is wrong with a line of the sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// The thirtieth of February.
    NoSuchDay,
    /// Day, month, year.
    OtherDate,
    PriceInWords,
    PriceWithMarks,
    PriceOfNothing,
    FieldMissing,
    FieldTooMany,
    QuoteInside,
    WrongEncoding,
}

/// Which lines of the sample are faulty, by their number from 1.
const FAULTS: [(u64, Fault); 12] = [
    (87, Fault::NoSuchDay),
    (190, Fault::PriceInWords),
    (333, Fault::FieldMissing),
    (480, Fault::QuoteInside),
    (612, Fault::WrongEncoding),
    (777, Fault::NoSuchDay),
    (901, Fault::PriceWithMarks),
    (1024, Fault::FieldTooMany),
    (1250, Fault::OtherDate),
    (1400, Fault::PriceOfNothing),
    (1666, Fault::WrongEncoding),
    (1811, Fault::QuoteInside),
];

/// Lines that come a second time at the end: the first as it was, the others at another price.
const REPEATED: [u64; 3] = [42, 500, 1500];

/// Writes the sample, gzipped.
pub(crate) fn write_sample(path: &Path, seed: u64) -> Done {
    let mut out = GzBuilder::new().mtime(0).write(File::create(path)?, Compression::best());
    let mut repeated = Vec::new();
    for line in 1..=SAMPLE_ROWS - REPEATED.len() as u64 {
        let mut sale = Sale::of(line, SAMPLE_BLOCKS, seed);
        let fault = FAULTS.iter().find(|(at, _)| *at == line).map(|(_, fault)| *fault);
        if let Some(at) = REPEATED.iter().position(|&at| at == line) {
            let mut again = sale.clone();
            again.price += 5000 * at as i64;
            repeated.push(again);
        }
        sale.write(&mut out, fault)?;
    }
    for mut sale in repeated {
        sale.write(&mut out, None)?;
    }
    out.finish()?.sync_all()?;
    Ok(())
}

/// Writes `rows` sales without fault.
pub(crate) fn write_many(out: &mut impl Write, rows: u64, seed: u64) -> Done {
    for line in 1..=rows {
        Sale::of(line, rows.div_ceil(BLOCK_LOTS), seed).write(out, None)?;
    }
    out.flush()?;
    Ok(())
}

#[derive(Debug, Clone)]
struct Sale {
    id: String,
    price: i64,
    date: String,
    postcode: String,
    kind: &'static str,
    new: bool,
    leased: bool,
    number: i64,
    flat: Option<i64>,
    street: String,
    locality: &'static str,
    lot: String,
}

impl Sale {
    fn of(line: u64, blocks: u64, seed: u64) -> Self {
        let mut random = Random::new(seed ^ 0x5A1E, line);
        let (month, day) = random.day_of(2024);
        let kind = random.pick(&KINDS);
        // The reserve's lots are never sold.
        let block = random.below(blocks);
        let block = if block == RESERVE { block - 1 } else { block };
        Self {
            id: random.uuid(),
            price: 1000 * random.between(95, 1900) + 250 * random.between(0, 3),
            date: format!("2024-{month:02}-{day:02} 00:00"),
            postcode: format!("{:04}", 890 + random.between(0, 9)),
            kind,
            new: random.once_in(9),
            leased: kind == "F",
            number: random.between(1, 240),
            flat: (kind == "F").then(|| random.between(1, 60)),
            street: names::street(&mut random).to_uppercase(),
            locality: random.pick(&LOCALITIES),
            lot: lot_name(1 + random.below(BLOCK_LOTS), plan(block)),
        }
    }

    fn write(&mut self, out: &mut impl Write, fault: Option<Fault>) -> Done {
        let price = match fault {
            Some(Fault::PriceInWords) => "on application".to_owned(),
            Some(Fault::PriceWithMarks) => "$1,250,000".to_owned(),
            Some(Fault::PriceOfNothing) => "0".to_owned(),
            _ => self.price.to_string(),
        };
        match fault {
            Some(Fault::NoSuchDay) => self.date = "2024-02-30 00:00".to_owned(),
            Some(Fault::OtherDate) => self.date = "31/12/2024".to_owned(),
            Some(Fault::QuoteInside) => self.street = "THE \"OLD MILL LANE".to_owned(),
            _ => {}
        }
        let yes = |truth: bool| if truth { "Y" } else { "N" };
        let flat = self.flat.map(|flat| format!("FLAT {flat}")).unwrap_or_default();
        let (id, number) = (format!("{{{}}}", self.id), self.number.to_string());
        let town = TOWN.to_uppercase();
        let locality = self.locality.to_uppercase();
        let mut fields: Vec<&str> = vec![
            &id,
            &price,
            &self.date,
            &self.postcode,
            self.kind,
            yes(self.new),
            if self.leased { "L" } else { "F" },
            &number,
            &flat,
            &self.street,
            &locality,
            &town,
            "SALTPAN COAST",
            "FERRY SHIRE",
            "A",
            "A",
            &self.lot,
        ];
        match fault {
            Some(Fault::FieldMissing) => drop(fields.remove(8)),
            Some(Fault::FieldTooMany) => fields.insert(10, "REAR OF"),
            _ => {}
        }
        let mut line = format!("\"{}\"\r\n", fields.join("\",\"")).into_bytes();
        if fault == Some(Fault::WrongEncoding) {
            // A capital E with acute accent as Windows-1252 has it, in the shire's name.
            let at = line.windows(11).position(|part| part == b"FERRY SHIRE").ok_or("no shire")?;
            line[at + 1] = 0xC9;
        }
        out.write_all(&line)?;
        Ok(())
    }
}
