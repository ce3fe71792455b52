//! OLE compound files (`.xls`, and encrypted workbooks), checked before calamine reads them.
//!
//! A compound file is a small file system: sectors chained through a table. calamine
//! follows chains without counting, so a chain that bites its tail, or a stream that
//! claims gigabytes, ends in an allocation that aborts the process. Every chain that
//! calamine follows is followed here first, with a count.

use super::failure::damaged;
use crate::error::Result;

const SIGNATURE: &[u8] = b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1";
const END_OF_CHAIN: u32 = 0xFFFF_FFFE;
/// Sector numbers from here on mean something else than a sector.
const RESERVED: u32 = 0xFFFF_FFFA;
/// Streams below this size are in the mini stream.
const MINI_STREAM_BELOW: usize = 4096;
const MINI_SECTOR_BYTES: usize = 64;
const ENTRY_BYTES: usize = 128;

/// A compound file whose chains are proven.
#[derive(Debug)]
pub(super) struct Compound<'f> {
    file: &'f [u8],
    sector_bytes: usize,
    table: Vec<u32>,
    mini_table: Vec<u32>,
    mini_stream: Vec<u8>,
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    name: String,
    start: u32,
    length: usize,
}

/// Whether the file begins like a compound file.
pub(super) fn is_compound(start: &[u8]) -> bool {
    start.starts_with(SIGNATURE)
}

fn broken_chain() -> crate::error::Error {
    damaged("its sectors are not in order")
}

fn number(bytes: &[u8], at: usize) -> Result<u32> {
    let word = at.checked_add(4).and_then(|end| bytes.get(at..end)).ok_or_else(broken_chain)?;
    Ok(u32::from_le_bytes(word.try_into().map_err(|_| broken_chain())?))
}

fn numbers(bytes: &[u8]) -> impl Iterator<Item = u32> + '_ {
    bytes.chunks_exact(4).filter_map(|word| word.try_into().ok().map(u32::from_le_bytes))
}

impl<'f> Compound<'f> {
    /// Follows every chain of the file that a reader of workbooks follows.
    ///
    /// # Errors
    /// `ErrorKind::Source` when a chain does not end or leaves the file.
    pub(super) fn open(file: &'f [u8]) -> Result<Self> {
        if file.len() < 512 || !is_compound(file) {
            return Err(damaged("it ends within its first sector"));
        }
        let sector_bytes = match file.get(30..32) {
            Some([0x09, 0]) => 512,
            Some([0x0C, 0]) => 4096,
            _ => return Err(broken_chain()),
        };
        let mut compound = Self {
            file,
            sector_bytes,
            table: Vec::new(),
            mini_table: Vec::new(),
            mini_stream: Vec::new(),
            entries: Vec::new(),
        };
        compound.read_table()?;
        compound.read_entries()?;
        compound.read_mini_stream()?;
        Ok(compound)
    }

