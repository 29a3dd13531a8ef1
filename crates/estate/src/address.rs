//! An address as people write it: `host`, `host:port`, `2001:db8::1`, `[2001:db8::1]:22`.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use crate::Address;

/// Text that is no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAddress {
    /// Nothing is there.
    #[error("it is empty")]
    Empty,
    /// Blanks, control characters, or characters that no host name has.
    #[error("a host name or IP address has no blanks, slashes or control characters")]
    Character,
    /// `user@host`.
    #[error("the account has a key of its own")]
    User,
    /// ssh and its kin would take it for an option.
    #[error("a host name doesn't begin with a hyphen")]
    Hyphen,
    /// The port is no number from 1 to 65535.
    #[error("a port is a number from 1 to 65535")]
    Port,
    /// `[` without `]`, or something between `]` and the port.
    #[error("an IPv6 address with a port is written as [2001:db8::1]:22")]
    Bracket,
}

impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        if text.is_empty() {
            return Err(InvalidAddress::Empty);
        }
        if text.contains('@') {
            return Err(InvalidAddress::User);
        }
        if let Some(rest) = text.strip_prefix('[') {
            let (host, rest) = rest.split_once(']').ok_or(InvalidAddress::Bracket)?;
            host.parse::<Ipv6Addr>().map_err(|_| InvalidAddress::Bracket)?;
            let port = match rest.strip_prefix(':') {
                Some(port) => Some(self::port(port)?),
                None if rest.is_empty() => None,
                None => return Err(InvalidAddress::Bracket),
            };
            return Ok(Self { host: host.to_owned(), port });
        }
        // More than one colon and no brackets: an IPv6 address alone, or nothing that can be read.
        if text.matches(':').count() > 1 {
            text.parse::<Ipv6Addr>().map_err(|_| InvalidAddress::Bracket)?;
            return Ok(Self { host: text.to_owned(), port: None });
        }
        let (host, port) = match text.split_once(':') {
            Some((host, port)) => (host, Some(self::port(port)?)),
            None => (text, None),
        };
        if host.is_empty() {
            return Err(InvalidAddress::Empty);
        }
        if host.starts_with('-') {
            return Err(InvalidAddress::Hyphen);
        }
        if host.chars().any(|c| c.is_whitespace() || c.is_control() || "/\\[]".contains(c)) {
            return Err(InvalidAddress::Character);
        }
        Ok(Self { host: host.to_owned(), port })
    }
}

fn port(text: &str) -> Result<u16, InvalidAddress> {
    // `u16::from_str` takes a leading plus sign, which no port has.
    if text.starts_with('+') {
        return Err(InvalidAddress::Port);
    }
    text.parse().ok().filter(|p| *p != 0).ok_or(InvalidAddress::Port)
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) if self.host.contains(':') => write!(f, "[{}]:{port}", self.host),
            Some(port) => write!(f, "{}:{port}", self.host),
            None => f.write_str(&self.host),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_is_read_and_written_back() {
        for (text, host, port) in [
            ("10.0.0.11", "10.0.0.11", None),
            ("n1.example.org:2222", "n1.example.org", Some(2222)),
            ("2001:db8::1", "2001:db8::1", None),
            ("[2001:db8::1]:22", "2001:db8::1", Some(22)),
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!((address.host.as_str(), address.port), (host, port));
            assert_eq!(address.to_string(), text);
        }
        assert_eq!("[::1]".parse::<Address>().unwrap().to_string(), "::1");
    }

    #[test]
    fn what_is_no_address_is_refused_with_its_reason() {
        for (text, why) in [
            ("", InvalidAddress::Empty),
            (":22", InvalidAddress::Empty),
            ("n 1", InvalidAddress::Character),
            ("ssh://n1/", InvalidAddress::Port),
            ("n1/24", InvalidAddress::Character),
            ("root@n1", InvalidAddress::User),
            ("-oProxyCommand=x", InvalidAddress::Hyphen),
            ("n1:0", InvalidAddress::Port),
            ("n1:65536", InvalidAddress::Port),
            ("n1:+22", InvalidAddress::Port),
            ("n1:", InvalidAddress::Port),
            ("[::1", InvalidAddress::Bracket),
            ("[::1]22", InvalidAddress::Bracket),
            ("a:b:c", InvalidAddress::Bracket),
        ] {
            assert_eq!(text.parse::<Address>(), Err(why), "{text:?}");
        }
    }
}
