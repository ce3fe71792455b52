//! An `.xlsx`, its cells read by ourselves wherever it is as spreadsheet programs write it.
//!
//! calamine's reader of XML is right about everything, at a price for every element; half
//! of the time a workbook took went into it. Here the cells of a sheet are read by a
//! scanner that knows no more of XML than such files have ([`markup`], [`cells`]), from
//! pieces of whole rows ([`chunks`]); shared texts alike ([`texts`]). What surrounds them
//! is still asked of calamine ([`skeleton`]).
//!
//! **Wherever a file is unusual, calamine reads it:** from the cell on at which it is. Both
//! show the same cells in the same order, so what a file means, and why it is refused, is
//! calamine's to say, and how far the scanner came cannot be seen from outside.
//!
//! **A large sheet is proven while it is read,** so that it is unpacked once: whoever reads
//! one to the end of what is wanted calls [`Book::prove`], and calamine never sees one before.

mod cells;
mod chunks;
mod markup;
mod skeleton;
#[cfg(test)]
mod tests;
mod texts;

use std::io::Seek;

use calamine::{DataRef, Reader, Xlsx};
use zip::ZipArchive;

use self::{cells::Referred, chunks::Chunks, texts::SharedTexts};
use super::{
    failure::{self, of_zip, unreadable},
    package::{self, Package},
    proof::Proving,
    row::Content,
    workbook::{CountedFile, Visit, Visitor, choose, content_of_ref},
};
use crate::{
    definition::SheetRef,
    error::{Error, Result},
};

/// The file has something that this module does not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Unusual;

/// Why the reading of a sheet ended early.
#[derive(Debug)]
enum Stop {
    Unusual,
    Failed(Error),
}

