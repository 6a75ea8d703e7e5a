//! `rules.toml`: from text to [`Rules`].
//!
//! Several files are read in order: `rules.toml`, then its drop-ins. Exclusions add up; a field's
//! treatment is what the last file says. What is wrong is reported with its place, and nothing is
//! used of a set of files with an error.

use std::collections::BTreeMap;
use std::sync::Arc;

use headgate_record::{Field, Kind, Treatment};
use headgate_wire as wire;
use serde::Deserialize;
use toml::Spanned;

use crate::collect::CollectGate;
use crate::error::RuleError;
use crate::exclude::opt_out::{self, MAX_OPT_OUT_LISTS, OptOuts};
use crate::exclude::{ENDS, Exclusion, Exclusions, Match};
use crate::filter::{Keep, Left, Program, Scope, Tunnel, Tunnels, compile};
use crate::fingerprint::Fingerprints;
use crate::places::{ChoicePlaces, Gate, GatePlaces, Origin, Place, Places};
use crate::profile::Profile;
use crate::release::{DEFAULT_GROUP_SIZE, ReleaseGate};
use crate::rule::{Rule, RuleList, RuleMatch, RuleSet};
use crate::stations::StationGroups;
use crate::treat::{PrefixLengths, Treatments};

use self::choice::{ExcludeTable, Source, choose};
use self::requests::RequestsTable;
use self::rule::RuleTable;
use self::stations::{StationsDraft, StationsTable};

mod choice;
mod requests;
mod rule;
mod stations;

pub use self::requests::{MAX_CAPTURE_MINUTES, Requests};

/// Reads a list that a rule file names: see [`Rules::parse_with_lists`].
pub type ReadList<'a> = dyn Fn(&str) -> Result<(String, String), String> + 'a;

/// The effective rules of a site: both gates, the kernel filter, and how devices are told apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    pub(crate) collect: CollectGate,
    pub(crate) release: ReleaseGate,
    filter: Program,
    pub(crate) keep: Keep,
    fingerprints: Arc<Fingerprints>,
    pub(crate) requests: Requests,
}

impl Rules {
    /// Reads rule files: pairs of file name and text, in the order in which they apply.
    ///
    /// # Errors
    /// The first problem found.
    pub fn parse(files: &[(String, String)]) -> Result<Rules, RuleError> {
        Rules::parse_with_places(files).map(|(rules, _)| rules)
    }

    /// As [`Rules::parse`], with the places where the rules were said.
    ///
    /// # Errors
    /// The first problem found.
    pub fn parse_with_places(files: &[(String, String)]) -> Result<(Rules, Places), RuleError> {
        Rules::parse_with_lists(files, &|_| Err("no list is read here".into()))
    }

    /// As [`Rules::parse_with_places`], with opt-out lists: `read` is given the name of a list and gives the name of
    /// its file, as messages show it, and its text, or why it cannot be read.
    ///
    /// # Errors
    /// The first problem found.
    pub fn parse_with_lists(
        files: &[(String, String)],
        read: &ReadList<'_>,
    ) -> Result<(Rules, Places), RuleError> {
        let mut draft = Draft::default();
        for (name, text) in files {
            let source = Source { name, text };
            let file: File = toml::from_str(text)
                .map_err(|e| RuleError::at(name, text, e.span().map_or(0, |s| s.start), e.message()))?;
            draft.add(&source, file, read)?;
        }
        draft.finish()
    }

    /// The collect gate.
    #[must_use]
    pub fn collect(&self) -> &CollectGate {
        &self.collect
    }

    /// The release gate.
    #[must_use]
    pub fn release(&self) -> &ReleaseGate {
        &self.release
    }

    /// What whoever runs the receiver may ask for.
    #[must_use]
    pub fn requests(&self) -> &Requests {
        &self.requests
    }

    /// The kernel filter.
    #[must_use]
    pub fn filter(&self) -> &Program {
        &self.filter
    }

    /// The decision of [`Rules::filter`], made without running it.
    #[must_use]
    pub fn keep(&self) -> &Keep {
        &self.keep
    }

    /// Whether the kernel, and not the collect gate alone, limits a frame to its headers because of what
    /// [`CollectGate::headers_only`] found in it.
    #[must_use]
    pub fn limits_in_kernel(&self, found: &Match) -> bool {
        let left = Left { exclusion: found.exclusion, scope: Scope::HeadersOnly };
        !self.keep.left().contains(&left)
            && match found.exclusion {
                Exclusion::Vlan | Exclusion::Protocol => true,
                Exclusion::Mac => found.part == ENDS,
                Exclusion::Interface | Exclusion::Prefix | Exclusion::Rule => false,
            }
    }

