//! Which IP addresses belong to the public internet.
//!
//! Data in: an address. Data out: nothing, or the name of the special block it lies in.
//!
//! Sources: the IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890, RFC 8190), the multicast ranges
//! (RFC 5771, RFC 4291 §2.7) and the IPv6 address space registry, by which only 2000::/3 is handed out.
//!
//! Four registry entries are globally reachable and pass: 192.31.196.0/24 and 192.175.48.0/24 (AS112, RFC 7535
//! and 7534), 192.52.193.0/24 (AMT, RFC 7450) and 2620:4f:8000::/48 (AS112, RFC 7534). The reachable entries
//! inside 192.0.0.0/24 and 2001::/23 (anycast of the nearest gateway, AMT, AS112, ORCHIDv2, drone identifiers)
//! are refused with the block around them: no feed lives there, and a gateway's own services might.
//!
//! **Invariant:** an IPv6 address that only wraps an IPv4 address is never judged better than that address.
//!
//! Rejected: `Ipv4Addr::is_global` and its kin, which are unstable and would follow the compiler's version.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

/// Tells whether `ip` is an ordinary address of the public internet.
///
/// IPv4-mapped (::ffff:0:0/96) and NAT64 (64:ff9b::/96, RFC 6052) addresses are judged by the IPv4 address inside.
///
/// # Errors
/// The special block `ip` lies in, with article and network, to follow "10.0.0.5 is …".
pub fn is_public(ip: IpAddr) -> Result<(), &'static str> {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> Result<(), &'static str> {
    match SPECIAL_V4.iter().find(|(net, _)| net.contains(&ip)) {
        Some((_, block)) => Err(block),
        None => Ok(()),
    }
}

fn is_public_v6(ip: Ipv6Addr) -> Result<(), &'static str> {
    if let Some(inner) = embedded_v4(ip) {
        return is_public_v4(inner);
    }
    match SPECIAL_V6.iter().find(|(net, _)| net.contains(&ip)) {
        Some((_, block)) => Err(block),
        None if GLOBAL_UNICAST.contains(&ip) => Ok(()),
        None => Err("an address outside the space in public use (2000::/3)"),
    }
}

/// The IPv4 address that a packet to `ip` ends up at, where the mapping is plain.
fn embedded_v4(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    if NAT64.contains(&ip) {
        let [.., a, b, c, d] = ip.octets();
        return Some(Ipv4Addr::new(a, b, c, d));
    }
    ip.to_ipv4_mapped()
}

/// RFC 6052 §2.1.
const NAT64: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96);
/// RFC 4291 §2.4 and the IANA IPv6 address space registry.
const GLOBAL_UNICAST: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

const fn v4(octets: [u8; 4], length: u8, block: &'static str) -> (Ipv4Net, &'static str) {
    let [a, b, c, d] = octets;
    (Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length), block)
}

const fn v6(head: [u16; 4], length: u8, block: &'static str) -> (Ipv6Net, &'static str) {
    let [a, b, c, d] = head;
    (Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0), length), block)
}

