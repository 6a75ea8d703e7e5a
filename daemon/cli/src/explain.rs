//! `headgate rules explain`: which rule decides about a frame or a field, and where it stands.

use std::fmt::Write;
use std::io::{self, BufWriter, Write as _};
use std::ops::ControlFlow;
use std::path::Path;

use headgate_record::{Field, Kind, Treatment};
use headgate_rules::{Places, Rules};
use headgate_sensor::{Explanation, Fate, FieldFate, Ruled, Share, fate};
use serde_json::json;

use crate::dictionary::person;
use crate::error::CliError;
use crate::replay::settings_with_places;
use crate::show;

/// Explains the frames of a file with these numbers, or all. No value of a frame is shown.
pub(crate) fn frames(
    config_file: &Path,
    file: &Path,
    numbers: &[u64],
    as_json: bool,
) -> Result<(), CliError> {
    let (settings, rules, places) = settings_with_places(config_file)?;
    let mut out = BufWriter::new(io::stdout().lock());
    let mut printed = Ok(());
    let mut missing: Vec<u64> = numbers.to_vec();
    let read = headgate_sensor::explain(
        (&rules, &places),
        &settings,
        file,
        |number| numbers.is_empty() || numbers.contains(&number),
        |frame| {
            missing.retain(|number| *number != frame.number);
            printed = if as_json { write_json(&mut out, frame) } else { write_text(&mut out, frame) };
            let is_last = !numbers.is_empty() && missing.is_empty();
            if printed.is_err() || is_last { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        },
    );
    printed?;
    out.flush()?;
    read?;
    match missing.first() {
        Some(number) => Err(CliError::Nothing(format!("{} has no frame {number}", file.display()))),
        None => Ok(()),
    }
}

/// Explains fields by their names, and kinds of record by theirs.
pub(crate) fn fields(config_file: &Path, names: &[String], as_json: bool) -> Result<(), CliError> {
    let (_, rules, places) = settings_with_places(config_file)?;
    let mut wanted = Vec::new();
    for name in names {
        match (Kind::from_name(name), Field::from_name(name)) {
            (Some(kind), _) => wanted.extend(Field::of(kind)),
            (None, Some(field)) => wanted.push(field),
            (None, None) => return Err(CliError::Nothing(unknown(name))),
        }
    }
    let fates = wanted.iter().map(|field| (field.definition(), fate((&rules, &places), *field, None)));
    if as_json {
        let rows = fates.map(|(row, fate)| {
            json!({
                "field": fate.field, "source": row.source, "person": person(row.person),
                "collected": rules.collect().collects(row.kind), "collect": fate.collect,
                "released": rules.release().releases(row.kind), "release": fate.release,
            })
        });
        return show::json(&rows.collect());
    }
    let mut text = String::new();
    for (row, fate) in fates {
        let kind = row.kind.name();
        let gates =
            (places.kinds(headgate_rules::Gate::Collect), places.kinds(headgate_rules::Gate::Release));
        let collect = match rules.collect().collects(row.kind) {
            true => here(&fate.collect),
            false => format!("no {kind} record is kept ({})", gates.0),
        };
        let release = match rules.release().releases(row.kind) {
            true => away(&fate.release),
            false => format!("no {kind} record leaves ({})", gates.1),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}", row.name);
        let _ = writeln!(text, "  comes from         {}", row.source);
        let _ = writeln!(text, "  tells of a person  {}", person(row.person));
        let _ = writeln!(text, "  on this appliance  {collect}");
        let _ = writeln!(text, "  to the receiver    {release}");
        write_stations(&mut text, (&rules, &places), row.kind, &fate);
    }
    show::text(&text)
}

/// What groups of stations say of a field where that is less than what is said of all.
fn write_stations(text: &mut String, (rules, places): (&Rules, &Places), kind: Kind, fate: &FieldFate) {
    for (at, group) in rules.collect().stations().iter().enumerate() {
        let by = places.stations(at);
        let field = Field::from_name(fate.field);
        let treatment = field.and_then(|field| group.treatment(field));
        let is_group = treatment.unwrap_or(fate.release.treatment) == Treatment::Group;
        let what = match treatment.filter(|treatment| *treatment != fate.release.treatment) {
            _ if rules.collect().collects(kind) && !group.collects(kind) => {
                format!("no {} record of them is kept ({by})", kind.name())
            }
            _ if rules.release().releases(kind) && !group.releases(kind) => {
                format!("no {} record of them leaves ({by})", kind.name())
            }
            _ if is_group && let Some(size) = group.group_size() => {
                format!("leaves where {size} stations have it ({by})")
            }
            Some(treatment) => away(&Fate { treatment, by, ..fate.release.clone() }),
            None => continue,
        };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  of {:15} {what}", group.name());
    }
}

fn unknown(name: &str) -> String {
    let kind = name.split_once('.').and_then(|(kind, _)| Kind::from_name(kind));
    let known: Vec<&str> = match kind {
        Some(kind) => Field::of(kind).map(Field::name).collect(),
        None => Kind::ALL.iter().map(|kind| kind.name()).collect(),
    };
    format!("{name:?} is no field and no kind of record; there are {}", known.join(", "))
}

fn write_json(out: &mut impl io::Write, frame: &Explanation<'_>) -> Result<(), CliError> {
    serde_json::to_writer(&mut *out, frame).map_err(io::Error::from)?;
    Ok(out.write_all(b"\n")?)
}

fn write_text(out: &mut impl io::Write, frame: &Explanation<'_>) -> Result<(), CliError> {
    let mut text = format!("frame {}", frame.number);
    for part in [frame.time.as_deref(), Some(frame.interface)].into_iter().flatten() {
        let _ = write!(text, ", {part}");
    }
    let _ = writeln!(text, ", {} octets", frame.wire_length);
    match &frame.excluded {
        Some(excluded) => {
            let _ = match (&excluded.entry, &excluded.at) {
                (Some(entry), Some(at)) => write!(text, "  Excluded by {} {entry:?} ({at})", excluded.by),
                _ => write!(
                    text,
                    "  Excluded by {}; what was captured does not tell by which entry",
                    excluded.by
                ),
            };
            if let Some(part) = excluded.part {
                let within = if excluded.within_tunnel { " within its tunnel" } else { "" };
                let _ = write!(text, ": it matches {part}{within}");
            }
            let _ = match excluded.decided_in {
                "nobody" => writeln!(text, ". The interface is not opened."),
                who => writeln!(text, ". Decided in {who}."),
            };
        }
        None => text.push_str("  Nothing under [exclude] matches it.\n"),
    }
    if let Some(rule) = &frame.rule {
        write_rule(&mut text, rule);
    }
    if let Some(limit) = &frame.headers_only {
        let _ = writeln!(
            text,
            "  No more than its headers is read, by {} {:?} ({}): it matches {}. Decided in {}.",
            limit.by,
            limit.entry.as_deref().unwrap_or_default(),
            limit.at.as_deref().unwrap_or_default(),
            limit.part.unwrap_or_default(),
            limit.decided_in
        );
    }
    let ending = frame.rule.as_ref().filter(|rule| matches!(rule.collect, "none" | "counts"));
    let ended_in = frame.excluded.as_ref().map(|e| e.decided_in).or(ending.map(|rule| rule.decided_in));
    let _ = match (frame.handed_over, ended_in) {
        (_, Some("nobody")) => Ok(()),
        (Some(octets), Some("the kernel")) => writeln!(
            text,
            "  The kernel hands over {octets} octets of its MAC addresses: their number is the reason."
        ),
        (Some(octets), Some(_)) => writeln!(
            text,
            "  The kernel hands over {octets} of {} octets; the collect gate ends them.",
            frame.wire_length
        ),
        (Some(octets), None) => {
            let layers = frame.layers.join(", ");
            writeln!(text, "  The kernel hands over {octets} of {} octets: {layers}.", frame.wire_length)
        }
        (None, _) if frame.counted_as.is_none() => {
            writeln!(text, "  Its link type is not read; nothing of it is used.")
        }
        (None, _) => writeln!(
            text,
            "  Not Ethernet: the kernel decides nothing of it. Read: {}.",
            frame.layers.join(", ")
        ),
    };
    if let Some(counted) = frame.counted_as {
        let _ = writeln!(text, "  Counted in {counted}.");
    }
    if frame.records.is_empty() {
        text.push_str("  It adds to no other record.\n");
    }
    for share in &frame.records {
        write_share(&mut text, share);
    }
    Ok(out.write_all(text.as_bytes())?)
}

fn write_rule(text: &mut String, rule: &Ruled) {
    let what = match rule.collect {
        "none" => "nothing of it is collected",
        "counts" => "its number and octets are counted under this name, and nothing else of it is collected",
        "headers" => "no more than its headers is read",
        _ => "its headers and control protocols are read",
    };
    let of = match (rule.of_named, rule.within_tunnel) {
        (true, _) => ", for a station or address that its message names",
        (false, true) => ", for what is within its tunnel",
        (false, false) => "",
    };
    let matches = match &rule.conditions[..] {
        [] => "It has no condition and so matches every frame".to_owned(),
        conditions => format!("It matches by {}{of}", conditions.join(", ")),
    };
    let Ruled { name, collect, at, decided_in, .. } = rule;
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "  Rule {name:?} ({at}) decides, collect = {collect:?}: {what}. {matches}. Decided in {decided_in}."
    );
}

