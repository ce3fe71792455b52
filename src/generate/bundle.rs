//! Deliveries of several files that are one: a folder, or a zip of it.

use std::collections::BTreeMap;

use super::{Csv, Expected, Fault, MadeFile, Order, OutFile, Row};
use crate::error::Result;

/// The fault of a record, or none.
pub(super) type Planned = Option<&'static Fault<Row>>;

/// A bundle being made, file after file.
pub(super) struct Bundle<'o> {
    order: &'o Order,
    name: &'static str,
    /// The archive; in a folder each file is one of its own.
    zip: Option<OutFile>,
    expected: Expected,
    made: BTreeMap<String, u64>,
}

impl<'o> Bundle<'o> {
    /// A folder, for a pipeline with these targets.
    pub(super) fn folder(
        order: &'o Order,
        name: &'static str,
        pipeline: &str,
        tables: &[&str],
    ) -> Self {
        let expected = Expected::of(pipeline, tables);
        Self { order, name, zip: None, expected, made: BTreeMap::new() }
    }

    /// A zip.
    pub(super) fn zip(
        order: &'o Order,
        name: &'static str,
        pipeline: &str,
        tables: &[&str],
    ) -> Result<Self> {
        let zip = Some(OutFile::zip(order, name)?);
        Ok(Self { zip, ..Self::folder(order, name, pipeline, tables) })
    }

    /// A file that no target reads.
    pub(super) fn manifest(&mut self, file: &str, text: &str) -> Result<()> {
        self.with_file(file, |out| out.write(text.as_bytes()))
    }

    /// A file of one target, which is told by its place among the pipeline's: each record of
    /// these places spoiled as planned.
    pub(super) fn part(
        &mut self,
        (file, target): (&str, usize),
        csv: Csv,
        faults: &[&'static [Fault<Row>]],
        places: impl Iterator<Item = u64>,
        make: impl Fn(u64) -> Row,
    ) -> Result<()> {
        self.write_part((file, target), (csv, faults), places, |_, fault| fault, make)
    }

    /// As [`Self::part`], but which fault a place has is said by `choose`, which is told the
    /// planned one.
    pub(super) fn write_part(
        &mut self,
        (file, target): (&str, usize),
        (csv, faults): (Csv, &[&'static [Fault<Row>]]),
        places: impl Iterator<Item = u64>,
        choose: impl Fn(u64, Planned) -> Planned,
        make: impl Fn(u64) -> Row,
    ) -> Result<()> {
        let mut series = self.order.plan(faults);
        let mut expected = std::mem::take(&mut self.expected);
        let written = self.with_file(file, |out| {
            out.write(&csv.header_line())?;
            for place in places {
                let fault = choose(place, series.fault());
                let row = series.next_with(place, fault, &make);
                expected.record_of(target, fault.map(|fault| fault.found));
                out.write(&csv.line(&row))?;
            }
            Ok(())
        });
        self.expected = expected;
        for (fault, count) in series.into_made() {
            *self.made.entry(fault).or_default() += count;
        }
        written
    }

    fn with_file(
        &mut self,
        file: &str,
        write: impl FnOnce(&mut OutFile) -> Result<()>,
    ) -> Result<()> {
        if let Some(zip) = &mut self.zip {
            zip.part(file)?;
            return write(zip);
        }
        let mut out = OutFile::create(self.order, &format!("{}/{file}", self.name))?;
        write(&mut out)?;
        out.finish()
    }

    pub(super) fn finish(self) -> Result<MadeFile> {
        if let Some(zip) = self.zip {
            zip.finish()?;
        }
        let file = self.name.to_owned();
        Ok(MadeFile { file, faults: self.made, expected: vec![self.expected] })
    }
}
