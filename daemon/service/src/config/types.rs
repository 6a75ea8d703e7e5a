//! Values of a configuration that cannot be wrong once they are read.

use std::borrow::Cow;
use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

use super::{Described, Shape};

/// A whole number from `MIN` to `MAX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounded<const MIN: u32, const MAX: u32>(u32);

impl<const MIN: u32, const MAX: u32> Bounded<MIN, MAX> {
    /// A default; the nearest number in range.
    #[must_use]
    pub const fn of(number: u32) -> Self {
        Bounded(if number < MIN {
            MIN
        } else if number > MAX {
            MAX
        } else {
            number
        })
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0
    }

    /// The number, as a count of things in memory.
    #[must_use]
    pub fn count(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }

    /// The number of seconds.
    #[must_use]
    pub fn seconds(self) -> Duration {
        Duration::from_secs(self.0.into())
    }
}

impl<'de, const MIN: u32, const MAX: u32> Deserialize<'de> for Bounded<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = i64::deserialize(deserializer)?;
        u32::try_from(number)
            .ok()
            .filter(|n| (MIN..=MAX).contains(n))
            .map(Bounded)
            .ok_or_else(|| de::Error::custom(format!("{number} is out of range, use {MIN} to {MAX}")))
    }
}

impl<const MIN: u32, const MAX: u32> Described for Bounded<MIN, MAX> {
    fn shape() -> Shape {
        Shape::Number(MIN, MAX)
    }

    fn written(&self) -> Option<toml::Value> {
        Some(i64::from(self.0).into())
    }
}

/// `$pattern` refuses nothing that `$check` allows; an editor need not find all that is wrong.
macro_rules! text_type {
    ($(#[$doc:meta])* $name:ident, $check:expr, $pattern:literal, $allowed:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub struct $name(String);

        impl $name {
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                let check: fn(&str) -> bool = $check;
                if check(text) { Ok($name(text.to_owned())) } else { Err(format!("{:?} is not {}", shown(text), $allowed)) }
            }
        }

        impl Described for $name {
            fn shape() -> Shape {
                Shape::Text(Some($pattern))
            }

            fn written(&self) -> Option<toml::Value> {
                Some(self.0.clone().into())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    };
}

/// Text as it may be shown: what stands before an `@` may be a password.
fn shown(text: &str) -> Cow<'_, str> {
    text.rsplit_once('@').map_or(text.into(), |(_, rest)| format!("...@{rest}").into())
}

text_type!(
    /// A Linux interface name (`dev_valid_name`).
    InterfaceName,
    |t| !t.is_empty()
        && t.len() < 16
        && t != "."
        && t != ".."
        && t.chars().all(|c| c.is_ascii_graphic() && c != '/' && c != ':'),
    "^[!-.0-9;-~]{1,15}$",
    "an interface name: 1 to 15 printable characters without / and :"
);
text_type!(
    /// An appliance identifier.
    ApplianceId,
    |t| !t.is_empty()
        && t.len() <= 64
        && t.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.'),
    "^[a-z0-9.-]{1,64}$",
    "an appliance identifier: 1 to 64 of a-z 0-9 - ."
);
text_type!(
    /// A region in which data may be stored.
    Region,
    |t| !t.is_empty()
        && t.len() <= 16
        && t.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'),
    "^[a-z0-9-]{1,16}$",
    "a region: 1 to 16 of a-z 0-9 -"
);
text_type!(
    /// A host and a port, `host:port`; an IPv6 address stands in brackets.
    Endpoint,
    |t| t.rsplit_once(':').is_some_and(|(host, port)| {
        let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
        let host_ok = bare.map_or(!host.contains(':'), |h| h.parse::<std::net::Ipv6Addr>().is_ok());
        host_ok && !host.is_empty() && port.parse::<u16>().is_ok_and(|p| p != 0)
    }),
    r"^(\[[0-9A-Fa-f:.]+\]|[^:]+):[0-9]+$",
    "a receiver: write it as host:port"
);

text_type!(
    /// A collector, `https://host:port`. `http` is for one on this machine: elsewhere others could read along.
    Collector,
    |t| match t.split_once("://") {
        Some(("https", rest)) => rest.parse::<Endpoint>().is_ok(),
        Some(("http", rest)) => rest.parse::<Endpoint>().is_ok_and(|endpoint| endpoint.is_loopback()),
        _ => false,
    },
    r"^(https|http)://(\[[0-9A-Fa-f:.]+\]|[^:/]+):[0-9]+$",
    "a collector: write it as https://host:port; http:// only to this machine"
);

text_type!(
    /// An HTTP proxy that opens tunnels, `http://host:port`.
    Proxy,
    |t| t.strip_prefix("http://").is_some_and(|rest| {
        // Neither a user nor a path: a password has no place in this file.
        !rest.contains(['@', '/', '?', '#']) && rest.parse::<Endpoint>().is_ok()
    }),
    r"^http://(\[[0-9A-Fa-f:.]+\]|[^:/@?#]+):[0-9]+$",
    "a proxy: write it as http://host:port, without user and password"
);

impl Proxy {
    /// Host and port.
    #[must_use]
    pub fn endpoint(&self) -> Option<Endpoint> {
        self.0.strip_prefix("http://").and_then(|rest| rest.parse().ok())
    }
}

impl Collector {
    /// Host and port.
    #[must_use]
    pub fn endpoint(&self) -> Option<Endpoint> {
        self.0.split_once("://").and_then(|(_, rest)| rest.parse().ok())
    }

    /// Whether it is spoken to over TLS.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.0.starts_with("https:")
    }
}

/// Regions, at most 16.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Regions(Vec<Region>);

impl Regions {
    /// Their names.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.0.iter().map(|region| region.as_str().to_owned()).collect()
    }
}

impl<'de> Deserialize<'de> for Regions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let regions = Vec::deserialize(deserializer)?;
        if regions.len() > MAX_REGIONS {
            return Err(de::Error::custom(format!("at most {MAX_REGIONS} regions can be named")));
        }
        Ok(Regions(regions))
    }
}

impl Described for Regions {
    fn shape() -> Shape {
        Vec::<Region>::shape()
    }

    fn written(&self) -> Option<toml::Value> {
        self.0.written()
    }
}

const MAX_REGIONS: usize = 16;

impl Default for ApplianceId {
    fn default() -> Self {
        ApplianceId("appliance".into())
    }
}

impl Endpoint {
    /// The host, without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        let host = self.0.rsplit_once(':').map_or(self.0.as_str(), |(host, _)| host);
        host.trim_start_matches('[').trim_end_matches(']')
    }

    fn is_loopback(&self) -> bool {
        let host = self.host();
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}
