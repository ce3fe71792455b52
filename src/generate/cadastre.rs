//! A municipality that is one grid of parcels, with addresses, owners and valuations.

use rust_xlsxwriter::XlsxError;

use super::{
    Expected, MadeFile, Order, TextFile, cannot_write,
    plan::FaultPlan,
    random::Random,
    sheet::{Cell, SheetFile},
};
use crate::error::Result;

/// Degrees of the south-west corner, and of a metre east and north of it.
const ORIGIN: (f64, f64) = (151.3, -33.2);
const METRE: (f64, f64) = (1.0 / 93_180.0, 1.0 / 110_908.0);
/// Metres of a parcel.
const SIZE: (f64, f64) = (20.0, 30.0);

/// What is wrong with a parcel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ParcelFault {
    BowTie,
    RingOpen,
    Swapped,
    NoGeometry,
    WrongArea,
    NoSuchDay,
    BadName,
    Ragged,
    Nul,
    Encoding,
    /// Two metres too wide: it lies on its neighbour.
    Overlap,
    /// A metre too narrow: there is a strip that is nobody's.
    Gap,
}

const PARCEL_FAULTS: &[ParcelFault] = &[
    ParcelFault::BowTie,
    ParcelFault::RingOpen,
    ParcelFault::Swapped,
    ParcelFault::NoGeometry,
    ParcelFault::WrongArea,
    ParcelFault::NoSuchDay,
    ParcelFault::BadName,
    ParcelFault::Ragged,
    ParcelFault::Nul,
    ParcelFault::Encoding,
    ParcelFault::Overlap,
    ParcelFault::Gap,
];

impl ParcelFault {
    fn code(self) -> Option<&'static str> {
        match self {
            ParcelFault::BowTie => Some("geometry.self_intersection"),
            ParcelFault::RingOpen => Some("geometry.ring_open"),
            ParcelFault::Swapped => Some("geometry.degrees"),
            ParcelFault::NoGeometry => Some("rule.not_null"),
            ParcelFault::WrongArea => Some("rule.area"),
            ParcelFault::NoSuchDay => Some("type.date"),
            ParcelFault::BadName => Some("rule.pattern"),
            ParcelFault::Ragged => Some("csv.ragged"),
            ParcelFault::Nul => Some("encoding.nul"),
            ParcelFault::Encoding => Some("encoding.invalid"),
            ParcelFault::Overlap | ParcelFault::Gap => None,
        }
    }
}

/// The grid, with what is wrong where.
struct Grid {
    rows: u64,
    columns: u64,
    faults: FaultPlan<ParcelFault>,
}

impl Grid {
    /// Whether nothing at all is wrong with a parcel, which has to exist.
    fn is_sound(&self, place: Option<u64>) -> bool {
        place.is_some_and(|place| place < self.rows && self.faults.at(place).is_none())
    }

    /// The fault, where its surroundings let it be what it is meant to be.
    fn fault(&self, place: u64) -> Option<ParcelFault> {
        let last_of_row = place % self.columns == self.columns - 1;
        let beside = Some(place + 1).filter(|_| !last_of_row);
        let fault = self.faults.at(place)?;
        let around = [beside, Some(place + self.columns), place.checked_sub(self.columns)];
        match fault {
            ParcelFault::Overlap => self.is_sound(beside).then_some(fault),
            ParcelFault::Gap => around.iter().all(|at| self.is_sound(*at)).then_some(fault),
            _ => Some(fault),
        }
    }

    /// Whether it is there after parcels and changes have been loaded.
    fn is_loaded(&self, place: u64) -> bool {
        self.fault(place).and_then(ParcelFault::code).is_none() && !is_divided(place)
    }

    /// Metres of its west, south, east and north side.
    #[expect(clippy::cast_precision_loss, reason = "grids are far smaller than 2^53")]
    fn sides(&self, place: u64) -> [f64; 4] {
        let (column, row) = ((place % self.columns) as f64, (place / self.columns) as f64);
        let wider = match self.fault(place) {
            Some(ParcelFault::Overlap) => 2.0,
            Some(ParcelFault::Gap) => -1.0,
            _ => 0.0,
        };
        let (west, south) = (column * SIZE.0, row * SIZE.1);
        [west, south, west + SIZE.0 + wider, south + SIZE.1]
    }
}