fn write_share(text: &mut String, share: &Share) {
    let kind = share.kind;
    let of = share.stations.as_ref().map(|name| format!(" of the stations {name:?}")).unwrap_or_default();
    if !share.collected {
        let _ = writeln!(
            text,
            "  It would add to a {kind} record{of}, and none is kept ({}).",
            share.collected_by
        );
        return;
    }
    let _ = write!(text, "  It adds to a {kind} record{of}, which is kept ({})", share.collected_by);
    let _ = match share.withheld {
        None => writeln!(text, " and may leave ({}):", share.released_by),
        Some(headgate_rules::RANDOMISED_MAC) => {
            writeln!(
                text,
                "; nothing of it leaves, as its MAC address is randomised ({}):",
                share.released_by
            )
        }
        Some(_) => writeln!(text, "; none leaves ({}):", share.released_by),
    };
    let name = |fate: &FieldFate| {
        fate.field.strip_prefix(kind).unwrap_or(fate.field).trim_start_matches('.').to_owned()
    };
    let rows: Vec<[String; 3]> = share
        .fields
        .iter()
        .map(|fate| {
            let leaves = if share.withheld.is_none() { away(&fate.release) } else { String::new() };
            [name(fate), here(&fate.collect), leaves]
        })
        .collect();
    let width = |at: usize| rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count()).max();
    let (first, second) = (width(0).unwrap_or(0), width(1).unwrap_or(0));
    for [field, here, away] in &rows {
        let _ = writeln!(text, "{}", format!("    {field:first$}  {here:second$}  {away}").trim_end());
    }
}

