//! `headgate.toml`: how the appliance runs.
//!
//! Reading and judging are one: what deserialises is valid. Reading a file touches nothing but that
//! file and its drop-ins.

use std::path::PathBuf;

#[macro_use]
mod describe;
mod read;
mod types;

pub use describe::{Described, Key, Shape};
pub use read::{
    ConfigError, MAX_DROP_INS, MAX_FILE_BYTES, MAX_LIST_BYTES, load, parse, read_file, read_list,
    read_with_drop_ins,
};
pub use types::{ApplianceId, Bounded, Collector, Endpoint, InterfaceName, Proxy, Region, Regions};

/// Where the file lies on an installed appliance.
pub const DEFAULT_PATH: &str = "/etc/headgate/headgate.toml";

described! {
    /// How this appliance runs. Every key has a default; an unknown key is an error.
    Headgate {
        /// Who this appliance is.
        appliance: Appliance = Appliance::default();
        /// What it listens on.
        capture: Capture = Capture::default();
        /// How many of each it remembers while it watches; the oldest leaves a full table and is counted.
        tables: Tables = Tables::default();
        /// When a flow ends.
        flows: Flows = Flows::default();
        /// Where records are kept.
        store: Store = Store::default();
        /// How long records are kept.
        retention: Retention = Retention::default();
        /// Where its processes meet.
        sockets: Sockets = Sockets::default();
        /// Where records are sent.
        uplink: Uplink = Uplink::default();
        /// Where keys and certificates lie.
        credentials: Credentials = Credentials::default();
    }
}

described! {
    /// `[appliance]`
    Appliance {
        /// Identifier, as in the appliance's certificate.
        id: ApplianceId = ApplianceId::default();
    }
}

described! {
    /// `[capture]`
    Capture {
        /// Interfaces to listen on.
        interfaces: Vec<InterfaceName> = Vec::new();
        /// Whether to receive frames for other stations.
        promiscuous: bool = true;
        /// Whether frames get the time of the card that received them, where there is one.
        hardware_time: bool = false;
        /// Size of the rings of each interface together, MiB; at least one for each thread.
        ring_mib: Bounded<1, 1024> = Bounded::of(8);
        /// Threads that read frames, each its share of the conversations of every interface.
        threads: Bounded<1, 8> = Bounded::of(1);
    }
}

described! {
    /// `[tables]`: entries; the oldest leaves a full table and is counted.
    Tables {
        /// Devices.
        devices: Bounded<1, 1_000_000> = Bounded::of(16_384);
        /// Neighbours of each interface.
        neighbors: Bounded<1, 1_024> = Bounded::of(32);
        /// DHCP leases.
        leases: Bounded<1, 1_000_000> = Bounded::of(16_384);
        /// DHCP exchanges under way.
        exchanges: Bounded<1, 100_000> = Bounded::of(4_096);
        /// Flows under way.
        flows: Bounded<1, 4_000_000> = Bounded::of(65_536);
    }
}

described! {
    /// `[flows]`
    Flows {
        /// A flow without a packet for so long has ended, seconds.
        idle_timeout: Bounded<1, 3_600> = Bounded::of(15);
        /// A flow that goes on is recorded so often, seconds.
        active_timeout: Bounded<1, 86_400> = Bounded::of(300);
    }
}

described! {
    /// `[store]`
    Store {
        /// Directory of the encrypted buffer.
        directory: PathBuf = "/var/lib/headgate".into();
        /// Most that the buffer may take, MiB.
        max_mib: Bounded<16, 1_048_576> = Bounded::of(512);
        /// Most records of one batch.
        batch_records: Bounded<1, 4_096> = Bounded::of(1_000);
        /// Records wait at most so long for others before they leave, seconds.
        batch_delay: Bounded<0, 3_600> = Bounded::of(5);
    }
}

described! {
    /// `[retention]`: days that the appliance has lived since; longer only where a longer period is set here.
    Retention {
        /// Flows.
        flows: Bounded<1, 3_650> = Bounded::of(60);
        /// Devices, neighbours, leases, exchanges, authentications, bridges.
        devices: Bounded<1, 3_650> = Bounded::of(60);
        /// Counters.
        counters: Bounded<1, 3_650> = Bounded::of(60);
    }
}

described! {
    /// `[sockets]`
    Sockets {
        /// Directory that holds the sockets of the appliance's own processes.
        directory: PathBuf = "/run/headgate".into();
    }
}

described! {
    /// `[uplink]`
    Uplink {
        /// The receiver, host:port, or nothing: then all stays on the appliance.
        receiver: Option<Endpoint> = None;
        /// The site's own OpenTelemetry collector in place of a receiver, https://host:port: OTLP/HTTP with protobuf.
        collector: Option<Collector> = None;
        /// An HTTP proxy on the way there, http://host:port: TLS runs through it, end to end.
        proxy: Option<Proxy> = None;
        /// Whether batches are made for carried media too, with a receiver or without: headgate bundle export.
        bundles: bool = false;
        /// Where certificates and secrets are kept that were renewed over the link.
        directory: PathBuf = "/var/lib/headgate-uplink".into();
        /// Regions in which batches may be stored, such as eu, at most 16; nothing: the site does not say. Nothing is sent to a receiver whose certificate says none of them.
        regions: Regions = Regions::default();
        /// First wait after a failure, seconds; it doubles with each further failure.
        retry_min: Bounded<1, 3_600> = Bounded::of(1);
        /// Longest wait after a failure, seconds.
        retry_max: Bounded<1, 86_400> = Bounded::of(300);
        /// A receiver that does not answer for so long has failed, seconds.
        timeout: Bounded<1, 600> = Bounded::of(30);
    }
}