fn degrees(x: f64, y: f64) -> (f64, f64) {
    (ORIGIN.0 + x * METRE.0, ORIGIN.1 + y * METRE.1)
}

fn lot(place: u64) -> String {
    format!("{}//DP{}", place % 50 + 1, 700_000 + place / 50)
}

pub(super) fn generate(order: &Order) -> Result<Vec<MadeFile>> {
    let grid = Grid {
        rows: order.rows,
        columns: order.rows.isqrt().max(1),
        faults: FaultPlan::new(order.faults, PARCEL_FAULTS),
    };
    Ok(vec![
        parcels(order, &grid)?,
        changes(order, &grid)?,
        addresses(order, &grid)?,
        owners(order, &grid)?,
        valuations(order, &grid)?,
    ])
}

fn parcels(order: &Order, grid: &Grid) -> Result<MadeFile> {
    let name = "parcels.csv";
    let mut out = TextFile::create(order, name)?;
    out.line(b"lot,area,registered,updated,municipality,address,wkt")?;
    let mut expected = Expected::of("cadastre/parcels");
    for place in 0..grid.rows {
        let fault = grid.fault(place);
        expected.record(fault.and_then(ParcelFault::code));
        match fault {
            Some(ParcelFault::Overlap) => expected.warning("rule.overlap"),
            Some(ParcelFault::Gap) => expected.warning("rule.gap"),
            _ => {}
        }
        out.line(&parcel(order, grid, place, fault))?;
    }
    out.finish()?;
    Ok(MadeFile { file: name.to_owned(), expected: vec![expected] })
}

fn parcel(order: &Order, grid: &Grid, place: u64, fault: Option<ParcelFault>) -> Vec<u8> {
    let mut random = Random::new(order.seed ^ 0xCADA, place);
    let [west, south, east, north] = grid.sides(place);
    let area = (east - west) * (north - south);
    let area = if fault == Some(ParcelFault::WrongArea) { 2.0 * area } else { area };
    let corner = |x: f64, y: f64| {
        let (x, y) = degrees(x, y);
        match fault {
            Some(ParcelFault::Swapped) => format!("{y:.8} {x:.8}"),
            _ => format!("{x:.8} {y:.8}"),
        }
    };
    let (a, b) = (corner(west, south), corner(east, south));
    let (c, d) = (corner(east, north), corner(west, north));
    let wkt = match fault {
        Some(ParcelFault::NoGeometry) => String::new(),
        Some(ParcelFault::BowTie) => format!("POLYGON(({a},{c},{b},{d},{a}))"),
        Some(ParcelFault::RingOpen) => format!("POLYGON(({a},{b},{c},{d}))"),
        _ => format!("POLYGON(({a},{b},{c},{d},{a}))"),
    };
    let year = random.between(1960, 2020);
    let registered = match fault {
        Some(ParcelFault::NoSuchDay) => format!("{year}-02-30"),
        _ => random.day(year),
    };
    let updated = random.day(2023);
    let name = match fault {
        Some(ParcelFault::BadName) => format!("LOT {place}"),
        _ => lot(place),
    };
    let mut address = format!("{} {}", 1 + place % 200, random.street());
    if fault == Some(ParcelFault::Nul) {
        address.push('\0');
    }
    let more = if fault == Some(ParcelFault::Ragged) { ",rear" } else { "" };
    let line =
        format!("{name},{area:.1},{registered},{updated},Karrawong,{address}{more},\"{wkt}\"");
    let mut line = line.into_bytes();
    if fault == Some(ParcelFault::Encoding) {
        // As Windows-1252 has it: an o with an accent in Karrawong.
        if let Some(at) = line.windows(9).position(|part| part == b"Karrawong") {
            line[at + 6] = 0xF3;
        }
    }
    line
}