/// What the collect gate does, in words.
fn here(fate: &Fate) -> String {
    let what = match fate.treatment {
        Treatment::Keep => "kept".into(),
        Treatment::Drop => "dropped".into(),
        Treatment::Pseudonym => "a pseudonym is kept".into(),
        Treatment::Truncate => format!("its {} is kept", networks(fate)),
        Treatment::Class => "its leading word is kept".into(),
        Treatment::Infrastructure => "kept of infrastructure, dropped of others".into(),
        Treatment::InfrastructureOrPseudonym => "kept of infrastructure, a pseudonym of others".into(),
        Treatment::Group => "kept of large groups".into(),
    };
    format!("{what} ({})", fate.by)
}

/// What the release gate does, in words.
fn away(fate: &Fate) -> String {
    let what = match fate.treatment {
        Treatment::Keep => "leaves".into(),
        Treatment::Drop => "does not leave".into(),
        Treatment::Pseudonym => "leaves as a pseudonym".into(),
        Treatment::Truncate => format!("its {} leaves", networks(fate)),
        Treatment::Class => "its leading word leaves".into(),
        Treatment::Infrastructure => "leaves of infrastructure only".into(),
        Treatment::InfrastructureOrPseudonym => "leaves of infrastructure, of others as a pseudonym".into(),
        Treatment::Group => "leaves where group_size stations have it".into(),
    };
    format!("{what} ({})", fate.by)
}

fn networks(fate: &Fate) -> String {
    let network = |n: &headgate_sensor::Network| format!("/{} ({})", n.length, n.by);
    fate.networks.iter().map(network).collect::<Vec<_>>().join(" or ")
}
