//! The server's socket on this machine, with room for rows on their way.
//!
//! A sender that waits for room in a socket is woken when three quarters of it are free. What is
//! left of the usual 208 KiB lasts a server that copies rows for half a millisecond, less than a
//! busy machine takes to wake anybody: of a COPY of 2,000,000 sales it spent 0.6 s of 3.3 waiting
//! for rows, or for the processor that it had given up meanwhile. TCP finds its room by itself.

use std::{io, path::Path};

use rustix::net::sockopt::set_socket_send_buffer_size;
use tokio::net::UnixStream;

/// What is asked for; systems give less where their administrator said so.
const SEND_BUFFER_BYTES: usize = 2 << 20;

/// Opens it.
///
/// # Errors
/// The system's.
pub(super) async fn connect(path: &Path) -> io::Result<UnixStream> {
    let stream = UnixStream::connect(path).await?;
    // With the room there is it works as well.
    let _ = set_socket_send_buffer_size(&stream, SEND_BUFFER_BYTES);
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::sockopt::socket_send_buffer_size;
    use tokio::net::UnixListener;

    #[tokio::test]
    async fn more_rows_fit_than_into_any_socket() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(".s.PGSQL.5432");
        let _listener = UnixListener::bind(&path).expect("it listens");
        let usual = UnixStream::connect(&path).await.expect("it connects");
        let ours = connect(&path).await.expect("it connects");
        let room = |stream| socket_send_buffer_size(stream).expect("it says");
        assert!(room(&ours) > room(&usual), "{} and {}", room(&ours), room(&usual));
    }
}