described! {
    /// `[credentials]`
    Credentials {
        /// Directory used where the service manager hands over none.
        directory: PathBuf = "/etc/headgate/credentials".into();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load_text(text: &str) -> Result<Headgate, String> {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("headgate.toml");
        std::fs::write(&file, text).unwrap();
        load(&file).map_err(|e| e.to_string().replace(directory.path().to_str().unwrap(), ""))
    }

    #[test]
    fn an_empty_file_is_the_defaults() {
        assert_eq!(load_text("").unwrap().store.max_mib.get(), 512);
    }

    #[test]
    fn an_unknown_key_is_named_with_its_place_and_what_is_allowed() {
        let error = load_text("[store]\nmax_mb = 5\n").unwrap_err();
        assert!(error.starts_with("/headgate.toml:2:1: unknown field `max_mb`, expected one of"), "{error}");
        assert!(error.contains("max_mib"), "{error}");
    }

    #[test]
    fn a_number_out_of_range_is_named_with_the_range() {
        let error = load_text("[flows]\nidle_timeout = 0\n").unwrap_err();
        assert_eq!(error, "/headgate.toml:2:16: 0 is out of range, use 1 to 3600");
    }

    #[test]
    fn an_interface_with_a_slash_is_refused() {
        let error = load_text("[capture]\ninterfaces = [\"eth0\", \"../x\"]\n").unwrap_err();
        assert!(error.starts_with("/headgate.toml:2:"), "{error}");
        assert!(error.contains("is not an interface name"), "{error}");
    }

    #[test]
    fn a_region_in_capitals_is_refused_with_its_place() {
        let error = load_text("[uplink]\nregions = [\"EU\"]\n").unwrap_err();
        assert!(error.starts_with("/headgate.toml:2:11: "), "{error}");
        let many = format!("[uplink]\nregions = {:?}\n", vec!["eu"; 17]);
        assert!(load_text(&many).unwrap_err().contains("at most 16"));
        assert_eq!(load_text("[uplink]\nregions = [\"eu\"]\n").unwrap().uplink.regions.names(), ["eu"]);
    }

    #[test]
    fn a_collector_elsewhere_has_tls_and_is_the_only_way_out() {
        let load = |uplink: &str| load_text(&format!("[uplink]\n{uplink}\n"));
        let collector = |text: &str| load(text).unwrap().uplink.collector.unwrap();
        let tls = collector("collector = \"https://otel.example:4318\"");
        assert!(tls.is_tls() && tls.endpoint().unwrap().host() == "otel.example");
        for local in ["http://127.0.0.1:4318", "http://[::1]:4318", "http://localhost:4318"] {
            assert!(!collector(&format!("collector = {local:?}")).is_tls());
        }
        for refused in
            ["http://otel.example:4318", "otel.example:4318", "https://otel.example", "https://a:1/v1"]
        {
            let error = load(&format!("collector = {refused:?}")).unwrap_err();
            assert!(
                error.starts_with("/headgate.toml:2:13: ") && error.contains("https://host:port"),
                "{error}"
            );
        }
        let both = load("collector = \"https://a:1\"\nreceiver = \"b:2\"").unwrap_err();
        assert!(both.contains("collector goes together with neither receiver nor bundles"), "{both}");
    }

    #[test]
    fn a_proxy_is_a_host_and_a_port_and_no_password() {
        let load = |proxy: &str| load_text(&format!("[uplink]\nproxy = {proxy:?}\n"));
        for (proxy, host) in [("http://proxy.example:3128", "proxy.example"), ("http://[::1]:8080", "::1")] {
            assert_eq!(load(proxy).unwrap().uplink.proxy.unwrap().endpoint().unwrap().host(), host);
        }
        for refused in [
            "https://proxy.example:3128",
            "proxy.example:3128",
            "http://proxy.example",
            "http://proxy.example:3128/",
            "http://user@proxy.example:3128",
            "http://user:sesame@proxy.example:3128",
        ] {
            let error = load(refused).unwrap_err();
            assert!(
                error.starts_with("/headgate.toml:2:9: ") && error.contains("http://host:port"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_receiver_without_a_port_is_refused() {
        assert!(load_text("[uplink]\nreceiver = \"example.org\"\n").unwrap_err().contains("host:port"));
        let host = load_text("[uplink]\nreceiver = \"[::1]:8443\"\n").unwrap().uplink.receiver.unwrap();
        assert_eq!(host.host(), "::1");
    }

    #[test]
    fn drop_ins_replace_single_keys_in_order() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("headgate.toml");
        std::fs::write(&file, "[store]\nmax_mib = 100\nbatch_records = 7\n").unwrap();
        let drop_ins = directory.path().join("headgate.toml.d");
        std::fs::create_dir(&drop_ins).unwrap();
        std::fs::write(drop_ins.join("20.toml"), "[store]\nmax_mib = 300\n").unwrap();
        std::fs::write(drop_ins.join("10.toml"), "[store]\nmax_mib = 200\n").unwrap();
        let store = load(&file).unwrap().store;
        assert_eq!((store.max_mib.get(), store.batch_records.get()), (300, 7));
    }

    /// A directory that this user may not read once counted as none, and what it narrowed was lost.
    #[test]
    fn drop_ins_that_cannot_be_read_are_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("headgate.toml");
        std::fs::write(&file, "").unwrap();
        // Not a directory: as unreadable for root as for anyone.
        std::fs::write(directory.path().join("headgate.toml.d"), "").unwrap();
        assert!(load(&file).unwrap_err().to_string().ends_with("headgate.toml.d: cannot be read"));
    }
}
