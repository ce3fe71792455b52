//! Shapefiles of surveys and of other readers' tests, against the counts that GDAL found.

use std::collections::BTreeMap;

use longshore::error::ErrorKind;

use super::{
    data,
    features::{count, facts, files, read_in_both_sizes},
};

/// Shapefiles without a count in the list, since GDAL refuses them without
/// their `.shx`; we do not need it. Features, by the counts of their tables or headers.
const WITHOUT_INDEX: [(&str, usize); 27] = [
    ("geozero/shp/linem.shp", 1),
    ("geozero/shp/linez.shp", 1),
    ("geozero/shp/multi_polygon.shp", 1),
    ("geozero/shp/multipatch.shp", 1),
    ("geozero/shp/multipoint.shp", 1),
    ("geozero/shp/multipointz.shp", 1),
    ("geozero/shp/pointm.shp", 2),
    ("geozero/shp/pointz.shp", 2),
    ("geozero/shp/polygon.shp", 1),
    ("geozero/shp/polygonm.shp", 1),
    ("geozero/shp/polygonz.shp", 1),
    ("mapshaper/issues/193/gauss_kruger.shp", 3),
    ("mapshaper/issues/68/clipper.shp", 1),
    ("mapshaper/shapefile/ignore-properties.shp", 3),
    ("openaddresses_tests/parcels/data/us/ca/berkeley/Parcels.shp", 3),
    ("shapefile_js/htmlprj.shp", 2),
    ("shapefile_rs/linem.shp", 1),
    ("shapefile_rs/linez.shp", 1),
    ("shapefile_rs/multi_polygon.shp", 1),
    ("shapefile_rs/multipatch.shp", 1),
    ("shapefile_rs/multipoint.shp", 1),
    ("shapefile_rs/multipointz.shp", 1),
    ("shapefile_rs/pointm.shp", 2),
    ("shapefile_rs/pointz.shp", 2),
    ("shapefile_rs/polygon.shp", 1),
    ("shapefile_rs/polygonm.shp", 1),
    ("shapefile_rs/polygonz.shp", 1),
];

/// Files with faulty records, with the reason.
const FAULTY: [(&str, &str, usize); 5] = [
    // Their counts of points are larger than their records, on purpose.
    ("gdal/shp/buggymultiline.shp", "shapefile.shape", 1),
    ("gdal/shp/buggymultipoly.shp", "shapefile.shape", 1),
    ("geozero/shp/multipatch.shp", "geometry.unsupported", 1),
    ("shapefile_rs/multipatch.shp", "geometry.unsupported", 1),
    // A table that names no encoding (language 0x57) and is not UTF-8.
    ("hale_shp/GN_Point/GN_Point.shp", "encoding.invalid", 429),
];

#[test]
fn every_shapefile_has_the_features_that_gdal_counts() {
    let Some(data) = data() else { return };
    let (folder, facts) = (data.join("cadastre"), facts(&data));
    let mut features = 0;
    let paths = files(&folder, &["shp"]);
    assert_eq!(paths.len(), 87);
    for path in paths {
        let name = path.strip_prefix(&folder).expect("it lies there").display().to_string();
        let found = read_in_both_sizes("shapefile", &path)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let expected =
            match name.as_str() {
                // Its `.shx` ends after 8 of the 22 entries it claims; shapes and rows are 22.
                "mapshaper/shapefile/shplib/3dpoints.shp" => Some(22),
                _ => facts.get(&path).and_then(|facts| count(facts, "[ESRI Shapefile]")).or_else(
                    || WITHOUT_INDEX.iter().find(|(odd, _)| *odd == name).map(|(_, count)| *count),
                ),
            };
        assert_eq!(Some(found.rows.len()), expected, "{name}");
        let faulty = FAULTY.iter().filter(|(faulty, ..)| *faulty == name);
        let faults = faulty.map(|(_, code, count)| (*code, *count)).collect::<BTreeMap<_, _>>();
        assert_eq!(found.faults(), faults, "{name}");
        features += found.rows.len();
    }
    assert_eq!(features, 5_353);
}

