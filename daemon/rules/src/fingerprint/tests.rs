use super::*;

fn parse(text: &str) -> Result<Fingerprints, RuleError> {
    Fingerprints::parse(&[("fingerprints.toml".into(), text.into())])
}

fn shipped(request: &Request) -> (String, String) {
    let Identity { os_class, device_kind } = Fingerprints::shipped().identify(request);
    (os_class.unwrap_or_default(), device_kind.unwrap_or_default())
}

fn vendor(class: &str) -> Request {
    Request { vendor_class: Some(class.into()), ..Request::default() }
}

fn parameters(list: &[u8]) -> Request {
    Request { parameters: list.to_vec(), ..Request::default() }
}

#[test]
fn the_shipped_set_is_good_and_no_rule_of_it_is_hidden_by_an_earlier_one() {
    let set = parse(SHIPPED).unwrap();
    assert!(set.len() > 50 && set == Fingerprints::shipped());
    for (at, rule) in set.0.iter().enumerate() {
        let when = &rule.when;
        let list = |list: &Option<List<u8>>| match list {
            Some(List::Exact(list) | List::Prefix(list)) => list.clone(),
            None => Vec::new(),
        };
        let requests = match &when.requests {
            Some(List::Exact(list) | List::Prefix(list)) => list.clone(),
            None => Vec::new(),
        };
        let example = Request {
            vendor_class: when.vendor_class.clone(),
            parameters: list(&when.parameters),
            user_classes: when.user_class.iter().cloned().collect(),
            architectures: when.architectures.clone().unwrap_or_default(),
            requests,
            enterprises: when.enterprise.into_iter().collect(),
            duid_enterprise: when.duid_enterprise,
        };
        assert!(when.hold(&example));
        let earlier = Fingerprints(set.0.get(..at).unwrap().to_vec()).identify(&example);
        let says_more = (earlier.os_class.is_none() && rule.then.os_class.is_some())
            || (earlier.device_kind.is_none() && rule.then.device_kind.is_some());
        assert!(says_more, "hidden: {rule:?}");
    }
}

#[test]
fn the_shipped_set_knows_the_common_clients() {
    let table = [
        (vendor("MSFT 5.0"), "windows", "computer"),
        (vendor("MSFT 5.0 XBOX"), "windows", "game-console"),
        (vendor("android-dhcp-14"), "android", "mobile"),
        (vendor("dhcpcd-9.4.1:Linux-5.10:x86_64:GenuineIntel"), "linux", ""),
        (Request { architectures: vec![7], ..vendor("MSFT 5.0") }, "windows", "computer"),
        (Request { architectures: vec![7], ..Request::default() }, "boot-firmware", "computer"),
        (vendor("udhcp 1.36.1"), "embedded-linux", ""),
        (vendor("PXEClient:Arch:00007:UNDI:003016"), "boot-firmware", "computer"),
        (vendor("Cisco Systems, Inc. IP Phone CP-8845"), "", "phone"),
        (vendor("Cisco AP c2800"), "", "access-point"),
        (vendor("yealink"), "", "phone"),
        (vendor("Polycom-VVX410"), "", "phone"),
        (vendor("Hewlett-Packard JetDirect"), "", "printer"),
        (parameters(&[1, 3, 6, 15, 31, 33, 43, 44, 46, 47, 119, 121, 249, 252]), "windows", "computer"),
        (parameters(&[1, 121, 3, 6, 15, 119, 252, 95, 44, 46]), "macos", "computer"),
        (parameters(&[1, 121, 3, 6, 15, 108, 114, 119, 252]), "ios", ""),
        (parameters(&[1, 28, 2, 3, 15, 6, 119, 12, 44, 47, 26, 121, 42]), "linux", ""),
        (parameters(&[1, 3, 6, 12, 15, 28, 42]), "embedded-linux", ""),
        (parameters(&[1, 3, 6]), "", ""),
        (Request { enterprises: vec![311], ..Request::default() }, "windows", "computer"),
        (Request { duid_enterprise: Some(43_793), ..Request::default() }, "linux", ""),
        (Request { user_classes: vec!["iPXE".into()], ..Request::default() }, "boot-firmware", "computer"),
        (Request::default(), "", ""),
    ];
    for (request, os_class, device_kind) in table {
        assert_eq!(shipped(&request), (os_class.into(), device_kind.into()), "{request:?}");
    }
}

#[test]
fn one_rule_may_say_the_system_and_another_the_kind() {
    let camera = Request { parameters: vec![1, 3, 6, 12, 15, 28, 42], ..vendor("AXIS,Network Camera,P3245") };
    assert_eq!(shipped(&camera), ("embedded-linux".into(), "camera".into()));
}

#[test]
fn all_conditions_of_a_rule_must_hold_and_a_list_is_compared_in_order() {
    let rules = parse(
        "[[fingerprint]]\nvendor_class = \"a\"\nparameters = [1, 3]\nos_class = \"x\"\n\
         [[fingerprint]]\nparameters_prefix = [1, 3]\nos_class = \"y\"\n",
    )
    .unwrap();
    let of = |class: &str, list: &[u8]| {
        rules.identify(&Request { parameters: list.to_vec(), ..vendor(class) }).os_class.unwrap_or_default()
    };
    let answers = [of("abc", &[1, 3]), of("b", &[1, 3]), of("a", &[1, 3, 6]), of("a", &[3, 1])];
    assert_eq!(answers, ["x", "y", "y", ""]);
}

#[test]
fn a_drop_in_has_its_way() {
    let file = |name: &str, class: &str| {
        (name.to_owned(), format!("[[fingerprint]]\nvendor_class = \"a\"\nos_class = \"{class}\"\n"))
    };
    let set =
        Fingerprints::parse(&[file("fingerprints.toml", "x"), file("fingerprints.toml.d/site.toml", "y")]);
    assert_eq!(set.unwrap().identify(&vendor("a")).os_class.as_deref(), Some("y"));
}

#[test]
fn a_mistake_is_named_with_its_place_and_what_is_allowed() {
    let table = [
        ("fingerprint = 1\n", "1:15: invalid type"),
        ("[[fingerprint]]\nvendor = \"a\"\n", "2:1: unknown field `vendor`, expected one of"),
        ("\n[[fingerprint]]\nos_class = \"x\"\n", "2:1: a fingerprint needs one of vendor_class"),
        ("[[fingerprint]]\nvendor_class = \"a\"\n", "1:1: a fingerprint says os_class"),
        ("[[fingerprint]]\nvendor_class = \"\"\nos_class = \"x\"\n", "2:16: a pattern has 1 to 255"),
        ("[[fingerprint]]\nvendor_class = \"a\"\nos_class = \"Big One\"\n", "3:12: \"Big One\" is no name"),
        ("[[fingerprint]]\nparameters = [256]\nos_class = \"x\"\n", "2:15: invalid value"),
        (
            "[[fingerprint]]\nparameters = [1]\nparameters_prefix = [1]\nos_class = \"x\"\n",
            "2:14: use parameters or",
        ),
    ];
    for (text, expected) in table {
        let error = parse(text).unwrap_err().to_string();
        assert!(error.starts_with(&format!("fingerprints.toml:{expected}")), "{text:?}: {error}");
    }
    let many = "[[fingerprint]]\nvendor_class = \"a\"\nos_class = \"x\"\n".repeat(MAX_FINGERPRINTS + 1);
    assert!(parse(&many).unwrap_err().to_string().ends_with("there can be 1024 fingerprints"));
}