    /// Whether the kernel, and not the collect gate alone, does with a frame what a rule says of it: `found` is the rule
    /// that decides about `packet`.
    #[must_use]
    pub fn rules_in_kernel(&self, packet: &wire::Packet<'_>, found: &RuleMatch) -> bool {
        // Of what is within a tunnel the kernel keeps headers in any case.
        let is_done = !found.within_tunnel || found.collect.ends();
        let first = self.collect.rules.find(packet, found.within_tunnel, RuleSet::ALL);
        is_done && !found.is_named && self.keep.rules().decides(found) && first == Some(*found)
    }

    /// How devices are told apart by their DHCP requests: the shipped set, unless it was replaced. It lets
    /// nothing be collected or released and so has no part in [`Rules::digest`].
    #[must_use]
    pub fn fingerprints(&self) -> &Arc<Fingerprints> {
        &self.fingerprints
    }

    /// The same rules with another set of fingerprints.
    #[must_use]
    pub fn with_fingerprints(self, fingerprints: Fingerprints) -> Rules {
        Rules { fingerprints: Arc::new(fingerprints), ..self }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    exclude: ExcludeTable,
    #[serde(default)]
    headers_only: ExcludeTable,
    #[serde(default)]
    rule: Vec<RuleTable>,
    #[serde(default)]
    stations: Vec<StationsTable>,
    #[serde(default)]
    collect: GateTable,
    #[serde(default)]
    release: GateTable,
    #[serde(default)]
    requests: RequestsTable,
}

type FieldTable = BTreeMap<Spanned<String>, Spanned<String>>;

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct GateTable {
    kinds: Option<Spanned<Vec<Spanned<String>>>>,
    ipv4_prefix: Option<Spanned<u8>>,
    ipv6_prefix: Option<Spanned<u8>>,
    /// At the collect gate only.
    tunnels: Option<Spanned<Vec<Spanned<String>>>>,
    /// These three at the release gate only.
    profile: Option<Spanned<String>>,
    randomised_macs: Option<Spanned<bool>>,
    group_size: Option<Spanned<u16>>,
    device: FieldTable,
    neighbor: FieldTable,
    lease: FieldTable,
    exchange: FieldTable,
    flow: FieldTable,
    counters: FieldTable,
    authentication: FieldTable,
    bridge: FieldTable,
}

/// What a file says of a field, and where: the octet of its text.
struct Said<'a> {
    treatment: Treatment,
    source: Source<'a>,
    at: usize,
}

impl Said<'_> {
    fn origin(&self) -> Origin {
        Origin::Said(Place::at(self.source.name, self.source.text, self.at))
    }
}

/// One gate, as far as the files have said.
#[derive(Default)]
struct GateDraft<'a> {
    kinds: Option<Vec<Kind>>,
    v4: Option<u8>,
    v6: Option<u8>,
    places: GatePlaces,
    fields: BTreeMap<Field, Said<'a>>,
}

/// Which gate a treatment at the release gate comes from.
enum Ground {
    Collect,
    Release,
}

#[derive(Default)]
struct Draft<'a> {
    exclusions: Exclusions,
    opt_outs: OptOuts,
    headers_only: Exclusions,
    rules: Vec<Rule>,
    places: [ChoicePlaces; 2],
    rule_places: Vec<Place>,
    stations: Vec<StationsDraft>,
    collect: GateDraft<'a>,
    release: GateDraft<'a>,
    profile: Profile,
    tunnels: Tunnels,
    randomised_macs: (bool, Option<Place>),
    group_size: Option<(u16, Place)>,
    requests: Requests,
}

