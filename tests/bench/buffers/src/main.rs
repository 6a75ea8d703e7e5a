//! `tests/bench/store` calls this: it makes records, keeps them in one buffer, and prints what that took as JSON.
//!
//! `make DIR COUNT COMMIT` writes the records and the hand-overs that they arrive in. `store`, `sqlite` (`sqlcipher`
//! when built so) and `append` keep them, each in a directory of its own. `fill` and `open` are for a large store.
//! `batches COUNT` says how many octets a record takes in batches of 1,000, beside lines of JSON, as one body that is compressed.
// A tool for people who measure: it ends by panicking.
#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod append;
mod messages;
mod office;
mod process;
mod sqlite;
mod store;

use std::path::Path;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let answer = match arguments[..] {
        ["make", directory, count, commit] => messages::make(Path::new(directory), number(count), number(commit)),
        ["batches", count] => messages::batches(number(count)),
        ["somebody"] => return println!("{}", office::somebody()),
        ["sqlite", made, commit, directory] => sqlite::run(Path::new(made), number(commit), Path::new(directory)),
        ["append", made, commit, directory, sealed] => {
            append::run(Path::new(made), number(commit), Path::new(directory), number(sealed))
        }
        ["store", made, commit, in_flight, directory, program] => {
            let (directory, program) = (Path::new(directory), Path::new(program));
            store::run(Path::new(made), number(commit), number(in_flight), directory, program)
        }
        ["fill", count, directory, program] => store::fill(number(count), Path::new(directory), Path::new(program)),
        ["open", directory, program] => store::open(Path::new(directory), Path::new(program)),
        _ => panic!("see tests/bench/store"),
    };
    println!("{answer}");
}

fn number(text: &str) -> usize {
    text.parse().unwrap()
}
