//! The files of a run: found, fingerprinted, and checked again at the end.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    time::SystemTime,
};

use sha2::{Digest, Sha256};

use crate::{
    definition::SourceDefinition,
    error::{Context, Error, Result},
    source::{InputFile, input},
};

/// A file as it was when the run began.
#[derive(Debug, Clone)]
pub struct FoundFile {
    /// Which file it is.
    pub input: InputFile,
    /// SHA-256 of its bytes, in hex.
    pub sha256: String,
    /// Its size on disk (all parts of a shapefile).
    pub bytes: u64,
    parts: Vec<Part>,
}

#[derive(Debug, Clone)]
struct Part {
    path: PathBuf,
    state: State,
}

type State = (u64, Option<SystemTime>);

/// Bytes read at once while hashing: larger ones are no faster.
const HASH_BUFFER_BYTES: usize = 256 << 10;

/// Finds the files a definition names and hashes them.
///
/// # Errors
/// `ErrorKind::Source` when there is none, or one cannot be read.
pub fn find(source: &SourceDefinition) -> Result<Vec<FoundFile>> {
    input::resolve(source)?.into_iter().map(|input| fingerprint(input, source)).collect()
}

fn fingerprint(input: InputFile, source: &SourceDefinition) -> Result<FoundFile> {
    let reading = || format!("while hashing `{}`", input.display);
    let mut hash = Sha256::new();
    let mut parts = Vec::new();
    for path in crate::source::parts(source, &input).context(reading)? {
        let state = hash_file(&path, &mut hash).context(reading)?;
        parts.push(Part { path, state });
    }
    // A member of an archive is another file than the archive's next one.
    hash.update(source.member.as_deref().unwrap_or_default());
    let sha256 = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    let bytes = parts.iter().map(|part| part.state.0).sum();
    Ok(FoundFile { input, sha256, bytes, parts })
}

fn hash_file(path: &Path, hash: &mut Sha256) -> Result<State> {
    let unreadable =
        |cause| Error::source_file(format!("`{}` cannot be read", path.display())).caused_by(cause);
    let mut file = File::open(path).map_err(unreadable)?;
    let state = state(path)?;
    let mut buffer = vec![0; HASH_BUFFER_BYTES];
    loop {
        match file.read(&mut buffer).map_err(unreadable)? {
            0 => return Ok(state),
            read => hash.update(&buffer[..read]),
        }
    }
}

fn state(path: &Path) -> Result<State> {
    let unreadable =
        |cause| Error::source_file(format!("`{}` cannot be read", path.display())).caused_by(cause);
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    Ok((metadata.len(), metadata.modified().ok()))
}

impl FoundFile {
    /// Whether it is still what it was when the run began.
    ///
    /// # Errors
    /// `ErrorKind::Source` when it is not, or is gone.
    pub fn ensure_unchanged(&self) -> Result<()> {
        for part in &self.parts {
            if state(&part.path)? != part.state {
                let message = format!("`{}` changed while it was read", self.input.display);
                return Err(Error::source_file(message)
                    .hint("nothing is published; run it again when the delivery is complete"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &Path) -> SourceDefinition {
        let json = serde_json::json!({ "format": "csv", "path": path });
        serde_json::from_value(json).expect("a source")
    }

    #[test]
    fn a_file_that_grows_is_noticed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.csv");
        std::fs::write(&path, "a\n1\n").expect("written");
        let found = find(&source(&path)).expect("found");
        assert_eq!((found.len(), found[0].bytes, found[0].sha256.len()), (1, 4, 64));
        found[0].ensure_unchanged().expect("nothing happened yet");
        std::fs::write(&path, "a\n1\n2\n").expect("written");
        assert_eq!(
            found[0].ensure_unchanged().expect_err("it grew").kind(),
            crate::error::ErrorKind::Source
        );
    }
}
