//! Why a connection did not come about, and what helps.

use std::{error::Error as _, io};

use tokio_postgres::error::SqlState;

use crate::{
    error::Error,
    postgres::{session::database_error, tls},
};

/// The error of an attempt to connect; `password_advice` tells where to look
/// when the login itself was refused.
pub(super) fn refused(error: &tokio_postgres::Error, password_advice: &str) -> Error {
    let said = database_error(error, "be connected to");
    if let Some(code) = error.code() {
        return match *code == SqlState::INVALID_PASSWORD {
            true => said.hint(password_advice),
            false => said,
        };
    }
    if let Some(failure) = tls::failure(error) {
        return Error::environment(failure.what).hint(failure.hint);
    }
    // The driver says these two in words of its own, which hold nothing else.
    match error.source().map(ToString::to_string).as_deref() {
        Some("password missing") => {
            Error::environment("the server asks for a password").hint(password_advice)
        }
        Some(cause) if cause.contains("channel binding") => Error::environment(
            "the server offers no channel binding, which channel_binding asks for",
        )
        .hint("it takes TLS and a password kept as scram-sha-256"),
        _ => match error.source().and_then(|cause| cause.downcast_ref::<io::Error>()) {
            Some(cause) => said.hint(network(cause)),
            None => said,
        },
    }
}

fn network(cause: &io::Error) -> &'static str {
    match cause.kind() {
        io::ErrorKind::ConnectionRefused => {
            "no server listens there: check host and port, and that it runs with listen_addresses set"
        }
        io::ErrorKind::NotFound => "no server has a socket there: check host and port",
        io::ErrorKind::PermissionDenied => "this user may not use the socket: check its folder",
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => {
            "the server ended the connection: its log may say why"
        }
        _ => "check host and port, and any firewall in between",
    }
}
