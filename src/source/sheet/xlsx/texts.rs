//! The shared texts of a workbook, one after the other in one string.

use std::io::Read;

use super::{
    Stop, Unusual,
    chunks::Chunks,
    markup::{Scan, check_prologue},
};

/// The texts that cells name by their number.
#[derive(Debug, Default)]
pub(super) struct SharedTexts {
    text: String,
    /// Where each ends.
    ends: Vec<u32>,
}

impl SharedTexts {
    /// The text with that number, from 0.
    pub(super) fn get(&self, number: u32) -> Option<&str> {
        let number = usize::try_from(number).ok()?;
        let end = *self.ends.get(number)?;
        let start = number.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.text.get(start as usize..end as usize)
    }

    /// Reads the part that has them.
    pub(super) fn read(part: impl Read) -> Result<Self, Stop> {
        let mut chunks = Chunks::of(part);
        check_prologue(&chunks.prologue("<sst")?)?;
        let mut texts = Self::default();
        let mut scratch = String::new();
        let mut is_first = true;
        while let Some(chunk) = chunks.next_until("</si>")? {
            let mut scan = Scan::of(chunk);
            if std::mem::take(&mut is_first) && scan.attributes(|_, _| Ok(()))? {
                return Ok(texts);
            }
            if texts.take_all(&mut scan, &mut scratch)? {
                return Ok(texts);
            }
        }
        Err(Unusual.into())
    }

    /// Takes the texts of a piece; whether the last one was among them.
    fn take_all(&mut self, scan: &mut Scan<'_>, scratch: &mut String) -> Result<bool, Unusual> {
        loop {
            scan.skip_blanks();
            if scan.is_at_end() {
                return Ok(false);
            }
            if scan.take("</sst>") {
                return Ok(true);
            }
            if !scan.take_start("si") {
                return Err(Unusual);
            }
            if !scan.attributes(|_, _| Ok(()))? {
                scratch.clear();
                let found = scan.rich_text("</si>", scratch)?;
                self.text.push_str(found.unwrap_or(scratch));
            }
            self.ends.push(u32::try_from(self.text.len()).map_err(|_| Unusual)?);
        }
    }
}
