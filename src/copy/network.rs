//! `inet` and `cidr` on the wire.

use std::net::IpAddr;

use crate::value::Inet;

/// PostgreSQL's own family numbers: IPv6 is IPv4's plus one on every platform.
const FAMILY_V4: u8 = 2;
const FAMILY_V6: u8 = 3;

/// Appends `network_recv`'s form: family, prefix bits, is-cidr, address length, address.
pub(super) fn write(buffer: &mut Vec<u8>, inet: &Inet, cidr: bool) {
    match inet.address {
        IpAddr::V4(address) => {
            write_parts(buffer, (FAMILY_V4, 4), inet.prefix_bits, cidr, &address.octets())
        }
        IpAddr::V6(address) => {
            write_parts(buffer, (FAMILY_V6, 16), inet.prefix_bits, cidr, &address.octets())
        }
    }
}

fn write_parts(
    buffer: &mut Vec<u8>,
    (family, length): (u8, u8),
    prefix_bits: u8,
    cidr: bool,
    octets: &[u8],
) {
    buffer.extend_from_slice(&(4 + i32::from(length)).to_be_bytes());
    buffer.extend_from_slice(&[family, prefix_bits, u8::from(cidr), length]);
    buffer.extend_from_slice(octets);
}
