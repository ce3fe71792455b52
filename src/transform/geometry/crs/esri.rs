//! EPSG codes of the names ESRI writes into `.prj` files, which carry no code.

/// Names without a number in them.
const NAMES: [(&str, u32); 42] = [
    ("GCS_WGS_1984", 4326),
    ("GCS_GDA_1994", 4283),
    ("GDA94", 4283),
    ("GCS_GDA_2020", 7844),
    ("GDA2020", 7844),
    ("GCS_ETRS_1989", 4258),
    ("GCS_North_American_1983", 4269),
    ("GCS_North_American_1927", 4267),
    ("GCS_SIRGAS_2000", 4674),
    ("GCS_MAGNA", 4686),
    ("GCS_NZGD_2000", 4167),
    ("GCS_JGD_2000", 4612),
    ("GCS_JGD_2011", 6668),
    ("GCS_RGF_1993", 4171),
    ("GCS_Amersfoort", 4289),
    ("GCS_OSGB_1936", 4277),
    ("WGS_1984_Web_Mercator_Auxiliary_Sphere", 3857),
    ("WGS_1984_Web_Mercator", 3857),
    ("WGS 84 / Pseudo-Mercator", 3857),
    ("British_National_Grid", 27700),
    ("OSGB_1936_British_National_Grid", 27700),
    ("Irish_National_Grid", 29902),
    ("TM65_Irish_Grid", 29902),
    ("IRENET95_Irish_Transverse_Mercator", 2157),
    ("RD_New", 28992),
    ("RD_Old", 28991),
    ("Belge_Lambert_1972", 31370),
    ("Belge_Lambert_2008", 3812),
    ("RGF_1993_Lambert_93", 2154),
    ("RGF93_v1_Lambert-93", 2154),
    ("CH1903_LV03", 21781),
    ("CH1903+_LV95", 2056),
    ("MGI_Austria_Lambert", 31287),
    ("ETRS_1989_LAEA", 3035),
    ("ETRS_1989_LCC", 3034),
    ("ETRS_1989_Portugal_TM06", 3763),
    ("ETRS_1989_Poland_CS92", 2180),
    ("S-JTSK_Krovak_East_North", 5514),
    ("S_JTSK_Krovak_East_North", 5514),
    ("NZGD_2000_New_Zealand_Transverse_Mercator", 2193),
    ("MAGNA_Colombia_Bogota", 3116),
    ("SWEREF99_TM", 3006),
];

/// Families of zones: the name before the zone, the last zone, and the code of "zone 0".
const ZONES: [(&str, u32, u32); 10] = [
    ("GDA_1994_MGA_Zone_", 58, 28300),
    ("GDA2020_MGA_Zone_", 59, 7800),
    ("AGD_1984_AMG_Zone_", 56, 20300),
    ("AGD_1966_AMG_Zone_", 58, 20200),
    ("ETRS_1989_UTM_Zone_", 38, 25800),
    ("WGS_1984_UTM_Zone_", 60, 32600),
    ("NAD_1983_UTM_Zone_", 23, 26900),
    ("NAD_1927_UTM_Zone_", 22, 26700),
    ("ED_1950_UTM_Zone_", 38, 23000),
    ("SIRGAS_2000_UTM_Zone_", 22, 31954),
];

/// The code that an ESRI name stands for.
pub(super) fn code(name: &str) -> Option<u32> {
    let known = NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    known.map(|(_, code)| *code).or_else(|| zone_code(name))
}

fn zone_code(name: &str) -> Option<u32> {
    let (prefix, last, base) = ZONES.iter().find(|(prefix, ..)| {
        name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    })?;
    let zone = &name[prefix.len()..];
    let digits = zone.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let hemisphere = zone[digits.len()..].to_ascii_uppercase();
    let number: u32 = digits.parse().ok().filter(|number| (1..=*last).contains(number))?;
    match (*prefix, hemisphere.as_str()) {
        ("WGS_1984_UTM_Zone_", "S") => Some(32700 + number),
        // 31965 is zone 11N; 31978 is zone 18S.
        ("SIRGAS_2000_UTM_Zone_", "S") => (17..=25).contains(&number).then(|| 31960 + number),
        ("GDA_1994_MGA_Zone_" | "GDA2020_MGA_Zone_", "") => Some(base + number),
        ("AGD_1984_AMG_Zone_" | "AGD_1966_AMG_Zone_", "") => Some(base + number),
        (_, "N") => Some(base + number),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn esri_names_stand_for_codes() {
        let cases = [
            ("GDA_1994_MGA_Zone_56", Some(28356)),
            ("GDA2020_MGA_Zone_55", Some(7855)),
            ("ETRS_1989_UTM_Zone_30N", Some(25830)),
            ("WGS_1984_UTM_Zone_33S", Some(32733)),
            ("WGS_1984_UTM_Zone_19N", Some(32619)),
            ("SIRGAS_2000_UTM_Zone_19S", Some(31979)),
            ("SIRGAS_2000_UTM_Zone_18N", Some(31972)),
            ("rd_new", Some(28992)),
            ("WGS_1984_UTM_Zone_61N", None),
            ("WGS_1984_UTM_Zone_", None),
            ("WGS_1984_UTM_Zone_0N", None),
            ("NAD_1983_StatePlane_Ohio_North_FIPS_3401_Feet", None),
            ("", None),
        ];
        for (name, expected) in cases {
            assert_eq!(code(name), expected, "{name}");
        }
    }

    /// The table against the definitions' own names would need their WKT; the projections'
    /// parameters are enough to notice a slip of a line.
    #[test]
    fn every_name_has_a_definition_of_the_right_sort() {
        for (name, code) in NAMES {
            let definition = crs_definitions::from_code(u16::try_from(code).expect("a short code"));
            let definition = definition.unwrap_or_else(|| panic!("{name} has no definition"));
            let geographic = name.starts_with("GCS_") || matches!(code, 4283 | 7844);
            assert_eq!(definition.proj4.contains("+proj=longlat"), geographic, "{name}");
        }
    }

    #[test]
    fn every_family_of_zones_is_that_zone_of_utm() {
        for (prefix, last, base) in ZONES {
            let first = match base {
                23000 => 28,
                31954 => 11,
                20300 => 54,
                20200 | 28300 => 49,
                7800 => 46,
                25800 => 28,
                _ => 1,
            };
            for zone in first..=last {
                let code = u16::try_from(base + zone).expect("a short code");
                let definition = crs_definitions::from_code(code);
                let Some(definition) = definition else { continue };
                let expected = format!("+zone={zone} ");
                assert!(definition.proj4.contains(&expected), "{prefix}{zone}: {code}");
            }
        }
    }
}
