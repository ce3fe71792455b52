//! What a text must look like: `pattern`, lengths, addresses, phone numbers.

use regex::Regex;
use validator::{ValidateEmail as _, ValidateUrl as _};

use crate::value::Value;

/// A regular expression that the whole text matches.
pub(super) fn whole(pattern: &str) -> Result<Regex, String> {
    // Alone first, so that `a)|(b` is not made whole by the group around it.
    Regex::new(pattern).map_err(|error| error.to_string())?;
    Regex::new(&format!(r"\A(?:{pattern})\z")).map_err(|error| error.to_string())
}

/// Characters of a text, elements of an array.
pub(super) fn length(value: Value<'_>, text: &str) -> usize {
    match value {
        Value::Array(elements) => elements.len(),
        _ if text.is_ascii() => text.len(),
        _ => text.chars().count(),
    }
}

/// A kind of text with a name of its own.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub(super) fits: fn(&str) -> bool,
    pub(super) message: &'static str,
}

/// An e-mail address, as HTML's input field takes it.
pub(super) const EMAIL: Shape =
    Shape { fits: |text| text.validate_email(), message: "not an e-mail address" };

/// An absolute URL.
pub(super) const URL: Shape = Shape { fits: is_url, message: "not a URL" };

/// An IP address of either version; `validator` asks the same after copying the text.
pub(super) const IP: Shape =
    Shape { fits: |text| text.parse::<std::net::IpAddr>().is_ok(), message: "not an IP address" };

/// A phone number that can be dialled from anywhere.
pub(super) const PHONE: Shape =
    Shape { fits: is_phone, message: "not a phone number in E.164: `+` and 8 to 15 digits" };

/// The WHATWG parser drops blanks around a URL and inside it; here such a text is not one.
fn is_url(text: &str) -> bool {
    !text.chars().any(|c| c.is_whitespace() || c.is_control()) && text.validate_url()
}

/// `+`, a country code that does not begin with 0, 8 to 15 digits in all.
fn is_phone(text: &str) -> bool {
    let Some(digits) = text.strip_prefix('+') else { return false };
    (8..=15).contains(&digits.len())
        && !digits.starts_with('0')
        && digits.bytes().all(|digit| digit.is_ascii_digit())
}
