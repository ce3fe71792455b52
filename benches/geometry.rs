//! What a geometry costs: judged and encoded, and with a reprojection.

#![allow(clippy::expect_used, missing_docs, reason = "a bench says what must hold by failing")]

use std::{f64::consts::TAU, hint::black_box, time::Duration};

use bumpalo::Bump;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use longshore::{
    batch::Cell,
    definition::ColumnDefinition,
    schema::{GeometryColumn, GeometryKind},
    transform::geometry::{GeometryNotes, GeometryTransform},
};

/// Positions of the polygons measured; parcels have 5 to 100.
const POSITIONS: [u32; 5] = [5, 20, 100, 1000, 10_000];

/// A valid polygon with a ragged edge, as WKB in degrees.
fn polygon(positions: u32) -> Vec<u8> {
    let mut bytes = vec![1, 3, 0, 0, 0, 1, 0, 0, 0];
    bytes.extend(positions.to_le_bytes());
    let corners = positions - 1;
    for corner in 0..positions {
        let angle = TAU * f64::from(corner % corners) / f64::from(corners);
        let distance = 0.01 * (1.0 + 0.1 * f64::from(corner % corners % 3));
        bytes.extend((151.0 + distance * angle.cos()).to_le_bytes());
        bytes.extend((-33.0 + distance * angle.sin()).to_le_bytes());
    }
    bytes
}

fn transform(srid: i32) -> GeometryTransform {
    let kind = Some(GeometryKind::MultiPolygon);
    let column = GeometryColumn { kind, srid, z: false, m: false };
    let definition =
        ColumnDefinition { bounds: Some([-1e9, -1e9, 1e9, 1e9]), ..ColumnDefinition::default() };
    GeometryTransform::compile(&column, false, &definition, Some("EPSG:4283")).expect("a column")
}

fn apply(criterion: &mut Criterion) {
    for (name, srid) in [("judge and encode", 4283), ("reproject, judge and encode", 28356)] {
        let mut group = criterion.benchmark_group(name);
        group.measurement_time(Duration::from_secs(2)).warm_up_time(Duration::from_millis(500));
        let transform = transform(srid);
        for positions in POSITIONS {
            let bytes = polygon(positions);
            let (mut arena, mut notes) = (Bump::new(), GeometryNotes::default());
            group.throughput(Throughput::Elements(u64::from(positions)));
            group.bench_function(BenchmarkId::from_parameter(positions), |bencher| {
                bencher.iter(|| {
                    arena.reset();
                    let cell = Cell::Geometry(black_box(&bytes));
                    let value = transform.apply(cell, &arena, &mut notes).expect("valid");
                    black_box(value);
                });
            });
        }
    }
}

criterion_group!(benches, apply);
criterion_main!(benches);
