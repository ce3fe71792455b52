//! Names of coordinate reference systems, by their form; which are known is the plan's to say.

use super::{Checker, hinted};
use crate::diagnostic::Place;

/// How well-known text starts.
const WKT: [&str; 8] = [
    "PROJCS[",
    "GEOGCS[",
    "PROJCRS[",
    "GEOGCRS[",
    "COMPD_CS[",
    "BOUNDCRS[",
    "GEODCRS[",
    "COMPOUNDCRS[",
];

impl Checker<'_> {
    pub(super) fn crs(&mut self, name: &str, place: &Place) {
        if is_crs(name) {
            return;
        }
        let message = format!("`{name}` is not the name of a coordinate reference system");
        let hint = match name.trim().parse::<u32>() {
            Ok(code) => format!("write `EPSG:{code}`"),
            Err(_) => "write the EPSG code, such as `EPSG:4283`".to_owned(),
        };
        self.report("definition.crs", place, message).hint = hinted(hint);
    }
}

fn is_crs(name: &str) -> bool {
    let upper = name.trim().to_ascii_uppercase();
    let code = upper.strip_prefix("EPSG:").or_else(|| upper.strip_prefix("URN:OGC:DEF:CRS:EPSG::"));
    let is_code =
        |code: &str| (1..=6).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_digit());
    code.is_some_and(is_code)
        || ["OGC:CRS84", "URN:OGC:DEF:CRS:OGC:1.3:CRS84"].contains(&upper.as_str())
        || WKT.iter().any(|start| upper.starts_with(start) && upper.ends_with(']'))
}

#[cfg(test)]
mod tests {
    use super::is_crs;

    #[test]
    fn codes_and_well_known_text_are_names() {
        for name in ["EPSG:4283", "epsg:3857", "urn:ogc:def:crs:EPSG::4326", "OGC:CRS84"] {
            assert!(is_crs(name), "{name}");
        }
        assert!(is_crs("GEOGCS[\"GDA94\"]"));
        for name in ["", "4283", "EPSG:", "EPSG:x", "EPSG 4283", "GDA94", "EPSG:1234567"] {
            assert!(!is_crs(name), "{name}");
        }
    }
}
