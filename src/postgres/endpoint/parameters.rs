//! Connection parameters as written: a URL, or `keyword=value` pairs.
//!
//! Both forms end as one map under libpq's names. The text is parsed here and
//! not by the driver, which knows neither `verify-full` nor `sslrootcert`, and
//! whose errors would quote the password.

use std::{collections::BTreeMap, fmt};

use crate::{
    diagnostic::did_you_mean,
    error::{Error, Result},
};

/// Parameters under libpq's names; shown without the password.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Parameters(BTreeMap<String, String>);

/// The parameters that are understood.
const KNOWN: [&str; 27] = [
    "service",
    "servicefile",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "passfile",
    "connect_timeout",
    "application_name",
    "options",
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "sslcrl",
    "sslnegotiation",
    "channel_binding",
    "target_session_attrs",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_count",
    "tcp_user_timeout",
    "client_encoding",
    "fallback_application_name",
];

/// Parameters of libpq that change nothing here: no GSSAPI is spoken, TLS does
/// not compress, names are always sent, and hosts are tried in order.
const IGNORED: [&str; 9] = [
    "gssencmode",
    "gssdelegation",
    "gsslib",
    "krbsrvname",
    "sslcompression",
    "sslsni",
    "load_balance_hosts",
    "min_protocol_version",
    "max_protocol_version",
];

/// Parameters of libpq that ask for what is not done here, and what to do
/// instead. Ignored, some would leave a connection weaker than it was asked for.
const UNSUPPORTED: [(&str, &str); 10] = [
    ("sslpassword", "keep the key unencrypted in a file that only its user may read"),
    ("sslcrldir", "put the lists into one file and name it with sslcrl"),
    ("sslcertmode", "leave sslcert and sslkey out to send no certificate"),
    ("ssl_min_protocol_version", "leave it out: nothing older than TLS 1.2 is spoken"),
    ("ssl_max_protocol_version", "leave it out: TLS 1.2 and 1.3 are spoken"),
    ("sslkeylogfile", "leave it out"),
    ("requirepeer", "leave it out: who may write to the socket's folder is the server"),
    ("require_auth", "set channel_binding=require, which a password in the clear does not meet"),
    ("scram_client_key", "give a password"),
    ("replication", "leave it out"),
];

impl Parameters {
    /// Parses a URL or keyword/value text.
    ///
    /// # Errors
    /// `ErrorKind::Definition`, naming the parameter at fault and never its value.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        match ["postgres://", "postgresql://"].iter().find_map(|scheme| text.strip_prefix(scheme)) {
            Some(rest) => Self::from_url(rest),
            None if text.contains("://") => {
                Err(Error::definition("the database's URL does not start with postgres://"))
            }
            None if text.contains('=') => Self::from_pairs(text),
            None => Err(Error::definition("the database is neither a URL nor keyword=value pairs")
                .hint("postgres://user@host/database")),
        }
    }

    /// The value of a parameter; an empty one counts as not given.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Sets a parameter unless it has a value already.
    ///
    /// # Errors
    /// As [`Parameters::parse`].
    pub(super) fn default_to(&mut self, name: &str, value: &str) -> Result<()> {
        if self.get(name).is_some() {
            return Ok(());
        }
        self.set(name, value.to_owned())
    }

    /// Takes from `other` what has no value here.
    pub(super) fn complete_with(&mut self, other: Self) {
        for (name, value) in other.0 {
            if self.get(&name).is_none() {
                self.0.insert(name, value);
            }
        }
    }

    fn set(&mut self, name: &str, value: String) -> Result<()> {
        if let Some((_, instead)) = UNSUPPORTED.iter().find(|(unsupported, _)| *unsupported == name)
        {
            return Err(unsupported(name).hint(*instead));
        }
        if name == "gssencmode" && value == "require" {
            return Err(unsupported(name).hint("require TLS in its place: sslmode=verify-full"));
        }
        if IGNORED.contains(&name) {
            return Ok(());
        }
        if !KNOWN.contains(&name) {
            let unknown =
                Error::definition(format!("the connection parameter `{name}` is not known"));
            return Err(match did_you_mean(name, KNOWN) {
                Some(near) => unknown.hint(format!("did you mean `{near}`?")),
                None => unknown,
            });
        }
        if value.contains('\0') {
            return Err(Error::definition(format!("`{name}` holds a NUL character")));
        }
        self.0.insert(name.to_owned(), value);
        Ok(())
    }

    fn from_url(rest: &str) -> Result<Self> {
        let mut parameters = Self::default();
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (user, password) = login.split_once(':').unwrap_or((login, ""));
        for (name, value) in [("user", user), ("password", password), ("dbname", database)] {
            if !value.is_empty() {
                parameters.set(name, percent_decoded(value, name)?)?;
            }
        }
        parameters.set_hosts(hosts)?;
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let Some((name, value)) = pair.split_once('=') else {
                return Err(Error::definition("the URL's query has a part without `=`"));
            };
            let name = percent_decoded(name, "a parameter's name")?;
            match (name.as_str(), value) {
                ("ssl", "true") => parameters.set("sslmode", "require".to_owned())?,
                _ => parameters.set(&name, percent_decoded(value, &name)?)?,
            }
        }
        Ok(parameters)
    }

    /// `host[:port]`, several separated by commas; IPv6 addresses in brackets.
    fn set_hosts(&mut self, text: &str) -> Result<()> {
        if text.is_empty() {
            return Ok(());
        }
        let (mut hosts, mut ports) = (Vec::new(), Vec::new());
        for part in text.split(',') {
            let (host, port) = match part.strip_prefix('[').and_then(|part| part.split_once(']')) {
                Some((address, rest)) => (address, rest.strip_prefix(':').unwrap_or("")),
                None => part.rsplit_once(':').unwrap_or((part, "")),
            };
            hosts.push(percent_decoded(host, "host")?);
            ports.push(port);
        }
        self.set("host", hosts.join(","))?;
        if ports.iter().all(|port| port.is_empty()) {
            return Ok(());
        }
        self.set("port", ports.join(","))
    }

    /// `key = value` pairs; a value with blanks stands in single quotes, `\` escapes.
    fn from_pairs(text: &str) -> Result<Self> {
        let mut parameters = Self::default();
        let mut rest = text.trim_start();
        while !rest.is_empty() {
            let Some((name, after)) = rest.split_once('=') else {
                return Err(Error::definition("a connection parameter has no `=`"));
            };
            let (value, after) = pair_value(after.trim_start())?;
            parameters.set(name.trim(), value)?;
            rest = after.trim_start();
        }
        Ok(parameters)
    }
}

