//! The signals by which longshore is asked to stop.

use tokio::signal::unix::{SignalKind, signal};

/// Somebody asks, or the terminal goes away; unless that is not to matter, as under `nohup`.
pub(super) async fn first() {
    tokio::select! {
        () = asked() => {}
        () = hung_up() => {}
    }
}

/// Somebody asks: Ctrl-C or SIGTERM. A terminal that goes away may say so more than once, which
/// is not asking twice.
pub(super) async fn asked() {
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = received(SignalKind::terminate()) => {}
    }
}

async fn hung_up() {
    match hangup_ends_us() {
        true => received(SignalKind::hangup()).await,
        false => std::future::pending().await,
    }
}

async fn received(kind: SignalKind) {
    match signal(kind) {
        Ok(mut signal) => drop(signal.recv().await),
        Err(_) => std::future::pending().await,
    }
}

/// Whether SIGHUP is known not to be ignored. Listening to a signal takes the place of ignoring
/// it, so where that cannot be told it is left as it is.
fn hangup_ends_us() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    ignored(&status).is_some_and(|ignored| ignored & 1 == 0)
}

/// The signals that are ignored, the first one in the lowest bit, as Linux tells them.
fn ignored(status: &str) -> Option<u64> {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
    u64::from_str_radix(mask.trim(), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ignored_is_read_from_the_status() {
        assert_eq!(ignored("Name:\tx\nSigIgn:\t0000000000001001\n"), Some(0x1001));
        assert_eq!(ignored("Name:\tx\n"), None);
    }
}