/// The first block that holds an address names it, so a block inside another comes first.
const SPECIAL_V4: [(Ipv4Net, &str); 16] = [
    v4([0, 0, 0, 0], 8, "an address of \"this network\" (0.0.0.0/8)"), // RFC 791 §3.2, RFC 1122 §3.2.1.3
    v4([10, 0, 0, 0], 8, "a private address (10.0.0.0/8)"),            // RFC 1918
    v4([100, 64, 0, 0], 10, "a carrier-internal address (100.64.0.0/10)"), // RFC 6598
    v4([127, 0, 0, 0], 8, "a loopback address (127.0.0.0/8)"),         // RFC 1122 §3.2.1.3
    v4([169, 254, 0, 0], 16, "a link-local address (169.254.0.0/16)"), // RFC 3927; cloud metadata lives here
    v4([172, 16, 0, 0], 12, "a private address (172.16.0.0/12)"),      // RFC 1918
    v4([192, 0, 0, 0], 24, "an address of IETF protocols (192.0.0.0/24)"), // RFC 6890, 7335, 7600, 7723, 8155
    v4([192, 0, 2, 0], 24, "a documentation address (192.0.2.0/24)"),  // RFC 5737
    v4([192, 88, 99, 0], 24, "a 6to4 relay address (192.88.99.0/24)"), // RFC 7526, 6751
    v4([192, 168, 0, 0], 16, "a private address (192.168.0.0/16)"),    // RFC 1918
    v4([198, 18, 0, 0], 15, "a benchmarking address (198.18.0.0/15)"), // RFC 2544
    v4([198, 51, 100, 0], 24, "a documentation address (198.51.100.0/24)"), // RFC 5737
    v4([203, 0, 113, 0], 24, "a documentation address (203.0.113.0/24)"), // RFC 5737
    v4([224, 0, 0, 0], 4, "a multicast address (224.0.0.0/4)"),        // RFC 5771
    v4([255, 255, 255, 255], 32, "the broadcast address (255.255.255.255/32)"), // RFC 919 §7, RFC 8190
    v4([240, 0, 0, 0], 4, "a reserved address (240.0.0.0/4)"),         // RFC 1112 §4
];

/// As [`SPECIAL_V4`]. The mapped and NAT64 blocks are not here: [`embedded_v4`] judges them by what they wrap.
const SPECIAL_V6: [(Ipv6Net, &str); 19] = [
    (Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 128), "the unspecified address (::/128)"), // RFC 4291 §2.5.2
    (Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128), "the loopback address (::1/128)"),     // RFC 4291 §2.5.3
    v6([0, 0, 0, 0], 96, "an IPv4-compatible address (::/96)"), // RFC 4291 §2.5.5.1
    v6([0x64, 0xff9b, 1, 0], 48, "a local-use translation address (64:ff9b:1::/48)"), // RFC 8215
    v6([0x100, 0, 0, 0], 64, "a discard-only address (100::/64)"), // RFC 6666
    v6([0x100, 0, 0, 1], 64, "a dummy address (100:0:0:1::/64)"), // RFC 9780
    v6([0x2001, 0, 0, 0], 32, "a Teredo address (2001::/32)"),  // RFC 4380
    v6([0x2001, 2, 0, 0], 48, "a benchmarking address (2001:2::/48)"), // RFC 5180
    v6([0x2001, 0x10, 0, 0], 28, "an ORCHID address (2001:10::/28)"), // RFC 4843
    v6([0x2001, 0x20, 0, 0], 28, "an ORCHIDv2 address (2001:20::/28)"), // RFC 7343
    v6([0x2001, 0, 0, 0], 23, "an address of IETF protocols (2001::/23)"), // RFC 2928 and others
    v6([0x2001, 0xdb8, 0, 0], 32, "a documentation address (2001:db8::/32)"), // RFC 3849
    v6([0x2002, 0, 0, 0], 16, "a 6to4 address (2002::/16)"),    // RFC 3056, 7526
    v6([0x3fff, 0, 0, 0], 20, "a documentation address (3fff::/20)"), // RFC 9637
    v6([0x5f00, 0, 0, 0], 16, "a segment routing address (5f00::/16)"), // RFC 9602
    v6([0xfc00, 0, 0, 0], 7, "a private address (fc00::/7)"),   // RFC 4193
    v6([0xfe80, 0, 0, 0], 10, "a link-local address (fe80::/10)"), // RFC 4291 §2.5.6
    v6([0xfec0, 0, 0, 0], 10, "a site-local address (fec0::/10)"), // RFC 3879
    v6([0xff00, 0, 0, 0], 8, "a multicast address (ff00::/8)"), // RFC 4291 §2.7
];

#[cfg(test)]
mod tests {
    use super::*;