#[test]
fn zip_archives_are_read_where_they_hold_one_shapefile() {
    let Some(data) = data() else { return };
    for (name, features) in [
        ("fiona/coutwildrnp.zip", 67),
        ("gdal/shp/poly.zip", 10),
        ("openaddresses_tests/data/TRU_ADDS-excerpt.zip", 347),
        // Under a folder.
        ("openaddresses_tests/data/be-wa-brussels.zip", 666),
        ("openaddresses_tests/data/us-ca-alameda_county-excerpt.zip", 2_849),
        ("openaddresses_tests/data/us-ca-berkeley-excerpt.zip", 746),
        ("openaddresses_tests/data/us-ca-oakland-excerpt.zip", 2_241),
        ("openaddresses_tests/data/us-wy-park.zip", 346),
        ("openaddresses_tests/parcels/data/us/ca/berkeley.zip", 3),
        ("pyshp/REL.zip", 1),
        ("pyshp/blockgroups.zip", 663),
        // Sixteen unused bytes behind its one shape.
        ("shapefile_js/T8Th4_6n.zip", 1),
        ("shapefile_js/codepage.zip", 2),
        // `senate.shp` and `senate.DBF`.
        ("shapefile_js/mixedcase.zip", 40),
        ("shapefile_js/qgis.zip", 2),
        ("shapefile_js/zero-len-line.zip", 3),
        ("us_parcels_optim/final_parcels.zip", 470),
    ] {
        let path = data.join("cadastre").join(name);
        let found = read_in_both_sizes("shapefile", &path)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!((found.rows.len(), found.faults()), (features, BTreeMap::new()), "{name}");
    }
    for name in
        ["shapefile_js/badzip.zip", "pyshp/empty_zipfile.zip", "gdal/lvbag/archive_mixed.zip"]
    {
        let error = read_in_both_sizes("shapefile", &data.join("cadastre").join(name));
        assert_eq!(error.expect_err(name).kind(), ErrorKind::Source, "{name}");
    }
}

#[test]
fn polygons_are_put_together_from_their_rings() {
    let Some(data) = data() else { return };
    for (name, kinds) in [
        ("za_farms/farms_33S.shp", vec![(3, 1_998), (6, 10)]),
        ("gdal/shp/testpoly.shp", vec![(3, 14)]),
        ("gdal/shp/mixed_shape_type_non_conformant.shp", (1..=6).map(|kind| (kind, 1)).collect()),
        ("pyogrio/naturalearth_lowres/naturalearth_lowres.shp", vec![(3, 148), (6, 29)]),
        // Null shapes have no geometry.
        ("shapefile_js/LGA_2013_AUST.shp", vec![(6, 1)]),
        ("gdal/shp/pointzm_with_all_nodata_m.shp", vec![(0x8000_0001, 2)]),
        ("gdal/shp/polygonm_with_m.shp", vec![(0x4000_0003, 2)]),
    ] {
        let found = read_in_both_sizes("shapefile", &data.join("cadastre").join(name)).expect(name);
        assert_eq!(found.kinds(), kinds.into_iter().collect(), "{name}");
    }
}

#[test]
fn a_prj_that_is_an_error_page_names_no_reference_system() {
    let Some(data) = data() else { return };
    for (name, wkt) in [
        ("shapefile_js/htmlprj.shp", None),
        ("gdal/shp/empty.shp", None),
        ("gdal/shp/prjwithutf8bom.shp", Some("GEOGCS[")),
        ("za_farms/farms_33S.shp", Some("PROJCS[")),
    ] {
        let found = read_in_both_sizes("shapefile", &data.join("cadastre").join(name)).expect(name);
        let start = found.crs.as_deref().map(|crs| &crs[..7]);
        assert_eq!(start, wkt, "{name}");
    }
}
