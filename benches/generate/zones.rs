//! Planning zones as a zipped shapefile, in metres of MGA zone 56.

use std::{fs::File, io::Write, path::Path};

use proj4rs::{Proj, transform::transform};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use crate::{
    Done,
    random::Random,
    shapefile::{Field, Record, layout},
    town::{Position, Town, degrees, rectangle},
};

const COLUMNS: u64 = 10;
const ROWS: u64 = 6;

const PROJECTION: &str = r#"PROJCS["GDA_1994_MGA_Zone_56",GEOGCS["GCS_GDA_1994",DATUM["D_GDA_1994",SPHEROID["GRS_1980",6378137.0,298.257222101]],PRIMEM["Greenwich",0.0],UNIT["Degree",0.0174532925199433]],PROJECTION["Transverse_Mercator"],PARAMETER["False_Easting",500000.0],PARAMETER["False_Northing",10000000.0],PARAMETER["Central_Meridian",153.0],PARAMETER["Scale_Factor",0.9996],PARAMETER["Latitude_Of_Origin",0.0],UNIT["Meter",1.0]]"#;

const FIELDS: [Field; 10] = [
    ("ZONE_ID", b'N', 8, 0),
    ("ZONE_CODE", b'C', 4, 0),
    ("ZONE_NAME", b'C', 40, 0),
    ("LGA_CODE", b'C', 4, 0),
    ("PLAN_NO", b'C', 6, 0),
    ("PRECINCT", b'C', 48, 0),
    ("COMM_DATE", b'D', 8, 0),
    ("MAX_HEIGHT", b'N', 6, 2),
    ("FSR", b'N', 5, 2),
    ("HERITAGE", b'L', 1, 0),
];

const CODES: [(&str, &str); 8] = [
    ("R2", "Low Density Residential"),
    ("R3", "Medium Density Residential"),
    ("R5", "Large Lot Residential"),
    ("E1", "Local Centre"),
    ("E4", "General Industrial"),
    ("SP2", "Infrastructure"),
    ("RE1", "Public Recreation"),
    ("C2", "Environmental Conservation"),
];

const PRECINCTS: [&str; 8] = [
    "Old Quarry",
    "Ribeira Brava",
    "São João",
    "Água Clara",
    "Ferry Point",
    "ភ្នំតូច",
    "Saltpan",
    "Zürich Green",
];

/// The zones that are faulty, by their place from 0.
const BOW_TIE: usize = 7;
const BAD_DATE: usize = 20;
const OVERFLOW: usize = 28;
const NO_SHAPE: usize = 41;
const BAD_CODE: usize = 50;
/// It has the id of the one before.
const REPEATED: usize = 55;

/// Writes the zones as a zip with `.shp`, `.shx`, `.dbf`, `.prj` and `.cpg`.
pub(crate) fn write_sample(path: &Path, seed: u64) -> Done {
    let files = layout(&FIELDS, &records(seed)?);
    let mut archive = ZipWriter::new(File::create(path)?);
    let parts: [(&str, &[u8]); 5] = [
        ("zones.shp", &files.shp),
        ("zones.shx", &files.shx),
        ("zones.dbf", &files.dbf),
        ("zones.prj", PROJECTION.as_bytes()),
        ("zones.cpg", b"UTF-8"),
    ];
    for (name, content) in parts {
        // The time of a part is the zip format's first, so that the same seed gives the same bytes.
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .last_modified_time(zip::DateTime::default());
        archive.start_file(name, options)?;
        archive.write_all(content)?;
    }
    archive.finish()?;
    Ok(())
}

fn records(seed: u64) -> Result<Vec<Record>, Box<dyn std::error::Error>> {
    let mut random = Random::new(seed ^ 0x20_5E5, 1);
    let town = Town { columns: 5, seed };
    let extent = town.extent(5);
    // Zones reach a little beyond the last street.
    let cell = ((extent.0 + 80.0) / COLUMNS as f64, (extent.1 + 60.0) / ROWS as f64);
    let mut records = Vec::new();
    for place in 0..usize::try_from(COLUMNS * ROWS)? {
        let (column, row) = (place as u64 % COLUMNS, place as u64 / COLUMNS);
        let corner = (column as f64 * cell.0 - 40.0, row as f64 * cell.1 - 30.0);
        let rings = grid_rings(place, corner, cell);
        let rings = rings.iter().map(|ring| to_metres(ring)).collect::<Result<_, _>>()?;
        records.push(Record { rings, values: values(place, &mut random) });
    }
    Ok(records)
}

/// A zone's rings on the grid: most are one, some have a hole, some are in two parts.
fn grid_rings(place: usize, corner: Position, cell: Position) -> Vec<Vec<Position>> {
    let part = |left: f64, bottom: f64, right: f64, top: f64| {
        let at = |u: f64, v: f64| (corner.0 + u * cell.0, corner.1 + v * cell.1);
        let (start, end) = (at(left, bottom), at(right, top));
        rectangle(start.0, start.1, end.0, end.1)
    };
    // Shells are clockwise here, holes the other way round.
    let shell = |mut ring: Vec<Position>| {
        ring.reverse();
        ring
    };
    match place {
        NO_SHAPE => Vec::new(),
        BOW_TIE => {
            let mut ring = shell(part(0.0, 0.0, 1.0, 1.0));
            ring.swap(5, 17);
            vec![ring]
        }
        _ if place % 17 == 3 => vec![shell(part(0.0, 0.0, 1.0, 1.0)), part(0.3, 0.3, 0.6, 0.7)],
        _ if place % 17 == 9 => {
            vec![shell(part(0.0, 0.0, 0.45, 1.0)), shell(part(0.55, 0.0, 1.0, 1.0))]
        }
        _ => vec![shell(part(0.0, 0.0, 1.0, 1.0))],
    }
}

fn to_metres(ring: &[Position]) -> Result<Vec<Position>, Box<dyn std::error::Error>> {
    let (from, to) = (Proj::from_epsg_code(4283)?, Proj::from_epsg_code(28356)?);
    let project = |&position: &Position| {
        let (longitude, latitude) = degrees(position);
        let mut point = (longitude.to_radians(), latitude.to_radians(), 0.0);
        transform(&from, &to, &mut point)?;
        let round = |metres: f64| (metres * 1000.0).round() / 1000.0;
        Ok((round(point.0), round(point.1)))
    };
    ring.iter().map(project).collect()
}

fn values(place: usize, random: &mut Random) -> Vec<String> {
    let (code, name) = CODES[random.below(CODES.len() as u64) as usize];
    let year = random.between(2009, 2023);
    let (month, day) = random.day_of(year);
    let height = 850 + 50 * random.between(0, 40);
    let ratio = 50 + 10 * random.between(0, 25);
    let id = 4100 + if place == REPEATED { place - 1 } else { place };
    let hundredths = |number: i64| format!("{}.{:02}", number / 100, number % 100);
    let date =
        if place == BAD_DATE { "20141332".to_owned() } else { format!("{year}{month:02}{day:02}") };
    vec![
        id.to_string(),
        if place == BAD_CODE { "??".to_owned() } else { code.to_owned() },
        name.to_owned(),
        "0417".to_owned(),
        format!("{:06}", 120 + random.between(0, 400)),
        random.pick(&PRECINCTS).to_owned(),
        // A date that is not set is blank.
        if place % 13 == 6 { String::new() } else { date },
        if place == OVERFLOW { "******".to_owned() } else { hundredths(height) },
        hundredths(ratio),
        if random.once_in(6) { "T" } else { "F" }.to_owned(),
    ]
}