    /// `want`: a part of the block's name, or empty for a public address.
    fn check(ip: &str, want: &str) {
        match is_public(ip.parse().unwrap()) {
            Ok(()) => assert_eq!(want, "", "{ip} passed"),
            Err(block) => {
                assert!(!want.is_empty() && block.contains(want), "{ip} is {block}, wanted {want:?}")
            }
        }
    }

    /// `row`: block, its first and last address, the address before and the block that lies in, the one after and
    /// its block. "E" stands for four groups of all ones.
    fn check_bounds(row: &str) {
        let row = row.replace('E', "ffff:ffff:ffff:ffff");
        let [net, first, last, before, before_in, after, after_in] =
            row.split(' ').collect::<Vec<_>>().try_into().unwrap();
        let named = |block: &str| match block {
            "public" => String::new(),
            "unallocated" => "outside the space in public use".to_owned(),
            net => format!("({net})"),
        };
        check(first, &named(net));
        check(last, &named(net));
        check(before, &named(before_in));
        check(after, &named(after_in));
    }

    #[test]
    fn ipv4_blocks_begin_and_end_where_the_registry_says() {
        for row in [
            "0.0.0.0/8 0.0.0.0 0.255.255.255 1.0.0.0 public 1.0.0.0 public",
            "10.0.0.0/8 10.0.0.0 10.255.255.255 9.255.255.255 public 11.0.0.0 public",
            "100.64.0.0/10 100.64.0.0 100.127.255.255 100.63.255.255 public 100.128.0.0 public",
            "127.0.0.0/8 127.0.0.0 127.255.255.255 126.255.255.255 public 128.0.0.0 public",
            "169.254.0.0/16 169.254.0.0 169.254.255.255 169.253.255.255 public 169.255.0.0 public",
            "172.16.0.0/12 172.16.0.0 172.31.255.255 172.15.255.255 public 172.32.0.0 public",
            "192.0.0.0/24 192.0.0.0 192.0.0.255 191.255.255.255 public 192.0.1.0 public",
            "192.0.2.0/24 192.0.2.0 192.0.2.255 192.0.1.255 public 192.0.3.0 public",
            "192.88.99.0/24 192.88.99.0 192.88.99.255 192.88.98.255 public 192.88.100.0 public",
            "192.168.0.0/16 192.168.0.0 192.168.255.255 192.167.255.255 public 192.169.0.0 public",
            "198.18.0.0/15 198.18.0.0 198.19.255.255 198.17.255.255 public 198.20.0.0 public",
            "198.51.100.0/24 198.51.100.0 198.51.100.255 198.51.99.255 public 198.51.101.0 public",
            "203.0.113.0/24 203.0.113.0 203.0.113.255 203.0.112.255 public 203.0.114.0 public",
            "224.0.0.0/4 224.0.0.0 239.255.255.255 223.255.255.255 public 240.0.0.0 240.0.0.0/4",
            "240.0.0.0/4 240.0.0.0 255.255.255.254 239.255.255.255 224.0.0.0/4 255.255.255.255 255.255.255.255/32",
        ] {
            check_bounds(row);
        }
    }

