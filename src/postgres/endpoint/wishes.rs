//! The parameters of a connection that are numbers or one of a few words.

use std::time::Duration;

use tokio_postgres::config::ChannelBinding;

use super::parameters::Parameters;
use crate::error::{Error, Result};

/// Seconds a host has to answer unless `connect_timeout` says otherwise.
const CONNECT_SECONDS: u64 = 10;

/// Seconds without an answer after which a connection counts as lost.
const UNANSWERED_SECONDS: u64 = 60;

/// `target_session_attrs`: which of several servers is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Whichever answers.
    Any,
    /// One that accepts writes.
    Writing,
    /// One that does not.
    Reading,
}

/// How a connection is made and kept, resolved.
#[derive(Debug, Clone)]
pub(super) struct Wishes {
    /// Until a host has to have answered.
    pub(super) connect_timeout: Duration,
    /// How the connection is called in the server's lists.
    pub(super) application_name: String,
    /// `-c name=value ...` for the server.
    pub(super) options: Option<String>,
    /// Whether a password must be proven together with the certificate.
    pub(super) channel_binding: ChannelBinding,
    /// Which of several servers is meant.
    pub(super) role: Role,
    /// Whether the system looks for a peer that is gone.
    pub(super) keepalives: bool,
    /// After how long it begins to.
    pub(super) keepalives_idle: Duration,
    /// How often it does.
    pub(super) keepalives_interval: Duration,
    /// How many times before the peer counts as gone.
    pub(super) keepalives_retries: u32,
    /// For how long sent bytes may stay unacknowledged.
    pub(super) unanswered: Duration,
}

impl Wishes {
    /// What the parameters say, and what holds otherwise: a link that was cut
    /// is noticed within about a minute.
    ///
    /// # Errors
    /// `ErrorKind::Definition`, naming the parameter.
    pub(super) fn of(parameters: &Parameters) -> Result<Self> {
        let number = |name: &str, default: u64| match parameters.get(name).map(str::parse) {
            None => Ok(default),
            Some(Ok(number)) => Ok(number),
            Some(Err(_)) => Err(Error::definition(format!("`{name}` is not a whole number"))),
        };
        // As in libpq, one second is too short to be meant; none at all would wait for ever.
        let connect_seconds = match number("connect_timeout", CONNECT_SECONDS)? {
            0 => CONNECT_SECONDS,
            seconds => seconds.max(2),
        };
        let name = parameters.get("application_name");
        let name = name.or_else(|| parameters.get("fallback_application_name"));
        Ok(Self {
            connect_timeout: Duration::from_secs(connect_seconds),
            application_name: name.unwrap_or("longshore").to_owned(),
            options: parameters.get("options").map(str::to_owned),
            channel_binding: channel_binding(parameters.get("channel_binding"))?,
            role: role(parameters.get("target_session_attrs"))?,
            keepalives: number("keepalives", 1)? != 0,
            keepalives_idle: Duration::from_secs(number("keepalives_idle", 30)?),
            keepalives_interval: Duration::from_secs(number("keepalives_interval", 10)?),
            keepalives_retries: u32::try_from(number("keepalives_count", 3)?).unwrap_or(u32::MAX),
            unanswered: Duration::from_millis(number(
                "tcp_user_timeout",
                UNANSWERED_SECONDS * 1000,
            )?),
        })
    }
}

/// A misspelt word must not be a weaker connection.
fn channel_binding(word: Option<&str>) -> Result<ChannelBinding> {
    Ok(match word {
        None | Some("prefer") => ChannelBinding::Prefer,
        Some("require") => ChannelBinding::Require,
        Some("disable") => ChannelBinding::Disable,
        Some(_) => {
            return Err(Error::definition("channel_binding is not a known word")
                .hint("one of disable, prefer, require"));
        }
    })
}

fn role(word: Option<&str>) -> Result<Role> {
    Ok(match word {
        None | Some("any" | "prefer-standby") => Role::Any,
        Some("read-write" | "primary") => Role::Writing,
        Some("read-only" | "standby") => Role::Reading,
        Some(_) => {
            return Err(Error::definition("target_session_attrs is not a known word")
                .hint("one of any, read-write, read-only, primary, standby, prefer-standby"));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wishes(text: &str) -> Result<Wishes> {
        Wishes::of(&Parameters::parse(text).expect("the text is valid"))
    }

    #[test]
    fn a_misspelt_word_is_refused_and_not_taken_for_the_default() {
        for text in [
            "channel_binding=requried",
            "target_session_attrs=readwrite",
            "connect_timeout=soon",
            "keepalives_idle=-1",
        ] {
            let error = wishes(text).expect_err(text);
            assert!(error.to_string().contains(text.split_once('=').expect("a pair").0), "{error}");
        }
    }

    #[test]
    fn nothing_waits_for_ever() {
        let seconds = |text| wishes(text).expect("it is valid").connect_timeout.as_secs();
        assert_eq!(seconds("user=ana"), 10);
        assert_eq!(seconds("connect_timeout=0"), 10);
        assert_eq!(seconds("connect_timeout=1"), 2);
        assert_eq!(seconds("connect_timeout=90"), 90);
    }
}
