//! A TCP proxy in front of a server, which loses what a network may lose.
//!
//! It runs on a thread of its own, so that a test may block. Faults are armed for the next bytes
//! that pass: at a count of bytes in one direction, or at a COMMIT, which it knows by reading the
//! client's messages as they pass.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UnixStream},
    sync::watch,
};

/// Whose bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// From the client to the server.
    ToServer,
    /// From the server to the client.
    ToClient,
}

/// What happens to the connection whose bytes reach the place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It ends, for both sides.
    Cut,
    /// Nothing passes for a while, then all goes on.
    Stall(Duration),
    /// Nothing passes any more, and nobody is told.
    BlackHole,
    /// As `BlackHole`, for this connection, all others and all that come.
    Darkness,
}

/// What is lost of a COMMIT; the connection ends with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lost {
    /// The server never hears of it.
    Request,
    /// The server commits, the client never hears of that.
    Answer,
}

/// What is counted until a fault comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Measure {
    /// Bytes: most of them are data.
    Bytes,
    /// What arrives at once: each statement, and each answer, is about one.
    Bursts,
}

enum Armed {
    Nothing,
    Count { measure: Measure, direction: Direction, left: u64, fault: Fault },
    Commit(Lost),
}

struct State {
    armed: Armed,
    /// Passed since the last [`Proxy::heal`], to the server and to the client, by measure.
    passed: [[u64; 2]; 2],
    dark: bool,
    links: Vec<Arc<Link>>,
}

/// One connection through the proxy.
struct Link {
    cut: watch::Sender<bool>,
    /// Whether the client has sent a COMMIT whose answer is to be lost.
    swallowing: Mutex<Option<Vec<u8>>>,
    /// Bytes of the client's message that has not passed whole.
    message: Mutex<Vec<u8>>,
}

/// A proxy; it ends with this.
pub(crate) struct Proxy {
    port: u16,
    state: Arc<Mutex<State>>,
    end: watch::Sender<bool>,
}

