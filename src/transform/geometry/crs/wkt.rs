//! A reference system's WKT, as a `.prj` file or a pipeline gives it.

use super::{Crs, definition, esri};

/// Reads WKT 1, ESRI's or WKT 2: by its own EPSG code, else by its name, else by its parameters.
///
/// # Errors
/// What is wrong, as a short sentence.
pub(super) fn parse(text: &str) -> Result<Crs, String> {
    let (keyword, body) = text
        .split_once(['[', '('])
        .ok_or_else(|| "the WKT of the coordinate reference system has no brackets".to_owned())?;
    let epsg = own_code(body).or_else(|| quoted(body).and_then(esri::code));
    let from_parameters =
        || proj4wkt::wkt_to_projstring(text).ok().map(|found| found.trim().to_owned());
    let definition = epsg.and_then(definition).or_else(from_parameters);
    if epsg.is_none() && definition.is_none() {
        let keyword = keyword.trim();
        return Err(format!("the {keyword} of the coordinate reference system is not understood"));
    }
    Ok(Crs { epsg, definition })
}

/// The text in the first pair of quotes: the system's name.
fn quoted(body: &str) -> Option<&str> {
    body.split('"').nth(1)
}

/// The code of an `AUTHORITY["EPSG","n"]` or `ID["EPSG",n]` that belongs to the whole system:
/// inner ones are the datum's, the unit's, or a part's of a compound system.
fn own_code(body: &str) -> Option<u32> {
    let mut depth = 0_u32;
    let mut in_quotes = false;
    for (at, c) in body.char_indices() {
        match c {
            '"' => in_quotes = !in_quotes,
            _ if in_quotes => {}
            '[' | '(' => {
                if depth == 0 && is_authority(&body[..at]) {
                    return epsg_number(&body[at + 1..]);
                }
                depth += 1;
            }
            ']' | ')' => depth = depth.checked_sub(1)?,
            _ => {}
        }
    }
    None
}

fn is_authority(before: &str) -> bool {
    let word = before.rsplit([',', '[', '(']).next().unwrap_or_default().trim();
    word.eq_ignore_ascii_case("AUTHORITY") || word.eq_ignore_ascii_case("ID")
}

/// `"EPSG","28356"]` or `"EPSG",28356]`
fn epsg_number(body: &str) -> Option<u32> {
    let body = body.split([']', ')']).next()?;
    let (authority, code) = body.split_once(',')?;
    let code = code.split(',').next()?;
    let plain = |text: &str| text.trim().trim_matches('"').to_owned();
    plain(authority).eq_ignore_ascii_case("EPSG").then(|| plain(code).parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    const ESRI_MGA: &str = r#"PROJCS["GDA_1994_MGA_Zone_56",GEOGCS["GCS_GDA_1994",DATUM["D_GDA_1994",SPHEROID["GRS_1980",6378137.0,298.257222101]],PRIMEM["Greenwich",0.0],UNIT["Degree",0.0174532925199433]],PROJECTION["Transverse_Mercator"],PARAMETER["False_Easting",500000.0],PARAMETER["False_Northing",10000000.0],PARAMETER["Central_Meridian",153.0],PARAMETER["Scale_Factor",0.9996],PARAMETER["Latitude_Of_Origin",0.0],UNIT["Meter",1.0]]"#;

    #[test]
    fn a_code_of_the_whole_system_wins_over_those_of_its_parts() {
        let wkt1 = r#"GEOGCS["GDA94",DATUM["GDA",SPHEROID["GRS 1980",6378137,298.25,AUTHORITY["EPSG","7019"]],AUTHORITY["EPSG","6283"]],PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433],AUTHORITY["EPSG","4283"]]"#;
        assert_eq!(parse(wkt1).map(|crs| crs.epsg), Ok(Some(4283)));
        let wkt2 = r#"PROJCRS["x (y)",BASEGEOGCRS["z",ID["EPSG",4258]],ID["EPSG",25830]]"#;
        assert_eq!(parse(wkt2).map(|crs| crs.epsg), Ok(Some(25830)));
        let inner_only = r#"PROJCS["mine",GEOGCS["GCS_WGS_1984",AUTHORITY["EPSG","4326"]]]"#;
        assert!(parse(inner_only).is_err());
    }

    #[test]
    fn esri_wkt_is_known_by_its_name_or_by_its_parameters() {
        assert_eq!(parse(ESRI_MGA).map(|crs| crs.epsg), Ok(Some(28356)));
        let renamed = ESRI_MGA.replace("GDA_1994_MGA_Zone_56", "Council_Grid");
        let crs = parse(&renamed).expect("its parameters are plain");
        assert_eq!(crs.epsg, None);
        assert!(crs.definition.is_some_and(|text| text.starts_with("+proj=tmerc")));
    }

    #[test]
    fn what_is_no_wkt_is_an_error() {
        for text in ["[", "PROJCS[", "PROJCS[\"a\"]", "LOCAL_CS[\"site\"]", "()"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