impl<'a> Draft<'a> {
    fn add(&mut self, source: &Source<'a>, file: File, read: &ReadList<'_>) -> Result<(), RuleError> {
        let File { exclude, headers_only, rule, stations, collect, release, requests } = file;
        if let Some(said) = headers_only.opt_out_lists.first() {
            return Err(source.error(said, "opt_out_lists belongs under [exclude]".into()));
        }
        let [excluded, limited] = &mut self.places;
        choose(source, &exclude, (&mut self.exclusions, excluded))?;
        choose(source, &headers_only, (&mut self.headers_only, limited))?;
        for rule in rule {
            rule.read(source, (&mut self.rules, &mut self.rule_places))?;
        }
        for group in stations {
            group.read(source, &mut self.stations)?;
        }
        for said in exclude.opt_out_lists {
            let name = opt_out::name(said.get_ref()).map_err(|what| source.error(&said, what))?;
            if self.opt_outs.names().any(|known| known == name) {
                continue;
            }
            if self.opt_outs.names().count() >= MAX_OPT_OUT_LISTS {
                return Err(source.error(&said, format!("there can be {MAX_OPT_OUT_LISTS} opt-out lists")));
            }
            let unread =
                |why| source.error(&said, format!("the opt-out list {name:?} cannot be read: {why}"));
            let (file, text) = read(name).map_err(unread)?;
            self.opt_outs.add(name, &file, &text)?;
        }
        if let Some(tunnels) = &collect.tunnels {
            self.tunnels =
                tunnels.get_ref().iter().map(|name| tunnel(source, name)).collect::<Result<_, _>>()?;
        }
        if let Some(said) = &release.tunnels {
            return Err(source.error(said, "tunnels belongs under [collect]".into()));
        }
        if let Some(said) = &collect.randomised_macs {
            return Err(source.error(said, "randomised_macs belongs under [release]".into()));
        }
        if let Some(said) = &collect.group_size {
            return Err(source.error(said, "group_size belongs under [release]".into()));
        }
        if let Some(said) = &release.group_size {
            self.group_size = Some(stations::group_size(source, said)?);
        }
        if let Some(said) = &collect.profile {
            return Err(source.error(said, "profile belongs under [release]".into()));
        }
        if let Some(said) = &release.profile {
            self.profile = profile(source, said)?;
            self.release.places.profile = Some(source.place(said));
        }
        if let Some(released) = &release.randomised_macs {
            self.randomised_macs = (*released.get_ref(), Some(source.place(released)));
        }
        requests.read(source, &mut self.requests)?;
        self.collect.add(Gate::Collect, source, collect)?;
        self.release.add(Gate::Release, source, release)?;
        Ok(())
    }

    fn finish(self) -> Result<(Rules, Places), RuleError> {
        let whole_file = |what: String| RuleError { file: "rules".into(), line: 1, column: 1, what };
        let collected = Treatments::new(|f| {
            self.collect.fields.get(&f).map_or(f.definition().collect, |said| said.treatment)
        });
        // What a file asks of the release gate beyond its profile must not be wider than what is
        // collected; the profile itself narrows with the collect gate.
        let profile = self.profile;
        let asked =
            |f: Field| self.release.fields.get(&f).filter(|said| said.treatment != profile.treatment(f));
        for field in Field::ALL {
            let collect = collected.of(*field);
            let Some(Said { treatment, source, at }) = asked(*field) else { continue };
            if !treatment.is_within(collect) {
                let what = format!(
                    "{} is collected as {:?} and cannot be released as {:?}; use \"drop\" or {1:?}",
                    field.name(),
                    collect.name(),
                    treatment.name(),
                );
                return Err(RuleError::at(source.name, source.text, *at, what));
            }
        }
        let release = |f: Field| {
            let (default, collect) = (profile.treatment(f), collected.of(f));
            match asked(f) {
                Some(said) => (said.treatment, Ground::Release),
                None if default.is_within(collect) => (default, Ground::Release),
                None if collect.is_within(default) => (collect, Ground::Collect),
                None => (Treatment::Drop, Ground::Collect),
            }
        };
        let released = Treatments::new(|f| release(f).0);
        let (mut at_collect, mut at_release) = (self.collect.places, self.release.places);
        for field in Field::ALL {
            let origin = self.collect.fields.get(field).map(Said::origin);
            at_release.fields.extend(match (release(*field).1, origin.clone()) {
                (Ground::Collect, Some(Origin::Said(place))) => Some((*field, Origin::Collected(place))),
                _ => self.release.fields.get(field).map(|said| (*field, said.origin())),
            });
            at_collect.fields.extend(origin.map(|origin| (*field, origin)));
        }
        let (randomised_macs, at_randomised_macs) = self.randomised_macs;
        let (group_size, at_group_size) = self.group_size.unzip();
        let group_size = group_size.unwrap_or(DEFAULT_GROUP_SIZE);
        let kinds = self.collect.kinds.unwrap_or_else(|| Kind::ALL.to_vec());
        let (mut groups, mut at_groups) = (Vec::new(), Vec::new());
        for draft in self.stations {
            let (group, place) = draft.finish((&kinds, &collected), (profile, &released, group_size))?;
            at_groups.push((group.name().to_owned(), place));
            groups.push(group);
        }
        let stations = Arc::new(StationGroups { groups });
        let opt_outs = Arc::new(self.opt_outs);
        let [excluded, limited] = self.places;
        let places = Places {
            exclusions: excluded,
            headers_only: limited,
            rules: self.rule_places,
            opt_outs: opt_outs.clone(),
            collect: at_collect,
            release: at_release,
            randomised_macs: at_randomised_macs,
            group_size: at_group_size,
            stations: at_groups,
        };
        // What is not collected cannot leave.
        let mut release_kinds = self.release.kinds.unwrap_or_else(|| profile.kinds().to_vec());
        release_kinds.retain(|k| kinds.contains(k));
        let collect_lengths =
            PrefixLengths { v4: self.collect.v4.unwrap_or(24), v6: self.collect.v6.unwrap_or(48) };
        let lengths = PrefixLengths { v4: self.release.v4.unwrap_or(24), v6: self.release.v6.unwrap_or(48) };
        let collect = CollectGate {
            exclusions: Exclusions { opt_outs, tunnels: self.tunnels, ..self.exclusions },
            // Of what is within tunnels nothing but headers is kept in any case.
            headers_only: Exclusions { tunnels: Tunnels::NONE, ..self.headers_only },
            rules: RuleList { rules: self.rules, tunnels: self.tunnels },
            tunnels: self.tunnels,
            kinds,
            treatments: collected,
            lengths: collect_lengths,
            stations: stations.clone(),
        };
        let CollectGate { exclusions, headers_only, rules, .. } = &collect;
        let (filter, keep) = compile(exclusions, headers_only, rules, collect.depth())
            .map_err(|e| whole_file(e.to_string()))?;
        let rules = Rules {
            filter,
            keep,
            collect,
            release: ReleaseGate {
                profile,
                kinds: release_kinds,
                treatments: released,
                lengths,
                randomised_macs,
                group_size,
                stations,
            },
            fingerprints: Arc::new(Fingerprints::shipped()),
            requests: self.requests,
        };
        Ok((rules, places))
    }
}

