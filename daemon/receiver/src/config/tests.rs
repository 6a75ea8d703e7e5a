use super::*;

fn load_text(text: &str) -> Result<Config, String> {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("receiver.toml");
    std::fs::write(&file, text).unwrap();
    Config::load(&file).map_err(|e| e.to_string().replace(directory.path().to_str().unwrap(), ""))
}

#[test]
fn the_shipped_file_is_the_defaults() {
    let shipped = toml::from_str(crate::init::TEMPLATE).unwrap();
    let place = Path::new("/etc/headgate");
    assert_eq!(resolve(shipped, place), resolve(File::default(), place));
}

const UNIT: &str = include_str!("../../../../systemd/headgate-receiver.service");

/// The names that the unit hands over, each with the file that it takes.
fn handed_over() -> Vec<(&'static str, &'static str)> {
    UNIT.lines().filter_map(|line| line.strip_prefix("LoadCredential=")?.split_once(':')).collect()
}

#[test]
fn the_default_path_is_the_units() {
    let condition = format!("ConditionPathExists={DEFAULT_PATH}");
    assert!(UNIT.lines().any(|line| line == condition), "{condition}");
    assert!(handed_over().contains(&("receiver.toml", DEFAULT_PATH)));
}

/// So that a name means the same to the unit, where it is relative to the credentials, and to `import`, which root runs beside the files.
#[test]
fn the_unit_hands_over_every_file_that_the_shipped_file_names() {
    let directory = Path::new(DEFAULT_PATH).parent().unwrap();
    let handed = handed_over();
    for (name, file) in &handed {
        assert_eq!(Path::new(file), directory.join(name), "one name for both");
    }
    let words = crate::init::TEMPLATE.split(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '.');
    let ends = [".key", ".crt", ".creds"];
    let named = words
        .map(|word| word.trim_end_matches('.'))
        .filter(|w| ends.iter().any(|end| w.ends_with(end) && w != end));
    // Whoever signs by hand needs that one, and the receiver that runs does not.
    let named: Vec<&str> = named.filter(|name| *name != AUTHORITY_KEY).collect();
    assert!(named.len() >= 12, "{named:?}");
    for name in named {
        assert!(handed.iter().any(|(of, _)| *of == name), "{name} is handed over");
    }
    // A file that is not there is no reason not to start, but for those that every receiver has.
    for (name, _) in handed {
        let always =
            ["receiver.toml", "server.crt", "server.key", "authority.crt", "receipt.key", "seal.key"];
        let absent = format!("SetCredential={name}:absent");
        assert_eq!(always.contains(&name), !UNIT.lines().any(|line| line == absent), "{name}");
    }
}

#[test]
fn the_shipped_file_has_every_key() {
    let table: toml::Table = toml::from_str(crate::init::TEMPLATE).unwrap();
    let keys: usize = table.values().map(|section| section.as_table().unwrap().len()).sum();
    // And `region`, `listen` of `[enrolment]`, `[status]` and `[export]`, and the files of `[jetstream]`, which have no default.
    assert_eq!(keys, 23);
}

#[test]
fn an_unknown_key_is_named_with_its_place_and_what_is_allowed() {
    let error = load_text("[server]\nport = 5\n").unwrap_err();
    assert!(error.starts_with("/receiver.toml:2:1: unknown field `port`, expected one of"), "{error}");
}

#[test]
fn a_listen_address_without_a_port_is_refused_with_its_place() {
    let error = load_text("[server]\nlisten = \"localhost\"\n").unwrap_err();
    assert!(error.starts_with("/receiver.toml:2:10: "), "{error}");
}

#[test]
fn no_sealing_key_and_too_many_are_refused_with_their_place() {
    for keys in [vec![], vec!["seal.key"; 9]] {
        let error = load_text(&format!("[sealing]\nkeys = {keys:?}\n")).unwrap_err();
        assert!(error.starts_with("/receiver.toml:2:8: name 1 to 8"), "{error}");
    }
}

#[test]
fn a_status_address_off_this_machine_is_refused_unless_that_is_meant() {
    let status = |text: &str| load_text(&format!("[status]\n{text}\n")).map(|config| config.status);
    assert_eq!(status(""), Ok(None));
    for local in ["127.0.0.1:9464", "[::1]:9464"] {
        assert_eq!(status(&format!("listen = \"{local}\"")), Ok(Some(local.parse().unwrap())));
    }
    for far in ["0.0.0.0:9464", "[::]:9464", "192.0.2.1:9464"] {
        let listen = format!("listen = \"{far}\"");
        let error = status(&listen).unwrap_err();
        assert!(error.starts_with("/receiver.toml:1:1: [status] listen: ") && error.contains(far), "{error}");
        let meant = format!("{listen}\nbeyond_loopback = true");
        assert_eq!(status(&meant), Ok(Some(far.parse().unwrap())));
    }
}

#[test]
fn days_that_are_none_are_refused_with_their_place() {
    for days in ["0", "3651", "-1", "\"60\""] {
        let error = load_text(&format!("[retention]\ndays = {days}\n")).unwrap_err();
        assert!(error.starts_with("/receiver.toml:2:8: "), "{error}");
    }
    assert_eq!(load_text("").unwrap().retention_days, 60);
}

#[test]
fn a_cluster_off_this_machine_is_refused_without_tls() {
    let cluster = |text: &str| {
        let text = format!("[engine]\nstore = \"jetstream\"\n[jetstream]\n{text}\n");
        load_text(&text).map(|config| config.engine)
    };
    let Ok(Engine::JetStream(near)) = cluster("") else { panic!("a cluster") };
    assert_eq!((near.servers, near.replicas), (vec!["127.0.0.1:4222".to_owned()], 3));
    let error = cluster("servers = [\"127.0.0.1:1\", \"nats-2.example:4222\"]").unwrap_err();
    assert!(error.contains("nats-2.example:4222 is not on this machine"), "{error}");
    assert!(cluster("servers = [\"nats-2.example:4222\"]\nauthority = \"nats.crt\"").is_ok());
    for wrong in [
        "servers = []",
        "servers = [\"x\"]",
        "servers = [\"nats://a@b:1\"]",
        "certificate = \"c\"",
        "stream = \"a.b\"",
        "replicas = 0",
    ] {
        assert!(cluster(wrong).is_err(), "{wrong}");
    }
    assert_eq!(load_text("").unwrap().engine, Engine::Sqlite);
}

#[test]
fn names_are_relative_to_the_file() {
    let config = load_text("[database]\nfile = \"/var/db/x\"\n").unwrap();
    assert_eq!(config.database, Path::new("/var/db/x"));
    assert!(config.key.is_absolute() && config.key.ends_with("server.key"));
}

/// Once it had no server at all.
#[test]
fn a_cluster_that_is_named_and_not_described_is_the_one_on_this_machine() {
    let config = load_text("[engine]\nstore = \"jetstream\"\n").unwrap();
    let Engine::JetStream(cluster) = config.engine else { panic!("another engine") };
    assert_eq!(cluster.servers, ["127.0.0.1:4222"]);
    assert_eq!((cluster.stream.as_str(), cluster.replicas), ("HEADGATE", 3));
}
