//! Parcels as GeoJSON: the sample with its faults, and any number without.

use std::io::Write;

use crate::{
    Done,
    names::{self, TOWN},
    random::Random,
    town::{BLOCK_LOTS, Lot, Position, Town, area, degrees, lot_name},
};

const SAMPLE_COLUMNS: u64 = 5;
const SAMPLE_BLOCKS: u64 = 25;
/// The block in the middle of the sample's town is a reserve.
pub(crate) const RESERVE: u64 = 12;

const START: &str = r#"{"type":"FeatureCollection","name":"lots","crs":{"type":"name","properties":{"name":"urn:ogc:def:crs:EPSG::4283"}},"features":["#;

/// What is wrong with a parcel of the sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    UnclosedRing,
    BowTie,
    NoArea,
    HoleOutside,
    Swapped,
    NoGeometry,
    BadName,
    NegativeArea,
    BadDate,
}

/// Which parcels of the sample are faulty, by their place from 0.
const FAULTS: [(u64, Fault); 16] = [
    (11, Fault::UnclosedRing),
    (23, Fault::BadName),
    (40, Fault::BowTie),
    (57, Fault::Swapped),
    (76, Fault::NoGeometry),
    (101, Fault::NegativeArea),
    (120, Fault::BadName),
    (139, Fault::HoleOutside),
    (150, Fault::BowTie),
    (171, Fault::NoArea),
    (222, Fault::UnclosedRing),
    (240, Fault::BadDate),
    (267, Fault::Swapped),
    (290, Fault::BadName),
    (305, Fault::NoGeometry),
    (333, Fault::BadDate),
];

/// Parcels that come a second time at the end: the first as it was, the others changed.
const REPEATED: [u64; 3] = [5, 66, 200];

/// Writes the parcels of the sample.
pub(crate) fn write_sample(out: &mut impl Write, seed: u64) -> Done {
    let town = Town { columns: SAMPLE_COLUMNS, seed };
    let mut features = Vec::new();
    let mut repeated = Vec::new();
    for block in 0..SAMPLE_BLOCKS {
        let lots = if block == RESERVE { town.reserve(block) } else { town.block(block) };
        for lot in lots {
            let place = features.len() as u64;
            let fault = FAULTS.iter().find(|(at, _)| *at == place).map(|(_, fault)| *fault);
            let parcel = Parcel::of(&lot, place, seed);
            if let Some(at) = REPEATED.iter().position(|&at| at == place) {
                let mut again = parcel.clone();
                again.area += 10.0 * at as f64;
                repeated.push(again.feature(None));
            }
            features.push(parcel.feature(fault));
        }
    }
    features.extend(repeated);
    write!(out, "{START}\n{}\n]}}\n", features.join(",\n"))?;
    Ok(())
}

/// Writes `rows` parcels without fault.
pub(crate) fn write_many(out: &mut impl Write, rows: u64, seed: u64) -> Done {
    let blocks = rows.div_ceil(BLOCK_LOTS);
    let town = Town { columns: blocks.isqrt().max(1), seed };
    out.write_all(START.as_bytes())?;
    let lots = (0..blocks).flat_map(|block| town.block(block));
    for (place, lot) in (0..rows).zip(lots) {
        let end = if place == 0 { "\n" } else { ",\n" };
        write!(out, "{end}{}", Parcel::of(&lot, place, seed).feature(None))?;
    }
    out.write_all(b"\n]}\n")?;
    out.flush()?;
    Ok(())
}

#[derive(Debug, Clone)]
struct Parcel {
    id: u64,
    lot: u64,
    plan: u64,
    area: f64,
    registered: (i64, i64, i64),
    updated: (i64, i64, i64),
    address: String,
    rings: Vec<Vec<Position>>,
}

impl Parcel {
    fn of(lot: &Lot, place: u64, seed: u64) -> Self {
        let mut random = Random::new(seed ^ 0xCADA, place);
        let day = |random: &mut Random, year: i64| {
            let (month, day) = random.day_of(year);
            (year, month, day)
        };
        let year = random.between(1962, 2021);
        let registered = day(&mut random, year);
        let year = random.between(2022, 2024);
        let updated = day(&mut random, year);
        // A street is named by its plan, so that all lots of a row share it.
        let mut street = Random::new(seed ^ 0x57EE, lot.plan * 2 + u64::from(lot.number > 8));
        let address = format!("{} {}", 2 * lot.number - 1, names::street(&mut street));
        Self {
            id: 102_000_000 + place * 17,
            lot: lot.number,
            plan: lot.plan,
            area: area(&lot.rings),
            registered,
            updated,
            address,
            rings: lot.rings.clone(),
        }
    }

    fn feature(&self, fault: Option<Fault>) -> String {
        let name = match fault {
            // Missing a slash, missing its plan, and empty.
            Some(Fault::BadName) => match self.lot % 3 {
                0 => format!("{}/DP{}", self.lot, self.plan),
                1 => format!("LOT {}", self.lot),
                _ => String::new(),
            },
            _ => lot_name(self.lot, self.plan),
        };
        let area = if fault == Some(Fault::NegativeArea) { -self.area } else { self.area };
        let date = |(year, month, day): (i64, i64, i64)| format!("{year}-{month:02}-{day:02}");
        let registered = match fault {
            Some(Fault::BadDate) => format!("{}-02-30", self.registered.0),
            _ => date(self.registered),
        };
        format!(
            r#"{{"type":"Feature","id":{id},"properties":{{"cadid":{id},"lotidstring":"{name}","lotnumber":"{lot}","planlabel":"DP{plan}","planlotarea":{area:.1},"planlotareaunits":"m2","registered":"{registered}","lastupdate":"{updated}","hasstratum":{stratum},"address":"{address}","municipality":"{TOWN}"}},"geometry":{geometry}}}"#,
            id = self.id,
            lot = self.lot,
            plan = self.plan,
            updated = date(self.updated),
            stratum = self.id.is_multiple_of(11),
            address = self.address,
            geometry = self.geometry(fault),
        )
    }

    fn geometry(&self, fault: Option<Fault>) -> String {
        let mut rings = self.rings.clone();
        let ring = &mut rings[0];
        match fault {
            Some(Fault::NoGeometry) => return "null".to_owned(),
            Some(Fault::UnclosedRing) => drop(ring.pop()),
            Some(Fault::BowTie) => {
                let last = ring.len() - 2;
                ring.swap(last / 2, last);
            }
            // There and back along one side.
            Some(Fault::NoArea) => *ring = vec![ring[0], ring[1], ring[2], ring[1], ring[0]],
            Some(Fault::HoleOutside) => {
                rings.push(self.rings[0].iter().rev().map(|(u, v)| (u + 400.0, *v)).collect());
            }
            _ => {}
        }
        let swapped = fault == Some(Fault::Swapped);
        let rings: Vec<String> = rings.iter().map(|ring| coordinates(ring, swapped)).collect();
        format!(r#"{{"type":"Polygon","coordinates":[{}]}}"#, rings.join(","))
    }
}

fn coordinates(ring: &[Position], swapped: bool) -> String {
    let position = |&position: &Position| {
        let (longitude, latitude) = degrees(position);
        let (first, second) = if swapped { (latitude, longitude) } else { (longitude, latitude) };
        format!("[{first:.8},{second:.8}]")
    };
    format!("[{}]", ring.iter().map(position).collect::<Vec<_>>().join(","))
}
