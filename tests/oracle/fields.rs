//! Which field of tshark is which of Headgate.

use std::collections::HashSet;

use super::check::{Check, Layer, Which};
use super::form::Form;

mod discovery;
mod hosts;
mod lldp;
mod packets;
mod tunnels;

const fn check(theirs: &'static str, ours: &'static str, form: Form) -> Check {
    Check { theirs, ours, form, which: Which::All }
}

const fn number(theirs: &'static str, ours: &'static str) -> Check {
    check(theirs, ours, Form::Number)
}

const fn raw(theirs: &'static str, ours: &'static str) -> Check {
    check(theirs, ours, Form::Raw)
}

const fn ip(theirs: &'static str, ours: &'static str) -> Check {
    check(theirs, ours, Form::Ip)
}

const fn octets(theirs: &'static str, ours: &'static str) -> Check {
    check(theirs, ours, Form::Octets)
}

const fn text(theirs: &'static str, ours: &'static str) -> Check {
    check(theirs, ours, Form::Text)
}

const fn shown(theirs: &'static str, ours: &'static str) -> Check {
    check(theirs, ours, Form::Any)
}

const fn name(theirs: &'static str, ours: &'static str) -> Check {
    check(theirs, ours, Form::Name)
}

impl Check {
    const fn of(mut self, which: Which) -> Check {
        self.which = which;
        self
    }
}

const fn layer(ours: &'static str, theirs: &'static [&'static str], checks: &'static [Check]) -> Layer {
    Layer { ours, theirs, is_mutual: true, checks, first: 0 }
}

/// A layer of Headgate that is a part of one of tshark, or the other way round.
const fn part(ours: &'static str, theirs: &'static [&'static str], checks: &'static [Check]) -> Layer {
    Layer { ours, theirs, is_mutual: false, checks, first: 0 }
}

/// All layers; the first is the frame itself.
pub fn tables() -> Vec<Layer> {
    let layers = [packets::LAYERS, tunnels::LAYERS, discovery::LAYERS, hosts::LAYERS].concat();
    let numbered = layers.into_iter().scan(0, |checks, layer| {
        let first = *checks;
        *checks += layer.checks.len();
        Some(Layer { first, ..layer })
    });
    numbered.collect()
}

/// The fields of tshark that are looked at.
pub fn wanted(tables: &[Layer]) -> HashSet<String> {
    let checks = tables.iter().flat_map(|layer| layer.checks);
    checks.flat_map(Check::names).map(str::to_owned).collect()
}