    #[test]
    fn ipv6_blocks_begin_and_end_where_the_registry_says() {
        for row in [
            "::/128 :: :: ::1 ::1/128 ::1 ::1/128",
            "::1/128 ::1 ::1 :: ::/128 ::2 ::/96",
            "::/96 ::2 ::ffff:ffff ::1 ::1/128 ::1:0:0 unallocated",
            "64:ff9b:1::/48 64:ff9b:1:: 64:ff9b:1:ffff:E 64:ff9b:0:ffff:E unallocated 64:ff9b:2:: unallocated",
            "100::/64 100:: 100::E ff:ffff:ffff:ffff:E unallocated 100:0:0:1:: 100:0:0:1::/64",
            "100:0:0:1::/64 100:0:0:1:: 100:0:0:1:E 100::E 100::/64 100:0:0:2:: unallocated",
            "2001::/32 2001:: 2001:0:ffff:ffff:E 2000:ffff:ffff:ffff:E public 2001:1:: 2001::/23",
            "2001:2::/48 2001:2:: 2001:2:0:ffff:E 2001:1:ffff:ffff:E 2001::/23 2001:2:1:: 2001::/23",
            "2001:10::/28 2001:10:: 2001:1f:ffff:ffff:E 2001:f:ffff:ffff:E 2001::/23 2001:20:: 2001:20::/28",
            "2001:20::/28 2001:20:: 2001:2f:ffff:ffff:E 2001:1f:ffff:ffff:E 2001:10::/28 2001:30:: 2001::/23",
            "2001::/23 2001:1::1 2001:1ff:ffff:ffff:E 2000:ffff:ffff:ffff:E public 2001:200:: public",
            "2001:db8::/32 2001:db8:: 2001:db8:ffff:ffff:E 2001:db7:ffff:ffff:E public 2001:db9:: public",
            "2002::/16 2002:: 2002:ffff:ffff:ffff:E 2001:ffff:ffff:ffff:E public 2003:: public",
            "3fff::/20 3fff:: 3fff:fff:ffff:ffff:E 3ffe:ffff:ffff:ffff:E public 3fff:1000:: public",
            "5f00::/16 5f00:: 5f00:ffff:ffff:ffff:E 5eff:ffff:ffff:ffff:E unallocated 5f01:: unallocated",
            "fc00::/7 fc00:: fdff:ffff:ffff:ffff:E fbff:ffff:ffff:ffff:E unallocated fe00:: unallocated",
            "fe80::/10 fe80:: febf:ffff:ffff:ffff:E fe7f:ffff:ffff:ffff:E unallocated fec0:: fec0::/10",
            "fec0::/10 fec0:: feff:ffff:ffff:ffff:E febf:ffff:ffff:ffff:E fe80::/10 ff00:: ff00::/8",
            "ff00::/8 ff00:: ffff:ffff:ffff:ffff:E feff:ffff:ffff:ffff:E fec0::/10 ff00:: ff00::/8",
        ] {
            check_bounds(row);
        }
        check("1fff:ffff:ffff:ffff::", "outside the space in public use");
        check("2000::", "");
        check("3fff:ffff::", "");
        check("4000::", "outside the space in public use");
    }

    #[test]
    fn an_ipv4_address_wrapped_in_ipv6_is_judged_as_itself() {
        check("::ffff:127.0.0.1", "127.0.0.0/8");
        check("::ffff:7f00:1", "127.0.0.0/8");
        check("::ffff:169.254.169.254", "169.254.0.0/16");
        check("::ffff:8.8.8.8", "");
        check("64:ff9b::10.0.0.1", "10.0.0.0/8");
        check("64:ff9b::8.8.8.8", "");
        check("64:ff9b:1::8.8.8.8", "64:ff9b:1::/48");
        check("::127.0.0.1", "::/96");
        check("::ffff:0:127.0.0.1", "outside the space in public use");
        check("2002:7f00:1::", "2002::/16");
        check("2001:0:7f00:1::", "2001::/32");
    }

    #[test]
    fn reachable_registry_entries_and_ordinary_addresses_pass() {
        for ip in
            ["192.31.196.1", "192.52.193.1", "192.175.48.1", "2620:4f:8000::1", "8.8.8.8", "2606:4700::1111"]
        {
            check(ip, "");
        }
        check("192.0.0.9", "192.0.0.0/24");
        check("2001:1::1", "2001::/23");
    }

    #[test]
    fn each_block_is_named_with_its_network() {
        let v4 = SPECIAL_V4.iter().map(|(net, block)| (net.to_string(), net.trunc().to_string(), block));
        let v6 = SPECIAL_V6.iter().map(|(net, block)| (net.to_string(), net.trunc().to_string(), block));
        for (net, truncated, block) in v4.chain(v6) {
            assert!(block.ends_with(&format!("({net})")), "{net} is called {block}");
            assert_eq!(net, truncated, "bits beyond the length");
        }
    }
}
