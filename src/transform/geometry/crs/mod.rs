//! What a coordinate reference system's name or WKT stands for.
//!
//! Data and column are compared by EPSG code first: equal codes need no
//! mathematics and no definition. Only where they differ does a definition
//! have to be found, and then nothing is guessed: an unknown code, an unknown
//! name or an unknown datum is a finding for the pipeline's author.

mod datum;
mod distrusted;
mod esri;
mod reproject;
mod wkt;

pub(super) use reproject::Reprojection;

/// A reference system as far as a pipeline or a file tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Crs {
    /// Its EPSG code, where it has or names one.
    pub(super) epsg: Option<u32>,
    /// Its definition as a PROJ string, where one is known.
    pub(super) definition: Option<String>,
}

impl Crs {
    /// The system with this EPSG code.
    pub(super) fn epsg(code: u32) -> Self {
        Self { epsg: Some(code), definition: definition(code) }
    }

    /// Reads `EPSG:28356`, an OGC URN or URL, `OGC:CRS84`, WKT (as in a `.prj`), or a PROJ string.
    ///
    /// # Errors
    /// What is wrong, as a short sentence.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim().trim_start_matches('\u{feff}').trim_end_matches('\0');
        if text.contains('[') || text.contains('(') {
            return wkt::parse(text);
        }
        if text.starts_with('+') {
            return Ok(Self { epsg: None, definition: Some(text.to_owned()) });
        }
        parse_name(text).ok_or_else(|| "the coordinate reference system is not understood".into())
    }

    /// Whether coordinates are degrees of longitude and latitude.
    pub(super) fn is_geographic(&self) -> bool {
        self.definition.as_deref().is_some_and(datum::is_geographic)
    }
}

/// `EPSG:n`, `urn:ogc:def:crs:EPSG:9.8:n`, `http://www.opengis.net/def/crs/EPSG/0/n`, and the
/// same with `OGC` and `CRS84`; a plain number is an EPSG code.
fn parse_name(text: &str) -> Option<Crs> {
    let upper = text.to_ascii_uppercase();
    let mut words = upper.rsplit([':', '/', '#']).filter(|word| !word.is_empty());
    let code = words.next()?.trim();
    if matches!(code, "CRS84" | "CRS84H") || text.eq_ignore_ascii_case("WGS84") {
        return Some(Crs::epsg(4326));
    }
    let authority = words.find(|word| !word.starts_with(|c: char| c.is_ascii_digit()));
    let code = code.trim_end_matches(".XML").parse().ok().filter(|&code| code != 0)?;
    match authority.map(str::trim) {
        None | Some("EPSG" | "EPSG.XML" | "SRID" | "CRS") => Some(Crs::epsg(code)),
        Some("ESRI") if matches!(code, 102_100 | 102_113) => Some(Crs::epsg(3857)),
        Some(_) => None,
    }
}

fn definition(code: u32) -> Option<String> {
    let found = crs_definitions::from_code(u16::try_from(code).ok()?)?;
    Some(match SHIFTS.iter().find(|(codes, ..)| codes.contains(&code)) {
        Some((_, old, new)) => found.proj4.replace(old, new),
        None => found.proj4.to_owned(),
    })
}

/// Shifts to WGS 84 that EPSG has replaced: codes, the definitions' parameters, EPSG's.
const SHIFTS: [(&[u32], &str, &str); 2] = [
    // S-JTSK, operation 5239: 10 m nearer.
    (&[4156, 5514], "589,76,480,0,0,0,0", "572.213,85.334,461.94,4.9732,1.529,5.2484,3.5378"),
    // Amersfoort, operation 4833: 8 mm nearer.
    (
        &[4289, 28991, 28992],
        "565.2369,50.0087,465.658,-0.406857,0.350733,-1.87035,4.0812",
        "565.4171,50.3319,465.5524,-0.398957,0.343988,-1.8774,4.0725",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_reference_systems_are_read_in_all_their_forms() {
        let cases = [
            ("EPSG:28356", Some(28356)),
            ("epsg:4283 ", Some(4283)),
            ("25830", Some(25830)),
            ("urn:ogc:def:crs:EPSG::28992", Some(28992)),
            ("urn:ogc:def:crs:EPSG:9.8.15:2056", Some(2056)),
            ("http://www.opengis.net/def/crs/EPSG/0/27700", Some(27700)),
            ("http://www.opengis.net/gml/srs/epsg.xml#3857", Some(3857)),
            ("urn:ogc:def:crs:OGC:1.3:CRS84", Some(4326)),
            ("OGC:CRS84", Some(4326)),
            ("ESRI:102100", Some(3857)),
            ("ESRI:54009", None),
            ("MGA zone 56", None),
            ("EPSG:", None),
            ("EPSG:0", None),
            ("", None),
        ];
        for (text, code) in cases {
            assert_eq!(Crs::parse(text).ok().and_then(|crs| crs.epsg), code, "{text}");
        }
    }

    #[test]
    fn replaced_shifts_are_in_place() {
        for (codes, old, new) in SHIFTS {
            for &code in codes {
                let definition = Crs::epsg(code).definition.expect("it has one");
                assert!(definition.contains(new) && !definition.contains(old), "{code}");
            }
        }
    }

    #[test]
    fn degrees_are_told_from_metres() {
        assert!(Crs::epsg(4283).is_geographic());
        assert!(!Crs::epsg(28356).is_geographic());
        assert!(!Crs::epsg(999_999).is_geographic());
    }
}
