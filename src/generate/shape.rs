//! Outlines on the ground: how they are written, and what is wrong with some of them.

/// A position: east and north, in degrees or metres.
pub(super) type Position = (f64, f64);

/// A polygon's rings, each closed.
pub(super) type Rings = Vec<Vec<Position>>;

/// What an outline claims to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Polygon,
    MultiPolygon,
    Point,
    Line,
    Empty,
}

/// An outline: sound as it is made, then perhaps spoiled.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    kind: Kind,
    pub(super) parts: Vec<Rings>,
    /// North before east.
    is_swapped: bool,
    has_height: bool,
}

impl Shape {
    /// A rectangle from its south-west to its north-east corner, anticlockwise.
    pub(super) fn rectangle((west, south): Position, (east, north): Position) -> Self {
        let ring = vec![(west, south), (east, south), (east, north), (west, north), (west, south)];
        Self { kind: Kind::Polygon, parts: vec![vec![ring]], is_swapped: false, has_height: false }
    }

    /// The same as one of many, which has to be taken like the others.
    pub(super) fn multiple(mut self) -> Self {
        self.kind = Kind::MultiPolygon;
        self
    }

    /// With a rectangle cut out.
    pub(super) fn with_hole(mut self, from: Position, to: Position) -> Self {
        let mut hole = Self::rectangle(from, to).parts.concat().concat();
        hole.reverse();
        self.parts[0].push(hole);
        self
    }

    /// With the parts of another.
    pub(super) fn with_part(mut self, other: Self) -> Self {
        self.parts.extend(other.parts);
        self.multiple()
    }

    /// As WKT.
    pub(super) fn wkt(&self) -> String {
        let ring = |ring: &Vec<Position>| format!("({})", self.positions(ring, " ").join(","));
        let polygon = |rings: &Rings| format!("({})", list(rings, ring));
        let first = || self.parts.first().and_then(|rings| rings.first()).cloned();
        match self.kind {
            Kind::Polygon => {
                let height = if self.has_height { " Z" } else { "" };
                format!("POLYGON{height}{}", self.parts.first().map(polygon).unwrap_or_default())
            }
            Kind::MultiPolygon => format!("MULTIPOLYGON({})", list(&self.parts, polygon)),
            Kind::Point => {
                let ring = first().unwrap_or_default();
                format!("POINT({})", self.positions(&ring[..1], " ").concat())
            }
            Kind::Line => format!("LINESTRING{}", first().as_ref().map(ring).unwrap_or_default()),
            Kind::Empty => "POLYGON EMPTY".to_owned(),
        }
    }

    /// As a geometry of GeoJSON.
    pub(super) fn geojson(&self) -> String {
        let ring = |ring: &Vec<Position>| {
            format!("[{}]", list(&self.positions(ring, ","), |position| format!("[{position}]")))
        };
        let polygon = |rings: &Rings| format!("[{}]", list(rings, ring));
        let first = || self.parts.first().and_then(|rings| rings.first()).cloned();
        let (kind, coordinates) = match self.kind {
            Kind::Polygon => ("Polygon", self.parts.first().map(polygon).unwrap_or_default()),
            Kind::MultiPolygon => ("MultiPolygon", format!("[{}]", list(&self.parts, polygon))),
            Kind::Point => {
                let ring = first().unwrap_or_default();
                ("Point", format!("[{}]", self.positions(&ring[..1], ",").concat()))
            }
            Kind::Line => ("LineString", first().as_ref().map(ring).unwrap_or_default()),
            Kind::Empty => ("Polygon", "[]".to_owned()),
        };
        format!(r#"{{"type":"{kind}","coordinates":{coordinates}}}"#)
    }

    fn positions(&self, ring: &[Position], between: &str) -> Vec<String> {
        let height = if self.has_height { format!("{between}12.5") } else { String::new() };
        let position = |&(east, north): &Position| {
            let (first, second) = if self.is_swapped { (north, east) } else { (east, north) };
            format!("{first:.8}{between}{second:.8}{height}")
        };
        ring.iter().map(position).collect()
    }

    fn ring(&mut self) -> &mut Vec<Position> {
        &mut self.parts[0][0]
    }

    /// Two sides cross.
    pub(super) fn cross(&mut self) {
        self.ring().swap(1, 2);
    }

    /// The last position is not the first.
    pub(super) fn open(&mut self) {
        self.ring().pop();
    }

    pub(super) fn swap_axes(&mut self) {
        self.is_swapped = true;
    }

    /// There and back along two sides.
    pub(super) fn flatten(&mut self) {
        let ring = self.ring();
        let flat = vec![ring[0], ring[1], ring[2], ring[1], ring[0]];
        self.parts = vec![vec![flat]];
    }

    /// Out of a corner and back, with no area in between.
    pub(super) fn spike(&mut self) {
        let ring = self.ring();
        let ((x, y), (_, south)) = (ring[2], ring[1]);
        let corner = (x, y);
        ring.splice(3..3, [(x + (y - south) / 7.0, y + (y - south) / 5.0), corner]);
    }

    /// A hole beside it rather than in it.
    pub(super) fn put_hole_outside(&mut self) {
        let ring = self.ring();
        let wide = ring[1].0 - ring[0].0;
        let hole = ring.iter().rev().map(|&(x, y)| (x + 20.0 * wide, y)).collect();
        self.parts[0].push(hole);
    }

    /// The same part twice.
    pub(super) fn double(&mut self) {
        let part = self.parts[0].clone();
        self.parts.push(part);
        self.kind = Kind::MultiPolygon;
    }

    /// A number that is none.
    pub(super) fn lose_number(&mut self) {
        self.ring()[1].0 = f64::NAN;
    }

    /// On another continent, in degrees.
    pub(super) fn move_away(&mut self) {
        self.shift(-60.0);
    }

    /// So much further east.
    pub(super) fn shift(&mut self, by: f64) {
        self.parts.iter_mut().flatten().flatten().for_each(|(x, _)| *x += by);
    }

    /// Its east side lies further east by a share of its width.
    pub(super) fn widen(&mut self, share: f64) {
        let ring = self.ring();
        let (west, east) = (ring[0].0, ring[1].0);
        for (x, _) in ring {
            *x += if *x > west { (east - west) * share } else { 0.0 };
        }
    }

    pub(super) fn become_point(&mut self) {
        self.kind = Kind::Point;
    }

    pub(super) fn become_line(&mut self) {
        self.kind = Kind::Line;
    }

    pub(super) fn become_empty(&mut self) {
        (self.kind, self.parts) = (Kind::Empty, Vec::new());
    }

    pub(super) fn gain_height(&mut self) {
        self.has_height = true;
    }
}

fn list<T>(of: &[T], write: impl Fn(&T) -> String) -> String {
    of.iter().map(write).collect::<Vec<_>>().join(",")
}