impl Proxy {
    /// A proxy on a free local port, in front of a server's socket.
    pub(crate) fn before(socket: &Path) -> Self {
        let armed = Armed::Nothing;
        let state = State { armed, passed: [[0; 2]; 2], dark: false, links: Vec::new() };
        let state = Arc::new(Mutex::new(state));
        let (end, mut ended) = watch::channel(false);
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a listener");
        let port = listener.local_addr().expect("its address").port();
        let (shared, socket) = (Arc::clone(&state), socket.to_owned());
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async {
                let listener = TcpListener::from_std(listener).expect("a listener");
                tokio::select! {
                    () = serve(listener, socket, shared) => {}
                    _ = ended.changed() => {}
                }
            });
        });
        Self { port, state, end }
    }

    /// A database's URL through the proxy.
    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgres://longshore@127.0.0.1:{}/{database}", self.port)
    }

    /// Once so many bytes have passed in a direction, the connection they pass on gets a fault.
    pub(crate) fn arm(&self, direction: Direction, after_bytes: u64, fault: Fault) {
        self.arm_after(direction, (after_bytes, Measure::Bytes), fault);
    }

    /// Once so much has passed in a direction, the connection it passes on gets a fault.
    pub(crate) fn arm_after(
        &self,
        direction: Direction,
        (after, measure): (u64, Measure),
        fault: Fault,
    ) {
        lock(&self.state).armed = Armed::Count { measure, direction, left: after, fault };
    }

    /// The next COMMIT that passes is lost in part.
    pub(crate) fn lose_commit(&self, lost: Lost) {
        lock(&self.state).armed = Armed::Commit(lost);
    }

    /// Whether what was armed has not come to pass.
    pub(crate) fn is_armed(&self) -> bool {
        !matches!(lock(&self.state).armed, Armed::Nothing)
    }

    /// What passed in a direction since the last [`Proxy::heal`].
    pub(crate) fn passed(&self, direction: Direction, measure: Measure) -> u64 {
        lock(&self.state).passed[measure as usize][direction as usize]
    }

    /// Ends every connection there is.
    pub(crate) fn cut_all(&self) {
        for link in lock(&self.state).links.drain(..) {
            link.cut.send_replace(true);
        }
    }

    /// Ends every connection, disarms, and serves again.
    pub(crate) fn heal(&self) {
        self.cut_all();
        let mut state = lock(&self.state);
        (state.armed, state.dark, state.passed) = (Armed::Nothing, false, [[0; 2]; 2]);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.end.send_replace(true);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(listener: TcpListener, socket: PathBuf, state: Arc<Mutex<State>>) {
    while let Ok((client, _)) = listener.accept().await {
        let (state, socket) = (Arc::clone(&state), socket.clone());
        tokio::spawn(async move {
            let link = Arc::new(Link {
                cut: watch::channel(false).0,
                swallowing: Mutex::default(),
                message: Mutex::default(),
            });
            let dark = {
                let mut state = lock(&state);
                state.links.retain(|link| !*link.cut.borrow());
                state.links.push(Arc::clone(&link));
                state.dark
            };
            if dark {
                return cut(&link).await;
            }
            // A server that is not there answers as a host does that refuses.
            if let Ok(server) = UnixStream::connect(socket).await {
                connect(client, server, &link, &state).await;
            }
            link.cut.send_replace(true);
        });
    }
}

async fn connect(client: TcpStream, server: UnixStream, link: &Link, state: &Mutex<State>) {
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::select! {
        () = pump(from_client, to_server, Direction::ToServer, link, state) => {}
        () = pump(from_server, to_client, Direction::ToClient, link, state) => {}
        () = cut(link) => {}
    }
}

async fn cut(link: &Link) {
    let mut receiver = link.cut.subscribe();
    // The sender lives as long as the link.
    let _ = receiver.wait_for(|cut| *cut).await;
}

/// Passes bytes on until one side ends or a fault does.
async fn pump(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    direction: Direction,
    link: &Link,
    state: &Mutex<State>,
) {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let Ok(length @ 1..) = from.read(&mut buffer).await else { return };
        let (passing, fault) = judge(&buffer[..length], direction, link, state);
        if to.write_all(&buffer[..passing]).await.is_err() {
            return;
        }
        match fault {
            None => {}
            Some(Fault::Cut) => return,
            Some(Fault::BlackHole | Fault::Darkness) => return cut(link).await,
            Some(Fault::Stall(time)) => {
                tokio::time::sleep(time).await;
                if to.write_all(&buffer[passing..length]).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// How many of the bytes pass, and what happens then.
fn judge(
    bytes: &[u8],
    direction: Direction,
    link: &Link,
    state: &Mutex<State>,
) -> (usize, Option<Fault>) {
    let mut state = lock(state);
    if state.dark {
        return (0, Some(Fault::Darkness));
    }
    if let Some(judged) = judge_commit(bytes, direction, link, &mut state) {
        return judged;
    }
    if let Armed::Count { measure, direction: of, left, fault } = &mut state.armed
        && *of == direction
    {
        let length = match measure {
            Measure::Bytes => bytes.len() as u64,
            Measure::Bursts => 1,
        };
        if *left > length {
            *left -= length;
        } else {
            // A burst is lost in its middle.
            let passing = match measure {
                Measure::Bytes => usize::try_from(*left).expect("a length"),
                Measure::Bursts => bytes.len() / 2,
            };
            let fault = *fault;
            state.armed = Armed::Nothing;
            state.dark = fault == Fault::Darkness;
            return (passing, Some(fault));
        }
    }
    state.passed[Measure::Bytes as usize][direction as usize] += bytes.len() as u64;
    state.passed[Measure::Bursts as usize][direction as usize] += 1;
    (bytes.len(), None)
}

/// Loses a COMMIT, or what the server answers to it.
fn judge_commit(
    bytes: &[u8],
    direction: Direction,
    link: &Link,
    state: &mut State,
) -> Option<(usize, Option<Fault>)> {
    match direction {
        Direction::ToServer => {
            let commits = says_commit(&mut lock(&link.message), bytes);
            let Armed::Commit(lost) = state.armed else { return None };
            if !commits {
                return None;
            }
            state.armed = Armed::Nothing;
            match lost {
                Lost::Request => Some((0, Some(Fault::Cut))),
                Lost::Answer => {
                    *lock(&link.swallowing) = Some(Vec::new());
                    None
                }
            }
        }
        Direction::ToClient => {
            let mut swallowing = lock(&link.swallowing);
            let answer = swallowing.as_mut()?;
            answer.extend_from_slice(bytes);
            // CommandComplete: the server has committed.
            let done = answer.windows(7).any(|window| window == b"COMMIT\0");
            Some((0, done.then_some(Fault::Cut)))
        }
    }
}

/// Whether a message that ends in these bytes is a simple query that is only COMMIT.
fn says_commit(message: &mut Vec<u8>, bytes: &[u8]) -> bool {
    message.extend_from_slice(bytes);
    let (mut at, mut commits) = (0, false);
    while let Some(length) = message_length(&message[at..]) {
        let Some(whole) = message.get(at..at + length) else { break };
        if let [b'Q', _, _, _, _, text @ .., 0] = whole {
            let text = String::from_utf8_lossy(text);
            commits |= text.trim().trim_end_matches(';').eq_ignore_ascii_case("commit");
        }
        at += length;
    }
    message.drain(..at);
    commits
}

/// The length of the message that begins here: with its kind in one byte, or without, as the
/// first ones of a connection, whose length begins with a zero.
fn message_length(bytes: &[u8]) -> Option<usize> {
    let (skipped, length) = match bytes {
        [0, rest @ ..] => (0, [0, *rest.first()?, *rest.get(1)?, *rest.get(2)?]),
        [_, a, b, c, d, ..] => (1, [*a, *b, *c, *d]),
        _ => return None,
    };
    usize::try_from(u32::from_be_bytes(length)).ok().map(|length| skipped + length.max(4))
}
