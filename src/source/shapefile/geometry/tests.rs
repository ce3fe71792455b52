use super::*;

fn words(values: &[i32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn doubles(values: &[f64]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn written(content: &[&[u8]]) -> Result<Option<Vec<u8>>, &'static str> {
    let mut writer = ShapeWriter::default();
    match writer.write(&content.concat()) {
        Ok(there) => Ok(there.then(|| writer.ewkb().to_vec())),
        Err((code, _)) => Err(code),
    }
}

/// EWKB from its parts: headers by kind and flags, counts, doubles.
fn ewkb(kind: u32, rest: &[&[u8]]) -> Result<Option<Vec<u8>>, &'static str> {
    let mut bytes = vec![1];
    bytes.extend_from_slice(&kind.to_le_bytes());
    bytes.extend(rest.concat());
    Ok(Some(bytes))
}

const BOX: [f64; 4] = [0.0; 4];

#[test]
fn points_keep_z_and_a_real_m() {
    let xy = doubles(&[1.0, 2.0]);
    assert_eq!(written(&[&words(&[0])]), Ok(None));
    assert_eq!(written(&[&words(&[1]), &xy]), ewkb(1, &[&xy]));
    let xyz = doubles(&[1.0, 2.0, 3.0]);
    for m in [doubles(&[]), doubles(&[0.0]), doubles(&[-1.5e38])] {
        assert_eq!(written(&[&words(&[11]), &xyz, &m]), ewkb(1 | Z_FLAG, &[&xyz]));
    }
    let m = doubles(&[7.0]);
    assert_eq!(written(&[&words(&[11]), &xyz, &m]), ewkb(1 | Z_FLAG | M_FLAG, &[&xyz, &m]));
    assert_eq!(written(&[&words(&[21]), &xy, &m]), ewkb(1 | M_FLAG, &[&xy, &m]));
    assert_eq!(written(&[&words(&[21]), &xy, &doubles(&[-1e39])]), ewkb(1, &[&xy]));
}

#[test]
fn lines_are_single_or_many_by_their_parts() {
    let points = doubles(&[0.0, 0.0, 1.0, 1.0, 5.0, 5.0, 6.0, 6.0]);
    let head = [words(&[3]), doubles(&BOX)].concat();
    let one = written(&[&head, &words(&[1, 4, 0]), &points]);
    assert_eq!(one, ewkb(2, &[&words(&[4]), &points]));
    let two = written(&[&head, &words(&[2, 4, 0, 2]), &points]);
    let line = [&[1][..], &words(&[2, 2])].concat();
    let lines = [&words(&[2]), &line, &points[..32], &line, &points[32..]];
    assert_eq!(two, ewkb(5, &lines));
    assert_eq!(written(&[&head, &words(&[0, 0])]), ewkb(2, &[&words(&[0])]));
}

#[test]
fn z_and_m_stand_behind_the_points() {
    let content = [
        words(&[18]),
        doubles(&BOX),
        words(&[2]),
        doubles(&[1.0, 2.0, 3.0, 4.0]),
        doubles(&[0.0, 9.0, 10.0, 20.0]),
        doubles(&[0.0, 1.0, 5.0, -1e39]),
    ];
    let bytes = written(&[&content.concat()]).expect("a shape").expect("not null");
    let doubles_at = |at: usize, count: usize| -> Vec<f64> {
        let bytes = bytes[at..at + count * 8].chunks_exact(8);
        bytes.map(|word| f64::from_le_bytes(word.try_into().expect("eight bytes"))).collect()
    };
    assert_eq!(doubles_at(14, 4), [1.0, 2.0, 10.0, 5.0]);
    let second = doubles_at(14 + 32 + 5, 4);
    assert_eq!(second[..3], [3.0, 4.0, 20.0]);
    assert!(second[3].is_nan());
}

#[test]
fn what_is_no_shape_is_named() {
    let head = [words(&[5]), doubles(&BOX)].concat();
    let points = doubles(&[0.0; 8]);
    for (content, code) in [
        (vec![], "shapefile.shape"),
        (words(&[2]), "shapefile.shape"),
        (words(&[31]), "geometry.unsupported"),
        (words(&[1, 0]), "shapefile.shape"),
        ([&head[..], &words(&[1, -1, 0])].concat(), "shapefile.shape"),
        ([&head[..], &words(&[i32::MAX, 1])].concat(), "shapefile.shape"),
        ([&head[..], &words(&[1, 5, 0]), &points].concat(), "shapefile.shape"),
        ([&head[..], &words(&[1, 4, 1]), &points].concat(), "shapefile.parts"),
        ([&head[..], &words(&[2, 4, 0, 9]), &points].concat(), "shapefile.parts"),
        ([&head[..], &words(&[3, 4, 0, 3, 1]), &points].concat(), "shapefile.parts"),
        ([&head[..], &words(&[0, 4]), &points].concat(), "shapefile.parts"),
    ] {
        assert_eq!(written(&[&content]), Err(code), "{content:?}");
    }
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(
        kind in proptest::sample::select(vec![1, 3, 5, 8, 11, 13, 15, 18, 21, 23, 25, 28, 31]),
        counts in proptest::collection::vec(0_i32..6, 0..8),
        rest in proptest::collection::vec(proptest::num::u8::ANY, 0..300),
    ) {
        let _ = written(&[&words(&[kind]), &doubles(&BOX), &words(&counts), &rest]);
    }
}