impl From<Unusual> for Stop {
    fn from(_: Unusual) -> Self {
        Self::Unusual
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// A workbook with one of its sheets chosen.
pub(super) struct Book {
    sheet: String,
    way: Way,
}

/// Who reads the cells.
enum Way {
    Scanner(Box<Scanner>),
    Calamine(Box<Xlsx<CountedFile>>),
    /// Neither: calamine could not open the file.
    Nobody,
}

/// The sheet's part, and what its cells refer to.
struct Scanner {
    archive: ZipArchive<CountedFile>,
    part: usize,
    referred: Referred,
    /// Whether the part was never read to its end.
    unproven: bool,
}

impl Book {
    /// Opens a package, and the sheet asked for; what is left of its proof is made up for,
    /// but for that sheet.
    ///
    /// # Errors
    /// `ErrorKind::Source` when it is damaged or lacks the sheet.
    pub(super) fn open(
        file: CountedFile,
        wanted: Option<&SheetRef>,
        facts: &Package,
    ) -> Result<Self> {
        let mut archive = ZipArchive::new(file).map_err(of_zip)?;
        let known = skeleton::skeleton(&mut archive, wanted, facts.date_1904);
        let part = known.as_ref().map(|known| known.part);
        for unproven in facts.unproven.iter().filter(|unproven| Some(**unproven) != part) {
            package::prove(&mut archive, *unproven)?;
        }
        let unproven = part.is_some_and(|part| facts.unproven.contains(&part));
        if let Some(known) = known {
            if let Some(texts) = shared_texts(&mut archive, known.texts)? {
                let referred = Referred { texts, kinds: known.kinds };
                let scanner = Scanner { archive, part: known.part, referred, unproven };
                return Ok(Self { sheet: known.sheet, way: Way::Scanner(Box::new(scanner)) });
            }
            if unproven {
                package::prove(&mut archive, known.part)?;
            }
        }
        let workbook = opened_by_calamine(archive)?;
        if workbook.has_1904_epoch() != facts.date_1904 {
            return Err(failure::damaged("it is not clear from which year it counts dates"));
        }
        let (sheet, _) = choose(workbook.sheets_metadata(), wanted)?;
        Ok(Self { sheet, way: Way::Calamine(Box::new(workbook)) })
    }

    /// The name of the sheet.
    pub(super) fn sheet(&self) -> &str {
        &self.sheet
    }

    /// Shows the visitor the cells of the sheet that are not empty, row by row.
    ///
    /// # Errors
    /// The visitor's, or `ErrorKind::Source` when the sheet is damaged.
    pub(super) fn visit(&mut self, visitor: &mut Visitor<'_>) -> Result<()> {
        let mut seen = 0;
        if let Way::Scanner(scanner) = &mut self.way {
            let visited = scanner.visit(&mut |row, column, content| {
                seen += 1;
                visitor(row, column, content)
            });
            match visited {
                Ok(()) => return Ok(()),
                Err(Stop::Failed(error)) => return Err(error),
                Err(Stop::Unusual) => self.leave_to_calamine()?,
            }
        }
        match &mut self.way {
            Way::Calamine(workbook) => visit_by_calamine(workbook, &self.sheet, seen, visitor),
            _ => Err(failure::damaged("it could not be opened")),
        }
    }

    /// Proves the sheet, unless it was read to its end or proven before.
    ///
    /// # Errors
    /// `ErrorKind::Source` when it is damaged or oversized.
    pub(super) fn prove(&mut self) -> Result<()> {
        match &mut self.way {
            Way::Scanner(scanner) => scanner.prove(),
            _ => Ok(()),
        }
    }

    fn leave_to_calamine(&mut self) -> Result<()> {
        if let Way::Scanner(mut scanner) = std::mem::replace(&mut self.way, Way::Nobody) {
            scanner.prove()?;
            self.way = Way::Calamine(Box::new(opened_by_calamine(scanner.archive)?));
        }
        Ok(())
    }
}

impl Scanner {
    fn visit(&mut self, visitor: &mut Visitor<'_>) -> Result<(), Stop> {
        let part = self.archive.by_index(self.part).map_err(of_zip)?;
        if !self.unproven {
            return cells::visit(Chunks::of(part), &self.referred, visitor).map(drop);
        }
        let mut part = Proving::of(part, true);
        if cells::visit(Chunks::of(&mut part), &self.referred, visitor)? == Visit::More {
            part.drain()?;
            self.unproven = false;
        }
        Ok(())
    }

    fn prove(&mut self) -> Result<()> {
        if std::mem::take(&mut self.unproven) {
            package::prove(&mut self.archive, self.part)?;
        }
        Ok(())
    }
}

/// `None` where they are not plain.
fn shared_texts(
    archive: &mut ZipArchive<CountedFile>,
    part: Option<usize>,
) -> Result<Option<SharedTexts>> {
    let Some(part) = part else { return Ok(Some(SharedTexts::default())) };
    match SharedTexts::read(archive.by_index(part).map_err(of_zip)?) {
        Ok(texts) => Ok(Some(texts)),
        Err(Stop::Unusual) => Ok(None),
        Err(Stop::Failed(error)) => Err(error),
    }
}

fn opened_by_calamine(archive: ZipArchive<CountedFile>) -> Result<Xlsx<CountedFile>> {
    let mut file = archive.into_inner();
    file.rewind().map_err(unreadable)?;
    Xlsx::new(file).map_err(failure::of_xlsx)
}

/// The cells after the first `seen`.
fn visit_by_calamine(
    workbook: &mut Xlsx<CountedFile>,
    sheet: &str,
    seen: u64,
    visitor: &mut Visitor<'_>,
) -> Result<()> {
    let mut cells = workbook.worksheet_cells_reader(sheet).map_err(failure::of_xlsx)?;
    let mut shown = 0;
    while let Some(cell) = cells.next_cell_with_formula_metadata().map_err(failure::of_xlsx)? {
        let content = match &cell.value {
            DataRef::Empty if cell.formula.is_some() => Some(Content::NoResult),
            value => content_of_ref(value),
        };
        let Some(content) = content else { continue };
        shown += 1;
        if shown > seen && visitor(cell.pos.0, cell.pos.1, content)? == Visit::Enough {
            break;
        }
    }
    Ok(())
}