/// A delivery of changes: some parcels are divided, each into two new ones.
fn changes(order: &Order, grid: &Grid) -> Result<MadeFile> {
    let name = "changes.csv";
    let mut out = TextFile::create(order, name)?;
    out.line(b"change,lot,area,registered,updated,municipality,address,wkt")?;
    let mut expected = Expected::of("cadastre/changes");
    // Not beside a parcel that lies on its neighbour.
    let divided = (0..grid.rows).filter(|place| {
        is_divided(*place) && grid.is_sound(Some(*place)) && grid.is_sound(place.checked_sub(1))
    });
    for place in divided {
        let [west, south, east, north] = grid.sides(place);
        let middle = f64::midpoint(south, north);
        for (part, from, to) in [('a', south, middle), ('b', middle, north)] {
            expected.record(None);
            let corner = |x: f64, y: f64| {
                let (x, y) = degrees(x, y);
                format!("{x:.8} {y:.8}")
            };
            let (a, b) = (corner(west, from), corner(east, from));
            let (c, d) = (corner(east, to), corner(west, to));
            let area = (east - west) * (to - from);
            let line = format!(
                "new,{}/{part}/DP{},{area:.1},2024-11-20,2024-11-20,Karrawong,,\"POLYGON(({a},{b},{c},{d},{a}))\"",
                place % 50 + 1,
                700_000 + place / 50
            );
            out.line(line.as_bytes())?;
        }
        expected.record(None);
        out.line(format!("cancelled,{},,,,,,", lot(place)).as_bytes())?;
    }
    out.finish()?;
    Ok(MadeFile { file: name.to_owned(), expected: vec![expected] })
}

/// Whether a parcel is divided by the delivery of changes; nothing else is delivered of it.
fn is_divided(place: u64) -> bool {
    place % 40 == 17
}

/// What is wrong with an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AddressFault {
    UnknownLot,
    Outside,
    Swapped,
    BadPostcode,
    NoStreet,
    Quote,
}

const ADDRESS_FAULTS: &[AddressFault] = &[
    AddressFault::UnknownLot,
    AddressFault::Outside,
    AddressFault::Swapped,
    AddressFault::BadPostcode,
    AddressFault::NoStreet,
    AddressFault::Quote,
];

impl AddressFault {
    fn code(self) -> &'static str {
        match self {
            AddressFault::UnknownLot => "lookup.none",
            AddressFault::Outside => "rule.inside",
            AddressFault::Swapped => "geometry.degrees",
            AddressFault::BadPostcode => "rule.pattern",
            AddressFault::NoStreet => "rule.required",
            AddressFault::Quote => "csv.quote",
        }
    }
}

fn addresses(order: &Order, grid: &Grid) -> Result<MadeFile> {
    let name = "addresses.csv";
    let mut out = TextFile::create(order, name)?;
    out.line(b"ref,lot,number,street,postcode,longitude,latitude")?;
    let mut expected = Expected::of("cadastre/addresses");
    let faults = FaultPlan::new(order.faults, ADDRESS_FAULTS);
    for place in (0..grid.rows).filter(|place| grid.is_loaded(*place)) {
        let fault = faults.at(expected.records);
        expected.record(fault.map(AddressFault::code));
        let mut random = Random::new(order.seed ^ 0xADD2, place);
        let [west, south, ..] = grid.sides(place);
        // Ten metres from two sides; on the other side of the street but one.
        let away = if fault == Some(AddressFault::Outside) { 100.0 } else { 0.0 };
        let (x, y) = degrees(west + 10.0 + away, south + 10.0);
        let (x, y) = if fault == Some(AddressFault::Swapped) { (y, x) } else { (x, y) };
        let street = match fault {
            Some(AddressFault::NoStreet) => String::new(),
            Some(AddressFault::Quote) => "\"Old\" Mill Lane".to_owned(),
            _ => random.street(),
        };
        let postcode = if fault == Some(AddressFault::BadPostcode) { "89O" } else { "0890" };
        let lot = match fault {
            Some(AddressFault::UnknownLot) => format!("{place}//DP9"),
            _ => lot(place),
        };
        let line =
            format!("K{place:08},{lot},{},{street},{postcode},{x:.8},{y:.8}", 1 + place % 200);
        out.line(line.as_bytes())?;
    }
    out.finish()?;
    Ok(MadeFile { file: name.to_owned(), expected: vec![expected] })
}

/// What is wrong with the owners of a parcel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OwnerFault {
    /// Two of three thirds.
    NotWhole,
    UnknownLot,
    NoSuchDay,
    NoName,
}

const OWNER_FAULTS: &[OwnerFault] =
    &[OwnerFault::NotWhole, OwnerFault::UnknownLot, OwnerFault::NoSuchDay, OwnerFault::NoName];

