//! Which field of tshark is which of Headgate.

use std::collections::HashSet;

use super::compare::{Check, Layer, Which};
use super::form::Form;

mod discovery;
mod hosts;
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
    Layer { ours, theirs, is_mutual: true, checks }
}

/// A layer of Headgate that is a part of one of tshark, or the other way round.
const fn part(ours: &'static str, theirs: &'static [&'static str], checks: &'static [Check]) -> Layer {
    Layer { ours, theirs, is_mutual: false, checks }
}

/// All layers; the first is the frame itself.
pub fn tables() -> Vec<Layer> {
    [packets::LAYERS, tunnels::LAYERS, discovery::LAYERS, hosts::LAYERS]
        .into_iter()
        .flatten()
        .map(Layer::again)
        .collect()
}

impl Layer {
    fn again(&self) -> Layer {
        Layer { ours: self.ours, theirs: self.theirs, is_mutual: self.is_mutual, checks: self.checks }
    }
}

/// The fields of tshark that are looked at.
pub fn wanted(tables: &[Layer]) -> HashSet<String> {
    let checks = tables.iter().flat_map(|layer| layer.checks);
    checks.flat_map(Check::names).map(str::to_owned).collect()
}