impl<'a> GateDraft<'a> {
    fn add(&mut self, gate: Gate, source: &Source<'a>, table: GateTable) -> Result<(), RuleError> {
        let GateTable {
            kinds,
            ipv4_prefix,
            ipv6_prefix,
            device,
            neighbor,
            lease,
            exchange,
            flow,
            counters,
            authentication,
            bridge,
            ..
        } = table;
        if let Some(names) = kinds {
            self.places.kinds = Some(source.place(&names));
            let names = names.into_inner();
            self.kinds = Some(names.iter().map(|name| kind(source, name)).collect::<Result<_, _>>()?);
        }
        let [at_v4, at_v6] = &mut self.places.lengths;
        let lengths = [(ipv4_prefix, 32, &mut self.v4, at_v4), (ipv6_prefix, 128, &mut self.v6, at_v6)];
        for (length, most, into, place) in lengths {
            if let Some(length) = length {
                if *length.get_ref() > most {
                    return Err(source.error(&length, format!("a prefix length is 0 to {most}")));
                }
                *into = Some(*length.get_ref());
                *place = Some(source.place(&length));
            }
        }
        let fields = [device, neighbor, lease, exchange, flow, counters, authentication, bridge];
        for (kind, table) in Kind::ALL.into_iter().zip(fields) {
            for (name, text) in table {
                let field = Field::of(kind).find(|f| f.short_name() == name.get_ref()).ok_or_else(|| {
                    let known = Field::of(kind).map(|f| f.short_name()).collect::<Vec<_>>().join(", ");
                    source.error(
                        &name,
                        format!("a {} record has no field {:?}; it has {known}", kind.name(), name.get_ref()),
                    )
                })?;
                let fitting = || Treatment::ALL.into_iter().filter(|t| gate.takes(*t, field));
                let treatment = fitting().find(|t| t.name() == text.get_ref()).ok_or_else(|| {
                    let known = fitting().map(Treatment::name).collect::<Vec<_>>().join(", ");
                    source.error(
                        &text,
                        format!("{} cannot be {:?}; use one of {known}", field.name(), text.get_ref()),
                    )
                })?;
                self.fields.insert(field, Said { treatment, source: *source, at: text.span().start });
            }
        }
        Ok(())
    }
}

fn profile(source: &Source<'_>, name: &Spanned<String>) -> Result<Profile, RuleError> {
    Profile::ALL.into_iter().find(|profile| profile.name() == name.get_ref()).ok_or_else(|| {
        let known = Profile::ALL.map(Profile::name).join(", ");
        source.error(name, format!("{:?} is no profile; the profiles are {known}", name.get_ref()))
    })
}

fn kind(source: &Source<'_>, name: &Spanned<String>) -> Result<Kind, RuleError> {
    Kind::from_name(name.get_ref()).ok_or_else(|| {
        let known = Kind::ALL.map(Kind::name).join(", ");
        source.error(name, format!("{:?} is not a kind of record; the kinds are {known}", name.get_ref()))
    })
}

fn tunnel(source: &Source<'_>, name: &Spanned<String>) -> Result<Tunnel, RuleError> {
    Tunnel::from_name(name.get_ref()).ok_or_else(|| {
        let known = Tunnel::ALL.map(Tunnel::name).join(", ");
        source.error(name, format!("{:?} is not a kind of tunnel; the kinds are {known}", name.get_ref()))
    })
}
