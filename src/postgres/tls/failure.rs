//! Why TLS failed, in words for whoever can mend it.

use std::{error::Error as StdError, io};

use rustls::{AlertDescription, CertificateError, Error as TlsError};

/// What happened, and what to do about it.
pub(in crate::postgres) struct Failure {
    /// A sentence without a full stop.
    pub(in crate::postgres) what: String,
    /// What helps.
    pub(in crate::postgres) hint: &'static str,
}

const OPT_OUT: &str = "name its authority with sslrootcert=FILE, or opt out in writing with \
    sslmode=require (encrypted, not verified)";
const RENEW: &str = "renew it on the server, and look at this machine's clock";
const CLIENT: &str = "sslcert and sslkey name the client's certificate; the server's ssl_ca_file must know its \
     authority, and pg_hba.conf its name";

/// The failure of TLS that an error tells of, wherever in its causes; `None` if there is none.
pub(in crate::postgres) fn failure(error: &tokio_postgres::Error) -> Option<Failure> {
    let mut cause = error.source();
    while let Some(current) = cause {
        if let Some(failure) = known(current) {
            return Some(failure);
        }
        cause = current.source();
    }
    error.to_string().contains("TLS").then(|| not_offered(error))
}

fn known(cause: &(dyn StdError + 'static)) -> Option<Failure> {
    if let Some(tls) = cause.downcast_ref::<TlsError>() {
        return Some(said(tls));
    }
    // An I/O error shows the causes of what it wraps, not the wrapped error itself.
    let inner = cause.downcast_ref::<io::Error>()?.get_ref()?;
    inner.downcast_ref::<TlsError>().map(said)
}

fn not_offered(error: &tokio_postgres::Error) -> Failure {
    let cause = error.source().map_or_else(|| error.to_string(), ToString::to_string);
    Failure {
        what: format!("no TLS connection came about: {cause}"),
        hint: "switch TLS on at the server (ssl = on, with a certificate), or opt out in writing \
               with sslmode=disable (neither encrypted nor verified)",
    }
}

fn said(error: &TlsError) -> Failure {
    match error {
        TlsError::InvalidCertificate(wrong) => certificate(wrong),
        TlsError::AlertReceived(alert) => alerted(*alert),
        other => Failure {
            what: format!("TLS failed: {other}"),
            hint: "TLS 1.2 or 1.3 is needed; the server's log may say more",
        },
    }
}

fn certificate(wrong: &CertificateError) -> Failure {
    use CertificateError as Wrong;
    let (what, hint) = match wrong {
        Wrong::Expired | Wrong::ExpiredContext { .. } => ("has expired".to_owned(), RENEW),
        Wrong::NotValidYet | Wrong::NotValidYetContext { .. } => {
            ("is not valid yet".to_owned(), RENEW)
        }
        Wrong::NotValidForName | Wrong::NotValidForNameContext { .. } => (
            for_other_names(wrong),
            "connect by a name the certificate has; hostaddr gives the address",
        ),
        Wrong::UnknownIssuer => ("was issued by no trusted authority".to_owned(), OPT_OUT),
        Wrong::Revoked => ("has been revoked".to_owned(), "get a new one for the server"),
        Wrong::UnknownRevocationStatus => (
            "cannot be looked up in sslcrl".to_owned(),
            "the file needs a list of every authority in the certificate's chain",
        ),
        Wrong::ExpiredRevocationList | Wrong::ExpiredRevocationListContext { .. } => {
            ("was looked up in sslcrl, which is out of date".to_owned(), "get a newer list")
        }
        other => (format!("is not accepted: {other}"), OPT_OUT),
    };
    Failure { what: format!("the server's certificate {what}"), hint }
}

fn for_other_names(wrong: &CertificateError) -> String {
    let CertificateError::NotValidForNameContext { presented, .. } = wrong else {
        return "is not for this name".to_owned();
    };
    match presented.is_empty() {
        true => "is not for this name".to_owned(),
        false => format!("is not for this name: it has {}", presented.join(", ")),
    }
}

fn alerted(alert: AlertDescription) -> Failure {
    use AlertDescription as Alert;
    let what = match alert {
        Alert::CertificateRequired => "the server asks for a client certificate, and none was sent",
        Alert::UnknownCA => "the server does not trust the authority of the client's certificate",
        Alert::CertificateExpired => "the client's certificate has expired",
        Alert::CertificateRevoked => "the client's certificate has been revoked",
        Alert::BadCertificate | Alert::CertificateUnknown | Alert::UnsupportedCertificate => {
            "the server does not accept the client's certificate"
        }
        other => {
            let what = format!("the server ended TLS: {other:?}");
            return Failure { what, hint: "TLS 1.2 or 1.3 is needed; its log may say more" };
        }
    };
    Failure { what: what.to_owned(), hint: CLIENT }
}
