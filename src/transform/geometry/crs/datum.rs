//! Which datum a PROJ string stands on, and whether two can be brought together.
//!
//! proj4rs leaves coordinates where they are when either datum is unknown, as
//! PROJ.4 did, which puts data some hundred metres off without a word. So
//! datums are compared here first, and a pair without a known way is refused.

/// A datum as a PROJ string tells it.
#[derive(Debug, PartialEq)]
pub(super) enum Datum {
    /// WGS 84 itself.
    Wgs84,
    /// Known by its shift to WGS 84: the ellipsoid and the parameters.
    Shifted(String, Vec<f64>),
    /// A modern global frame (GDA2020, NAD83(2011), JGD2011) on GRS 80 without a shift of its
    /// own: within metres of WGS 84, and EPSG's transformation to it is the null one.
    Modern,
    /// Needs a grid that is not at hand (NAD27).
    Grid(String),
    /// On this ellipsoid, with no known way to anything else.
    Unknown(String),
}

/// The value of `+key=value` in a PROJ string.
pub(super) fn parameter<'t>(definition: &'t str, key: &str) -> Option<&'t str> {
    definition.split_whitespace().find_map(|word| {
        let (name, value) = word.trim_start_matches('+').split_once('=')?;
        (name == key).then_some(value)
    })
}

pub(super) fn is_geographic(definition: &str) -> bool {
    matches!(parameter(definition, "proj"), Some("longlat" | "latlong" | "lonlat" | "latlon"))
}

impl Datum {
    pub(super) fn of(definition: &str) -> Self {
        let value = |key| parameter(definition, key);
        if value("nadgrids") == Some("@null") {
            return Self::Wgs84;
        }
        if let Some(grids) = value("nadgrids") {
            return Self::Grid(grids.to_owned());
        }
        if let Some(shift) = value("towgs84") {
            let numbers = shift.split(',').filter_map(|number| number.parse().ok()).collect();
            return Self::Shifted(ellipsoid(definition), numbers);
        }
        match value("datum") {
            Some("WGS84") => Self::Wgs84,
            Some("NAD27") => Self::Grid("NAD27".to_owned()),
            Some("NAD83") => Self::Shifted("GRS80".to_owned(), vec![0.0; 3]),
            // The others have parameters in proj4rs.
            Some(name) => Self::Shifted(name.to_owned(), Vec::new()),
            None if is_modern(&ellipsoid(definition)) => Self::Modern,
            None => Self::Unknown(ellipsoid(definition)),
        }
    }

    /// Whether coordinates on it are taken for WGS 84's as they are.
    pub(super) fn is_null(&self) -> bool {
        match self {
            Self::Wgs84 => true,
            Self::Shifted(ellipsoid, numbers) => {
                is_modern(ellipsoid)
                    && !numbers.is_empty()
                    && numbers.iter().all(|&number| number == 0.0)
            }
            _ => false,
        }
    }

    /// Whether there is a known way from this datum to the other.
    pub(super) fn reaches(&self, other: &Self) -> bool {
        if self == other {
            return true;
        }
        let known = |datum: &Self| matches!(datum, Self::Wgs84 | Self::Shifted(..));
        match (self, other) {
            (Self::Modern, Self::Wgs84) | (Self::Wgs84, Self::Modern) => true,
            (a, b) => known(a) && known(b),
        }
    }
}

fn ellipsoid(definition: &str) -> String {
    let value = |key| parameter(definition, key).unwrap_or_default();
    match parameter(definition, "ellps") {
        Some(name) => name.to_owned(),
        None => format!("{} {} {} {}", value("a"), value("rf"), value("b"), value("R")),
    }
}

/// GRS 80 or WGS 84, which differ by a tenth of a millimetre; as name or as numbers.
fn is_modern(ellipsoid: &str) -> bool {
    let mut numbers = ellipsoid.split_whitespace();
    let near = |text: Option<&str>, value: f64| {
        let number = text.and_then(|text| text.parse::<f64>().ok());
        number.is_some_and(|number| (number - value).abs() < 1e-4)
    };
    matches!(ellipsoid, "GRS80" | "WGS84")
        || (near(numbers.next(), 6_378_137.0) && near(numbers.next(), 298.257_2))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reaches(a: u16, b: u16) -> bool {
        let datum = |code| Datum::of(crs_definitions::from_code(code).expect("a known code").proj4);
        datum(a).reaches(&datum(b))
    }

    #[test]
    fn datums_meet_only_by_a_known_way() {
        // GDA94 and WGS 84, RD and WGS 84, GDA94 and Web Mercator, two zones of NAD27.
        for (a, b) in [(4283, 28356), (28992, 4326), (4283, 3857), (26710, 26711), (7844, 7856)] {
            assert!(reaches(a, b) && reaches(b, a), "{a} {b}");
        }
        assert!(reaches(7844, 4326), "EPSG has the null transformation");
        // GDA94 and GDA2020 are 1.8 m apart; NAD27 needs grids; 2000 has no shift at all.
        for (a, b) in [(4283, 7844), (4267, 4326), (2000, 4326)] {
            assert!(!reaches(a, b) && !reaches(b, a), "{a} {b}");
        }
    }
}