fn owners(order: &Order, grid: &Grid) -> Result<MadeFile> {
    let name = "owners.csv";
    let mut out = TextFile::create(order, name)?;
    out.line(b"lot,party,name,share,registered")?;
    let mut expected = Expected::of("cadastre/owners");
    let faults = FaultPlan::new(order.faults, OWNER_FAULTS);
    let loaded = (0..grid.rows).filter(|place| grid.is_loaded(*place)).zip(0..);
    for (place, at) in loaded {
        let fault = faults.at(at);
        let mut random = Random::new(order.seed ^ 0x0E4E, place);
        // Faults but the first are of a parcel with one owner, so that they spoil no sum.
        let (owners, of) = match fault {
            Some(OwnerFault::NotWhole) => (2, 3),
            Some(_) => (1, 1),
            None if place % 4 == 0 => (3, 3),
            None => (1, 1),
        };
        for owner in 0..owners {
            expected.record(fault.map(|fault| match fault {
                OwnerFault::NotWhole => "rule.total",
                OwnerFault::UnknownLot => "lookup.none",
                OwnerFault::NoSuchDay => "type.date",
                OwnerFault::NoName => "rule.required",
            }));
            let (family, given) = random.person();
            let person = match fault {
                Some(OwnerFault::NoName) => String::new(),
                _ => format!("{given} {family}"),
            };
            let lot = match fault {
                Some(OwnerFault::UnknownLot) => format!("{place}//DP9"),
                _ => lot(place),
            };
            let day = match fault {
                Some(OwnerFault::NoSuchDay) => "31/04/2019".to_owned(),
                _ => "17/04/2019".to_owned(),
            };
            let line = format!("{lot},P{place:07}{owner},{person},1/{of},{day}");
            out.line(line.as_bytes())?;
        }
    }
    out.finish()?;
    Ok(MadeFile { file: name.to_owned(), expected: vec![expected] })
}

/// What is wrong with a valuation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ValuationFault {
    DayAsText,
    NotAvailable,
    Negative,
    UnknownMethod,
    UnknownLot,
}

const VALUATION_FAULTS: &[ValuationFault] = &[
    ValuationFault::DayAsText,
    ValuationFault::NotAvailable,
    ValuationFault::Negative,
    ValuationFault::UnknownMethod,
    ValuationFault::UnknownLot,
];

fn valuations(order: &Order, grid: &Grid) -> Result<MadeFile> {
    let name = "valuations.xlsx";
    let path = order.folder.join(name);
    let failed = |cause: XlsxError| cannot_write(&path, cause);
    let title = "Municipality of Karrawong: valuation roll";
    let header = ["Lot", "Valued on", "Value", "Method"];
    let mut sheet = SheetFile::start("Roll", title, &header).map_err(failed)?;
    let mut expected = Expected::of("cadastre/valuations");
    let faults = FaultPlan::new(order.faults, VALUATION_FAULTS);
    for place in (0..grid.rows).filter(|place| grid.is_loaded(*place)) {
        let fault = faults.at(expected.records);
        expected.record(fault.map(|fault| match fault {
            ValuationFault::DayAsText => "type.date",
            ValuationFault::NotAvailable => "sheet.error",
            ValuationFault::Negative => "rule.minimum",
            ValuationFault::UnknownMethod => "rule.map",
            ValuationFault::UnknownLot => "lookup.none",
        }));
        let mut random = Random::new(order.seed ^ 0x7A1E, place);
        let lot = match fault {
            Some(ValuationFault::UnknownLot) => format!("{place}//DP9"),
            _ => lot(place),
        };
        let thousands = u32::try_from(random.between(95, 1900)).unwrap_or(95);
        let value = 1000.0 * f64::from(thousands);
        let cells = [
            Cell::Text(&lot),
            match fault {
                Some(ValuationFault::DayAsText) => Cell::Text("30/06/2024"),
                _ => Cell::Day("2024-06-30"),
            },
            match fault {
                Some(ValuationFault::NotAvailable) => Cell::NotAvailable,
                Some(ValuationFault::Negative) => Cell::Number(-value),
                _ => Cell::Number(value),
            },
            match fault {
                Some(ValuationFault::UnknownMethod) => Cell::Text("guess"),
                _ => Cell::Text(random.pick(&["Comparison", "Income", "Cost"])),
            },
        ];
        sheet.row(&cells).map_err(failed)?;
    }
    sheet.save(order, name)?;
    Ok(MadeFile { file: name.to_owned(), expected: vec![expected] })
}
