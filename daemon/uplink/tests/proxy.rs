//! The way through a proxy: who is asked for what, what goes through, and what each refusal is called.

#[cfg(test)]
mod support;

use rustls::NamedGroup;

use support::{
    APPLIANCE, Collector, Manner, Proxy, Receiver, Site, Uplink, free_port, open_batch, sequences, until,
};

const OPEN: Manner = Manner::Tunnel("HTTP/1.1 200 Connection established\r\n\r\n");

fn receiver(site: &Site) -> Receiver {
    Receiver::start(0, site.authority.server("127.0.0.1", false), site.authority.der())
}

fn run(site: &Site, receiver: u16, proxy: u16) -> Uplink {
    Uplink::start(
        site.config_with(&format!(
            "receiver = \"127.0.0.1:{receiver}\"\nproxy = \"http://127.0.0.1:{proxy}\"\n"
        )),
    )
}

fn is_in(needle: &[u8], octets: &[u8]) -> bool {
    octets.windows(needle.len()).any(|window| window == needle)
}

#[test]
fn batches_go_through_one_tunnel_and_the_proxy_sees_tls_alone() {
    let site = Site::new();
    let (receiver, proxy) = (receiver(&site), Proxy::start(OPEN));
    let store = site.store(5);
    let uplink = run(&site, receiver.port, proxy.port);
    until("all receipts", || store.receipted() == sequences(1, 5));
    let target = format!("127.0.0.1:{}", receiver.port);
    assert_eq!(proxy.asked(), [format!("CONNECT {target} HTTP/1.1\r\nhost: {target}\r\n\r\n")]);
    assert_eq!(receiver.connections(), 1);
    let through = proxy.through();
    // A record of a handshake (RFC 8446, 5.1).
    assert_eq!(through[..2], [22, 3]);
    for clear in [APPLIANCE.as_bytes(), b"/v1/batches", &[3; 100]] {
        assert!(!is_in(clear, &through), "{clear:?}");
    }
    uplink.stop().unwrap();
}

#[test]
fn any_2xx_opens_the_tunnel_whatever_length_it_names() {
    for answer in ["HTTP/1.0 200 OK\r\nVia: x\r\n\r\n", "HTTP/1.1 201 So be it\r\nContent-Length: 7\r\n\r\n"]
    {
        let site = Site::new();
        let (receiver, proxy) = (receiver(&site), Proxy::start(Manner::Tunnel(answer)));
        let store = site.store(2);
        let _uplink = run(&site, receiver.port, proxy.port);
        until(answer, || store.receipted() == [1, 2]);
    }
}

#[test]
fn a_proxy_that_opens_no_tunnel_is_a_problem_of_its_own_and_nothing_goes_round_it() {
    let site = Site::new();
    let (receiver, proxy) = (receiver(&site), Proxy::start(Manner::Nothing));
    let store = site.store(1);
    let _uplink = run(&site, receiver.port, proxy.port);
    let cases = [
        (Manner::Nothing, "the proxy did not open a tunnel in time"),
        (
            Manner::Say("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"),
            "the proxy answered 403 to CONNECT",
        ),
        (
            Manner::Say("HTTP/1.1 407 Authenticate\r\nProxy-Authenticate: Basic realm=\"x\"\r\n\r\n"),
            "the proxy wants a login (407)",
        ),
        (Manner::Say("HTTP/1.1 502 Bad Gateway\r\n\r\n"), "the proxy answered 502 to CONNECT"),
        (Manner::Say("HTTP/1.1 204 Nothing\r\n\r\n"), "the proxy answered 204 to CONNECT"),
        (Manner::Say("SSH-2.0-OpenSSH_9.2\r\n"), "what the proxy answers is not HTTP"),
        (Manner::Say(""), "the proxy ended the connection without an answer"),
        (Manner::Say("HTTP/1.1 200 OK\r\nX: "), "the proxy ended the connection without an answer"),
        // What opens is no receiver: TLS says so, not the proxy.
        (Manner::Say("HTTP/1.1 200 OK\r\n\r\n<html>"), "receiver does not speak TLS 1.3 as it must"),
    ];
    for (manner, problem) in cases {
        proxy.manner(manner);
        let before = store.states().len();
        until(problem, || store.states().iter().skip(before).any(|(_, said, _)| said.contains(problem)));
    }
    assert!(proxy.given_up() > 0, "a proxy that says nothing is let go");
    assert_eq!((receiver.connections(), store.receipted().len()), (0, 0));
    proxy.manner(OPEN);
    until("receipt", || store.receipted() == [1]);
}

#[test]
fn a_head_without_end_is_given_up() {
    let site = Site::new();
    let endless: &'static str = format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(1 << 20)).leak();
    let (receiver, proxy) = (receiver(&site), Proxy::start(Manner::Nothing));
    let store = site.store(1);
    let _uplink = run(&site, receiver.port, proxy.port);
    proxy.manner(Manner::Say(endless));
    until("not HTTP", || store.has_state("what the proxy answers is not HTTP"));
}

#[test]
fn a_proxy_that_is_not_there_is_named_and_not_the_receiver() {
    let site = Site::new();
    let receiver = receiver(&site);
    let store = site.store(1);
    let _uplink = run(&site, receiver.port, free_port());
    until("refusal", || {
        store.has_state("no connection to the proxy: connection refused; check uplink.proxy")
    });
    assert_eq!(receiver.connections(), 0);
}

#[test]
fn a_proxy_that_ends_tls_itself_gets_nothing() {
    let (site, theirs) = (Site::new(), Site::new());
    // It tunnels, but the one it tunnels to is of its own authority.
    let inspecting = Receiver::start(0, theirs.authority.server("127.0.0.1", false), site.authority.der());
    let proxy = Proxy::start(OPEN);
    let store = site.store(1);
    let _uplink = run(&site, inspecting.port, proxy.port);
    until("refusal", || store.has_state("receiver's certificate is from an unknown authority"));
    assert!(inspecting.clients().is_empty() && store.receipted().is_empty());
}

#[test]
fn a_collector_is_reached_through_the_proxy_over_tls_and_one_on_this_machine_without_it() {
    for is_tls in [true, false] {
        let site = Site::new();
        let collector = Collector::start(&site, is_tls);
        let proxy = Proxy::start(OPEN);
        let store = site.store(0);
        store.push_open(&open_batch(1));
        let scheme = if is_tls { "https" } else { "http" };
        let uplink = Uplink::start(site.config_with(&format!(
            "collector = \"{scheme}://127.0.0.1:{}\"\nproxy = \"http://127.0.0.1:{}\"\n",
            collector.port, proxy.port
        )));
        until("a yes", || store.taken() == [1]);
        uplink.stop().unwrap();
        assert_eq!(proxy.asked().len(), usize::from(is_tls));
        assert_eq!(collector.group(), is_tls.then_some(NamedGroup::X25519MLKEM768));
    }
}