fn unsupported(name: &str) -> Error {
    Error::definition(format!("the connection parameter `{name}` is not supported"))
}

/// One value of a pair, and what follows it.
fn pair_value(text: &str) -> Result<(String, &str)> {
    let quoted = text.starts_with('\'');
    let mut value = String::new();
    let mut characters = text.char_indices().skip(usize::from(quoted));
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            '\'' if quoted => return Ok((value, &text[at + 1..])),
            blank if !quoted && blank.is_whitespace() => return Ok((value, &text[at..])),
            other => value.push(other),
        }
    }
    if quoted {
        return Err(Error::definition("a quoted connection parameter does not end"));
    }
    Ok((value, ""))
}

fn percent_decoded(text: &str, name: &str) -> Result<String> {
    let wrong = || Error::definition(format!("the URL's {name} has a wrong percent-encoding"));
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let [high, low, after @ ..] = rest else { return Err(wrong()) };
        let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|d| u8::try_from(d).ok());
        let (high, low) = (digit(high).ok_or_else(wrong)?, digit(low).ok_or_else(wrong)?);
        bytes.push(high << 4 | low);
        rest = after;
    }
    String::from_utf8(bytes).map_err(|_| wrong())
}

impl fmt::Debug for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |(name, value): (&String, &String)| match name.as_str() {
            "password" => (name.clone(), "***".to_owned()),
            _ => (name.clone(), value.clone()),
        };
        f.debug_map().entries(self.0.iter().map(shown)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<(String, String)> {
        Parameters::parse(text).expect("the text is valid").0.into_iter().collect()
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn urls_and_pairs_say_the_same() {
        let url = "postgres://ana:p%40ss@db.example:6432/school?sslmode=verify-full";
        let text = r"host=db.example port = 6432 dbname=school user=ana password='p@ss' sslmode=verify-full";
        assert_eq!(shown(url), shown(text));
    }

    #[test]
    fn hosts_may_be_several_sockets_or_ipv6() {
        let several = shown("postgresql://a:1,[::1]:2,c/db");
        assert_eq!(several, pairs(&[("dbname", "db"), ("host", "a,::1,c"), ("port", "1,2,")]));
        let socket = shown("postgres://%2Frun%2Fpg/db?port=5433");
        assert_eq!(socket, pairs(&[("dbname", "db"), ("host", "/run/pg"), ("port", "5433")]));
        assert_eq!(
            shown("postgres:///db?host=/run/pg"),
            pairs(&[("dbname", "db"), ("host", "/run/pg")])
        );
    }

    #[test]
    fn quoted_values_may_hold_blanks_and_quotes() {
        let values = shown(r"user='an a' password=it\'s\ me dbname='O\'Neil'");
        assert_eq!(
            values,
            pairs(&[("dbname", "O'Neil"), ("password", "it's me"), ("user", "an a")])
        );
    }

    #[test]
    fn what_is_wrong_is_named_and_the_password_is_not() {
        let wrong = [
            "mysql://u:hunter2@h/d",
            "postgres://u:hunter2%zz@h/d",
            "postgres://u:hunter2@h/d?sslmod=require",
            "password='hunter2",
            "hunter2",
        ];
        for text in wrong {
            let error = Parameters::parse(text).expect_err(text);
            assert!(!format!("{error:?}").contains("hunter2"), "{text}");
        }
        let known = Parameters::parse("password=hunter2 user=ana").expect("valid");
        assert!(!format!("{known:?}").contains("hunter2"));
    }
}
