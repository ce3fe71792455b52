//! Writes rejected features as a shapefile of their own, with the same fields.

use std::{
    fs::File,
    io::{self, BufWriter, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use super::{
    geometry::little_endian,
    shp::{HEADER_BYTES, RECORD_HEADER_BYTES},
    splitter::LENGTH_BYTES,
};
use crate::{
    error::{Error, Result},
    private_file,
    source::RejectedWriter,
};

const DBF_END: u8 = 0x1A;

/// What the new files take over from the old ones.
pub(super) struct Template<'t> {
    pub(super) shp_header: &'t [u8; HEADER_BYTES],
    pub(super) dbf_header: Option<&'t [u8]>,
    pub(super) cpg: Option<&'t [u8]>,
    pub(super) prj: Option<&'t [u8]>,
}

pub(super) struct RejectedShapes {
    path: PathBuf,
    shp: BufWriter<File>,
    shx: BufWriter<File>,
    dbf: Option<BufWriter<File>>,
    /// The length of the `.shp` so far.
    bytes: u64,
    records: u32,
}

impl RejectedShapes {
    /// Starts the files `name.shp` and so on in `folder`.
    pub(super) fn create(folder: &Path, name: &str, template: &Template<'_>) -> Result<Self> {
        let create = |extension: &str, start: &[u8]| {
            let path = folder.join(format!("{name}.{extension}"));
            let mut file = BufWriter::new(private_file::create(&path)?);
            file.write_all(start).map_err(|cause| cannot_write(&path, cause))?;
            Ok::<_, Error>(file)
        };
        let writer = Self {
            path: folder.join(format!("{name}.shp")),
            shp: create("shp", template.shp_header)?,
            shx: create("shx", template.shp_header)?,
            dbf: template.dbf_header.map(|header| create("dbf", header)).transpose()?,
            bytes: HEADER_BYTES as u64,
            records: 0,
        };
        for (extension, content) in [("cpg", template.cpg), ("prj", template.prj)] {
            if let Some(content) = content {
                let mut file = create(extension, content)?;
                let synced = file.flush().and_then(|()| file.get_ref().sync_all());
                synced.map_err(|cause| cannot_write(&writer.path, cause))?;
            }
        }
        Ok(writer)
    }

    fn add(&mut self, raw: &[u8]) -> io::Result<()> {
        let shape_end = LENGTH_BYTES + little_endian(raw, 0) as usize;
        let (shape, row) = (&raw[LENGTH_BYTES..shape_end], &raw[shape_end..]);
        self.records += 1;
        let (offset, length) = (in_words(self.bytes)?, in_words(shape.len() as u64)?);
        self.shx.write_all(&offset)?;
        self.shx.write_all(&length)?;
        self.shp.write_all(&self.records.to_be_bytes())?;
        self.shp.write_all(&length)?;
        self.shp.write_all(shape)?;
        self.bytes += (RECORD_HEADER_BYTES + shape.len()) as u64;
        match &mut self.dbf {
            Some(dbf) => dbf.write_all(row),
            None => Ok(()),
        }
    }

    /// Writes the final lengths and counts into the headers.
    fn close(&mut self) -> io::Result<()> {
        let index_bytes = HEADER_BYTES as u64 + u64::from(self.records) * 8;
        patch(&mut self.shp, 24, &in_words(self.bytes)?)?;
        patch(&mut self.shx, 24, &in_words(index_bytes)?)?;
        if let Some(dbf) = &mut self.dbf {
            dbf.write_all(&[DBF_END])?;
            patch(dbf, 4, &self.records.to_le_bytes())?;
        }
        Ok(())
    }
}

fn patch(file: &mut BufWriter<File>, at: u64, bytes: &[u8]) -> io::Result<()> {
    file.seek(SeekFrom::Start(at))?;
    file.write_all(bytes)?;
    file.flush()?;
    file.get_ref().sync_all()
}

/// A length as the format counts: 16-bit words, big-endian.
fn in_words(bytes: u64) -> io::Result<[u8; 4]> {
    let words =
        i32::try_from(bytes / 2).map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge))?;
    Ok(words.to_be_bytes())
}

fn cannot_write(path: &Path, cause: io::Error) -> Error {
    let what = format!("`{}` cannot be written", path.display());
    Error::environment(what).caused_by(cause).hint("is there enough room on that disk?")
}

impl RejectedWriter for RejectedShapes {
    fn write(&mut self, raw: &[u8]) -> Result<()> {
        self.add(raw).map_err(|cause| cannot_write(&self.path, cause))
    }

    fn path(&self) -> &Path {
        &self.path
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.close().map_err(|cause| cannot_write(&self.path, cause))
    }
}
