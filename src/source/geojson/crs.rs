//! The coordinate reference system that a collection's `crs` member names.
//!
//! RFC 7946 dropped the member: without one, coordinates are longitude and
//! latitude on WGS 84. Files of official surveys still carry it.

use serde::Deserialize;

/// What GeoJSON means when it says nothing.
pub(super) const CRS_DEFAULT: &str = "EPSG:4326";

#[derive(Deserialize)]
struct CrsMember {
    properties: CrsProperties,
}

#[derive(Deserialize)]
struct CrsProperties {
    name: Option<String>,
    href: Option<String>,
    code: Option<u32>,
}

/// The system named by the text of a `crs` member; `None` for null (GeoJSON
/// 2008: it cannot be assumed) and for what names nothing.
pub(super) fn crs_of_member(member: &[u8]) -> Option<String> {
    let member: CrsMember = serde_json::from_slice(member).ok()?;
    let properties = member.properties;
    match (properties.name, properties.code, properties.href) {
        (Some(name), ..) => Some(crs_of_name(&name)),
        (None, Some(code), _) => Some(format!("EPSG:{code}")),
        (None, None, href) => href.map(|href| crs_of_name(&href)),
    }
}

/// `EPSG:code` for the names in use; any other name stays as it is.
fn crs_of_name(name: &str) -> String {
    let upper = name.trim().to_ascii_uppercase();
    if upper.ends_with("CRS84") {
        return CRS_DEFAULT.to_owned();
    }
    let epsg = upper.split([':', '/']).any(|part| part == "EPSG");
    match upper.rsplit([':', '/']).next() {
        Some(code)
            if epsg && !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            format!("EPSG:{code}")
        }
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_in_use_become_codes() {
        for (name, crs) in [
            ("urn:ogc:def:crs:EPSG::28992", "EPSG:28992"),
            ("urn:ogc:def:crs:EPSG:8.9:28992", "EPSG:28992"),
            ("EPSG:3857", "EPSG:3857"),
            ("epsg:3857", "EPSG:3857"),
            ("http://www.opengis.net/def/crs/EPSG/0/2154", "EPSG:2154"),
            ("urn:ogc:def:crs:OGC:1.3:CRS84", "EPSG:4326"),
            ("http://www.opengis.net/def/crs/OGC/1.3/CRS84", "EPSG:4326"),
            ("urn:ogc:def:crs:ESRI::102100", "urn:ogc:def:crs:ESRI::102100"),
        ] {
            let member = format!(r#"{{"type":"name","properties":{{"name":"{name}"}}}}"#);
            assert_eq!(crs_of_member(member.as_bytes()).as_deref(), Some(crs));
        }
        let code = br#"{"type":"EPSG","properties":{"code":4283}}"#;
        assert_eq!(crs_of_member(code).as_deref(), Some("EPSG:4283"));
        assert_eq!(crs_of_member(b"null"), None);
    }
}
