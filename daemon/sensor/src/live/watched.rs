//! How the interfaces are, as the one who follows them says.

use headgate_record::local::LinkState;

use crate::follow::Follower;
use crate::handover::Handover;

/// The interfaces that are watched, and for each of its sockets how it was, when last heard of.
pub(crate) struct Watched(Vec<Interface>);

struct Interface {
    name: String,
    sockets: Vec<LinkState>,
}

impl Watched {
    /// The interface of each socket, in the order in which the one who follows them counts; those of one interface
    /// stand together.
    pub(crate) fn new<'a>(of_sockets: impl Iterator<Item = &'a str>) -> Watched {
        let mut interfaces: Vec<Interface> = Vec::new();
        for name in of_sockets {
            match interfaces.last_mut() {
                Some(last) if last.name == name => last.sockets.push(LinkState::Up),
                _ => interfaces.push(Interface { name: name.to_owned(), sockets: vec![LinkState::Up] }),
            }
        }
        Watched(interfaces)
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|interface| interface.name.as_str())
    }

    /// What is watched, in a few words.
    pub(crate) fn summary(&self) -> String {
        let away = self.0.iter().filter(|interface| interface.state() != LinkState::Up).count();
        let all = format!("{} interfaces", self.0.len());
        if away == 0 { all } else { format!("{all}, {away} of them not up") }
    }

    /// Takes note of how interfaces are, and tells.
    pub(super) fn hear(&mut self, follower: &mut Option<Follower>, handover: &Handover) {
        let Some(changes) = follower.as_mut().map(Follower::changes) else { return };
        let changes = match changes {
            Ok(changes) => changes,
            Err(error) => {
                log::error!(event = "follower_ended"; "nobody follows interfaces any more ({}): one that goes away ends this process", error.kind());
                *follower = None;
                return;
            }
        };
        for (socket, state) in &changes {
            let before: Vec<LinkState> = self.0.iter().map(Interface::state).collect();
            let mut sockets = self.0.iter_mut().flat_map(|interface| &mut interface.sockets);
            let Some(known) = sockets.nth(*socket) else { continue };
            *known = *state;
            let changed = self.0.iter().zip(before).filter(|(now, before)| now.state() != *before);
            changed.for_each(|(interface, _)| interface.say());
        }
        if !changes.is_empty() {
            handover.say_interfaces(self.0.iter().map(|i| (i.name.clone(), i.state())).collect());
        }
    }
}

impl Interface {
    /// It is as its worst socket is: each takes frames that no other takes.
    fn state(&self) -> LinkState {
        self.sockets.iter().copied().max_by_key(|state| state.number()).unwrap_or(LinkState::Up)
    }

    fn say(&self) {
        let name = &self.name;
        match self.state() {
            LinkState::Up => log::info!(event = "interface_up"; "{name} is watched again"),
            LinkState::NoLink => log::warn!(event = "interface_no_link"; "{name} has no link"),
            LinkState::Down => {
                log::warn!(event = "interface_down"; "{name} is down; it is watched again when it is up")
            }
            LinkState::Gone => {
                log::warn!(event = "interface_gone"; "{name} is not there; it is watched again when it is back");
            }
            LinkState::Unusable => {
                log::error!(event = "interface_unusable"; "{name} cannot be watched: it carries no Ethernet frames, or the system refuses");
            }
        }
    }
}
