//! Pages of section 8 and completions, from the command lines of the programs.
//!
//! One page for a program, and one for each of its subcommands, as of git: headgate-rules-check(8) is `headgate rules
//! check`. Hidden subcommands, which programs start among themselves, have none.

use std::io;

use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::Roff;

use crate::page::{self, Made};

/// Package, command line, and the file format that its pages point to.
type Program = (&'static str, Command, &'static [&'static str]);

/// The programs, each with its whole command line.
#[must_use]
pub fn programs() -> [Program; 5] {
    const APPLIANCE: &[&str] = &["headgate.toml(5)", "rules.toml(5)", "fingerprints.toml(5)"];
    [
        ("headgate", headgate_cli::command(), APPLIANCE),
        ("headgate", headgate_sensor::command(), APPLIANCE),
        ("headgate", headgate_store::command(), APPLIANCE),
        ("headgate", headgate_uplink::command(), APPLIANCE),
        ("headgate-receiver", headgate_receiver::command(), &["receiver.toml(5)"]),
    ]
}

/// Every page and completion.
///
/// # Errors
/// None but those of writing to memory.
pub fn all() -> io::Result<Vec<Made>> {
    let mut made = Vec::new();
    let names = programs().map(|(_, command, _)| command.get_name().to_owned());
    for (package, command, formats) in programs() {
        made.extend(completions(package, &command));
        let others = names.iter().filter(|name| *name != command.get_name());
        let mut also: Vec<String> = others.map(|name| format!("{name}(8)")).collect();
        also.extend(formats.iter().map(|format| (*format).to_owned()));
        let mut command = command.disable_help_subcommand(true);
        command.build();
        pages(package, &command, &also, &mut made)?;
    }
    Ok(made)
}

/// The page of a command and those of its subcommands; each points to what is above it.
fn pages(package: &'static str, command: &Command, also: &[String], made: &mut Vec<Made>) -> io::Result<()> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
    made.push(Made {
        package,
        path: format!("usr/share/man/man8/{name}.8"),
        content: one(command, &name, also)?,
    });
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        pages(package, below, &[format!("{name}(8)")], made)?;
    }
    Ok(())
}

fn one(command: &Command, name: &str, also: &[String]) -> io::Result<Vec<u8>> {
    let man = Man::new(command.clone())
        .title(name.to_uppercase())
        .section("8")
        .source(page::SOURCE)
        .manual(page::MANUAL);
    let mut text = Vec::new();
    man.render_title(&mut text)?;
    man.render_name_section(&mut text)?;
    man.render_synopsis_section(&mut text)?;
    man.render_description_section(&mut text)?;
    man.render_options_section(&mut text)?;
    if command.get_subcommands().any(|below| !below.is_hide_set()) {
        man.render_subcommands_section(&mut text)?;
    }
    let mut roff = Roff::default();
    roff.control("SH", ["EXIT STATUS"]);
    for (code, meaning) in EXIT {
        page::term(&mut roff, code, "", meaning);
    }
    page::see_also(&mut roff, also);
    roff.to_writer(&mut text)?;
    Ok(text)
}

fn completions(package: &'static str, command: &Command) -> impl Iterator<Item = Made> {
    let name = command.get_name().to_owned();
    let places = [
        (Shell::Bash, format!("usr/share/bash-completion/completions/{name}")),
        (Shell::Zsh, format!("usr/share/zsh/vendor-completions/_{name}")),
        (Shell::Fish, format!("usr/share/fish/vendor_completions.d/{name}.fish")),
    ];
    let mut command = command.clone();
    places.into_iter().map(move |(shell, path)| {
        let mut content = Vec::new();
        clap_complete::generate(shell, &mut command, &name, &mut content);
        Made { package, path, content }
    })
}

/// As docs/troubleshooting.md has them.
const EXIT: &[(&str, &str)] = &[
    ("0", "Done."),
    ("1", "The answer is no: a check failed, or nothing was found."),
    ("2", "Wrong usage."),
    ("65", "Damaged input."),
    ("66", "No input."),
    ("69", "A process does not answer, or an interface is gone."),
    ("70", "A fault of Headgate's own."),
    ("71", "The system refused."),
    ("73", "An output is there already or cannot be made."),
    ("74", "Reading or writing failed."),
    ("75", "Try later."),
    ("77", "A right is missing."),
    ("78", "Wrong configuration, rules or credentials."),
];
