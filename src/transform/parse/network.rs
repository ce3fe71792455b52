//! `inet` and `cidr`: an address and the length of its network's prefix.

use std::net::IpAddr;

use super::ParseFault;
use crate::value::Inet;

const CODE: &str = "type.inet";

/// An address, perhaps with a prefix length; for `cidr` nothing may be set behind the prefix.
pub(super) fn parse(text: &str, network: bool) -> Result<Inet, ParseFault> {
    let fault = || ParseFault::new(CODE, "not a network address");
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().map_err(|_| fault())?;
    let all = if address.is_ipv4() { 32 } else { 128 };
    let prefix_bits = match bits {
        Some(bits) => prefix_length(bits, all).ok_or_else(fault)?,
        None => all,
    };
    if network && has_host_bits(address, prefix_bits) {
        return Err(ParseFault::new(CODE, "has bits set to the right of its network prefix"));
    }
    Ok(Inet { address, prefix_bits })
}

fn prefix_length(text: &str, all: u8) -> Option<u8> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let plain = digits && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|bits| plain && *bits <= all)
}

fn has_host_bits(address: IpAddr, prefix_bits: u8) -> bool {
    let prefix_bits = u32::from(prefix_bits);
    match address {
        IpAddr::V4(address) => address.to_bits().checked_shl(prefix_bits).unwrap_or(0) != 0,
        IpAddr::V6(address) => address.to_bits().checked_shl(prefix_bits).unwrap_or(0) != 0,
    }
}