    fn sector(&self, id: u32) -> Result<&'f [u8]> {
        let start = (id as usize + 1).checked_mul(self.sector_bytes).ok_or_else(broken_chain)?;
        let rest = self.file.get(start..).filter(|rest| !rest.is_empty());
        let rest = rest.ok_or_else(broken_chain)?;
        // The last sector may be cut: some writers do not fill it.
        Ok(&rest[..rest.len().min(self.sector_bytes)])
    }

    fn sectors_in_file(&self) -> usize {
        self.file.len() / self.sector_bytes + 1
    }

    /// The table of chains stands in sectors that are listed in the header and, beyond
    /// 109 of them, in a chain of its own.
    fn read_table(&mut self) -> Result<()> {
        let mut list: Vec<u32> = numbers(&self.file[76..512]).collect();
        let mut next = number(self.file, 68)?;
        let mut links = 0;
        while next < RESERVED {
            links += 1;
            if links > self.sectors_in_file() {
                return Err(broken_chain());
            }
            list.extend(numbers(self.sector(next)?));
            next = list.pop().ok_or_else(broken_chain)?;
        }
        list.retain(|&id| id < RESERVED);
        if list.len() > self.sectors_in_file() {
            return Err(broken_chain());
        }
        for id in list {
            let sector = self.sector(id)?;
            self.table.extend(numbers(sector));
        }
        Ok(())
    }

    /// The bytes of a chain, at most `length` of them.
    fn chain(&self, start: u32, length: usize) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let (mut id, mut links) = (start, 0);
        while id != END_OF_CHAIN && bytes.len() < length {
            links += 1;
            if links > self.sectors_in_file() {
                return Err(broken_chain());
            }
            let sector = self.sector(id)?;
            bytes.extend_from_slice(&sector[..sector.len().min(length - bytes.len())]);
            id = match self.table.get(id as usize) {
                Some(&next) => next,
                None if bytes.len() >= length => END_OF_CHAIN,
                None => return Err(broken_chain()),
            };
        }
        Ok(bytes)
    }

    fn read_entries(&mut self) -> Result<()> {
        let directory = self.chain(number(self.file, 48)?, usize::MAX)?;
        for entry in directory.chunks_exact(ENTRY_BYTES) {
            let units: Vec<u16> = entry[..64]
                .chunks_exact(2)
                .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
                .take_while(|&unit| unit != 0)
                .collect();
            let length = number(entry, 120)? as usize;
            // Version 3 files leave anything in the upper half.
            let above = if self.sector_bytes == 4096 { number(entry, 124)? } else { 0 };
            if above != 0 {
                return Err(broken_chain());
            }
            let name = String::from_utf16_lossy(&units);
            self.entries.push(Entry { name, start: number(entry, 116)?, length });
        }
        Ok(())
    }

    fn read_mini_stream(&mut self) -> Result<()> {
        let sectors = number(self.file, 64)? as usize;
        if sectors == 0 {
            return Ok(());
        }
        let root = self.entries.first().ok_or_else(broken_chain)?;
        self.mini_stream = self.chain(root.start, root.length)?;
        let bytes = sectors.checked_mul(self.sector_bytes).ok_or_else(broken_chain)?;
        let table = self.chain(number(self.file, 60)?, bytes)?;
        self.mini_table = numbers(&table).collect();
        Ok(())
    }

    /// Whether there is a stream or storage of that name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.entries.iter().any(|entry| entry.name.eq_ignore_ascii_case(name))
    }

    /// A stream's bytes, `None` where there is none of that name.
    pub(super) fn stream(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let entry = self.entries.iter().find(|entry| entry.name.eq_ignore_ascii_case(name));
        let Some(entry) = entry else { return Ok(None) };
        if entry.length < MINI_STREAM_BELOW {
            return self.mini_chain(entry.start, entry.length).map(Some);
        }
        self.chain(entry.start, entry.length).map(Some)
    }

    fn mini_chain(&self, start: u32, length: usize) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let (mut id, mut links) = (start, 0);
        while id != END_OF_CHAIN && bytes.len() < length {
            links += 1;
            let at = (id as usize).checked_mul(MINI_SECTOR_BYTES).ok_or_else(broken_chain)?;
            let sector = self.mini_stream.get(at..).filter(|rest| !rest.is_empty());
            let sector = sector.filter(|_| links <= MINI_STREAM_BELOW).ok_or_else(broken_chain)?;
            let wanted = MINI_SECTOR_BYTES.min(length - bytes.len()).min(sector.len());
            bytes.extend_from_slice(&sector[..wanted]);
            if bytes.len() < length {
                id = *self.mini_table.get(id as usize).ok_or_else(broken_chain)?;
            }
        }
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header, one table sector (0), one directory sector (1).
    fn compound(table: [u32; 2], stream_length: u32) -> Vec<u8> {
        let mut file = vec![0; 512 * 3];
        file[..8].copy_from_slice(SIGNATURE);
        file[30] = 9;
        file[48..52].copy_from_slice(&1_u32.to_le_bytes());
        file[68..72].copy_from_slice(&END_OF_CHAIN.to_le_bytes());
        file[76..512].fill(0xFF);
        file[76..80].copy_from_slice(&0_u32.to_le_bytes());
        file[512..1024].fill(0xFF);
        file[512..516].copy_from_slice(&table[0].to_le_bytes());
        file[516..520].copy_from_slice(&table[1].to_le_bytes());
        let entry = 1024 + ENTRY_BYTES;
        for (at, unit) in "Workbook".bytes().enumerate() {
            file[entry + 2 * at] = unit;
        }
        file[entry + 116..entry + 120].copy_from_slice(&1_u32.to_le_bytes());
        file[entry + 120..entry + 124].copy_from_slice(&stream_length.to_le_bytes());
        file
    }

    #[test]
    fn chains_that_end_are_followed() {
        let file = compound([END_OF_CHAIN, END_OF_CHAIN], 5000);
        let compound = Compound::open(&file).expect("sound");
        assert!(compound.has("workbook") && !compound.has("Book"));
        assert_eq!(compound.stream("Workbook").expect("sound").map(|bytes| bytes.len()), Some(512));
    }

    #[test]
    fn chains_that_bite_their_tail_or_leave_the_file_are_damage() {
        assert!(Compound::open(&compound([END_OF_CHAIN, 1], 0)).is_err());
        assert!(Compound::open(&compound([END_OF_CHAIN, 77], 0)).is_err());
        let mut list = compound([END_OF_CHAIN, END_OF_CHAIN], 0);
        list[68..72].copy_from_slice(&1_u32.to_le_bytes());
        assert!(Compound::open(&list).is_err());
        assert!(Compound::open(&list[..100]).is_err());
    }
}
