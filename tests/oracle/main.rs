//! Every field that Headgate reads, beside what tshark reads of the same frames.
// A test fails by panicking, and this one says how much it compared.
#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

#[path = "../support/mod.rs"]
mod support;

mod captures;
mod check;
mod compare;
mod conversations;
mod differences;
mod fields;
mod form;
mod made;
mod packets;
mod pdml;

use std::collections::{BTreeMap, BTreeSet};

use check::Layer;
use compare::{Compared, Finding, Place, UNREAD_LINKS};
use differences::DIFFERENCES;

#[test]
fn every_field_is_as_tshark_reads_it() {
    let directory = tempfile::tempdir().unwrap();
    let list = [captures::all(), made::captures(directory.path())].concat();
    let tables = fields::tables();
    let wanted = fields::wanted(&tables);
    let missing: Vec<_> = wanted.difference(&pdml::names()).cloned().collect();
    assert!(missing.is_empty(), "no fields of tshark: {missing:?}");
    let (mut frames, mut empty, mut malformed) = (0_u64, 0_u64, 0_u64);
    let (mut compared, mut findings) = (Compared::default(), Vec::new());
    let refused = captures::pairs(&list, &wanted, |pair| {
        frames += 1;
        let ours = &pair.ours;
        empty += u64::from(ours["captured_length"] == 0);
        malformed += u64::from(!pair.theirs.faults.is_empty() || !ours["malformed"].is_null());
        let place = Place { capture: captures::name(&list[pair.capture]).to_owned(), frame: pair.number };
        findings.extend(compare::frame(place, ours, &pair.theirs, &tables, &mut compared));
    });
    println!(
        "{} files; {} more are of a link type unknown to tshark: {refused:?}",
        list.len() - refused.len(),
        refused.len()
    );
    println!("{frames} frames: {empty} without an octet, {malformed} malformed or cut for one of both");
    let fields: BTreeSet<_> = compared.seen.iter().map(|(number, _)| number).collect();
    println!("{} fields, {} values compared", fields.len(), compared.values);
    println!("{} packets within tunnels compared", compared.inner);
    println!("{} layers or ends of lists missing where one of both is malformed or cut", compared.missing);
    let has_corpus = list.len() > 100;
    let unknown = report(&findings, has_corpus);
    assert!(unknown.is_empty(), "{} differences that are not listed:\n{}", unknown.len(), unknown.join("\n"));
    let vain = vain(&tables, &compared);
    assert!(!has_corpus || vain.is_empty(), "{}", vain.join("\n"));
}

/// Over the captures without what Headgate and tshark count in different ways; see [`captures::is_plain`].
#[test]
fn flows_have_the_packets_and_octets_that_tshark_counts() {
    let plain: Vec<_> = captures::plain(&captures::all());
    let directory = tempfile::tempdir().unwrap();
    let merged = directory.path().join("merged.pcapng");
    assert!(captures::merge(&plain, &merged).is_empty());
    let (ours, theirs) = (conversations::by_headgate(&merged), conversations::by_tshark(&merged));
    let (mut unequal, mut packets) = (Vec::new(), 0);
    for ends in ours.keys().chain(theirs.keys().filter(|ends| !ours.contains_key(ends))) {
        let none = Default::default();
        let (one, other) = (ours.get(ends).unwrap_or(&none), theirs.get(ends).unwrap_or(&none));
        let agree = one.iter().zip(other).all(|(one, other)| one.0 == other.0 && one.1.agrees(other.1));
        packets += one[0].0 + one[1].0;
        if !agree {
            unequal.push(format!("{ends:?}: ours {one:?}, theirs {other:?}"));
        }
    }
    println!("{} files, {} conversations with {packets} packets", plain.len(), ours.len());
    assert!(unequal.is_empty(), "{} conversations differ:\n{}", unequal.len(), unequal.join("\n"));
}

/// Prints how often each listed difference occurs, and gives what is not listed or no longer occurs.
fn report(findings: &[Finding], has_corpus: bool) -> Vec<String> {
    let mut unknown = Vec::new();
    let mut known: BTreeMap<usize, BTreeSet<_>> = BTreeMap::new();
    for finding in findings {
        let Finding { field, place, ours, theirs } = finding;
        match DIFFERENCES.iter().position(|difference| difference.explains(finding)) {
            Some(index) => _ = known.entry(index).or_default().insert((&place.capture, place.frame)),
            None => unknown.push(format!("{place}: {field}: ours {ours:?}, theirs {theirs:?}")),
        }
    }
    for (index, difference) in DIFFERENCES.iter().enumerate() {
        let places = known.remove(&index).unwrap_or_default();
        println!("{} times {} {}: {}", places.len(), difference.field, difference.capture, difference.reason);
        if has_corpus && places.len() < difference.frames.len().max(1) {
            unknown
                .push(format!("{} {} no longer occurs in each frame", difference.field, difference.capture));
        }
    }
    unknown
}

/// What is looked for in vain: checks, and link types that are not read.
fn vain(tables: &[Layer], compared: &Compared) -> Vec<String> {
    let checks = tables.iter().flat_map(|layer| layer.checks.iter().map(|check| (layer.ours, check)));
    let names = checks.enumerate().flat_map(|(number, (layer, check))| {
        check.places().chain(check.names()).map(move |name| (number, layer, name))
    });
    let vain = names.filter(|(number, _, name)| !compared.seen.contains(&(*number, name)));
    let unread = UNREAD_LINKS.iter().filter(|link| !compared.unread.contains(link));
    vain.map(|(_, layer, name)| format!("{layer}: {name} is never compared"))
        .chain(unread.map(|link| format!("link type {link} does not occur")))
        .collect()
}
