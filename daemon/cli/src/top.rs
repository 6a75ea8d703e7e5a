//! `headgate top`: the running appliance, drawn again every second.
//!
//! It reads what `status`, `devices`, `neighbors`, `flows` and `ledger` read, from the same socket, and shows no more of anybody than
//! these do. Whoever looks must not slow down what is looked at: only what is on the screen is asked for, and a question is asked
//! again after twenty times as long as its answer took, at the earliest.

use std::io::{self, IsTerminal};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender};
use std::time::Duration;

use headgate_service::exit;
use headgate_service::stop::Stop;
use ratatui::DefaultTerminal;
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use serde_json::{Value, json};

use crate::error::CliError;
use crate::show;

mod columns;
mod draw;
mod keys;
mod screen;
mod table;
mod view;
mod watch;

pub(crate) use view::View;

use keys::{Key, Keys, Typed};
use screen::Screen;
use watch::{Look, Wish};

/// Draws until q, Ctrl-C or SIGTERM; or `once`, as plain text, or what it would draw as JSON.
///
/// # Errors
/// [`CliError::NoTerminal`] where there is none to draw on; once, also what asking the store gives.
pub(crate) fn run(config: &Path, once: bool, view: View, as_json: bool) -> Result<(), CliError> {
    if as_json {
        let look = watch::once(config, view)?;
        let wrong = look.wrong.iter().map(|it| json!({ "what": it.what, "do": it.do_this }));
        let wrong = wrong.collect::<Value>();
        let shown = look.answers.get(&view).unwrap_or(&Value::Null);
        return show::json(&json!({ "status": look.status, "wrong": wrong, "shown": shown }));
    }
    if once {
        return print(config, view);
    }
    if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        return Err(CliError::NoTerminal);
    }
    // A configuration that cannot be read, or a right that is missing, is said before the terminal is taken.
    if let Err(error @ (CliError::Config(_) | CliError::NotAllowed)) = crate::ask::status(config) {
        return Err(error);
    }
    let stop = Stop::install().map_err(|source| CliError::System { step: "watch for signals", source })?;
    let (wishes, looks) = watch::start(config, view)?;
    let mut terminal = open()?;
    let guarded = guard(stop.clone());
    let result = guarded.and_then(|()| follow(&mut terminal, Screen::new(view), &stop, &wishes, &looks));
    if let Ok(End::Gone) = result {
        // Nothing can be given back, and nobody can be told.
        std::process::exit(exit::OK.into());
    }
    let restored = ratatui::try_restore();
    Ok(result.map(drop).and(restored)?)
}

/// Takes the terminal: raw, on its other screen. A panic gives it back before it speaks.
fn open() -> io::Result<DefaultTerminal> {
    ratatui::try_init()
}

/// One frame of text, as wide as the terminal, or as [`PLAIN`] where there is none.
fn print(config: &Path, view: View) -> Result<(), CliError> {
    let look = watch::once(config, view)?;
    let (columns, rows) = size().unwrap_or(PLAIN);
    let Ok(mut terminal) = Terminal::new(TestBackend::new(columns, rows));
    let mut screen = Screen::new(view);
    screen.is_plain = true;
    let Ok(_) = terminal.draw(|frame| draw::draw(frame, &mut screen, &look));
    let mut text = String::new();
    for row in terminal.backend().buffer().content().chunks(usize::from(columns).max(1)) {
        let start = text.len();
        row.iter().for_each(|cell| text.push_str(cell.symbol()));
        text.truncate(start + text.get(start..).unwrap_or_default().trim_end().len());
        text.push('\n');
    }
    let end = text.trim_end().len();
    text.truncate(end);
    text.push('\n');
    show::text(&text)
}

/// The size of the terminal that is written to, where it is one.
fn size() -> Option<(u16, u16)> {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    let fits = size.ws_col >= SMALLEST.0 && size.ws_row >= SMALLEST.1;
    fits.then_some((size.ws_col, size.ws_row))
}

/// Draws what comes, and does what is typed.
fn follow(
    terminal: &mut DefaultTerminal,
    mut screen: Screen,
    stop: &Stop,
    wishes: &Sender<Wish>,
    looks: &Receiver<Look>,
) -> io::Result<End> {
    let mut look = Look::default();
    let mut keys = Keys::default();
    let (mut is_stale, mut drawn) = (true, None);
    while !stop.is_requested() {
        // Of several that came meanwhile the last is the news.
        while let Ok(news) = looks.try_recv() {
            (look, is_stale) = (news, true);
        }
        let now = size();
        if is_stale || now != drawn {
            terminal.draw(|frame| draw::draw(frame, &mut screen, &look))?;
            (is_stale, drawn) = (false, now);
        }
        match keys.wait(TICK)? {
            Typed::Gone => return Ok(End::Gone),
            Typed::Keys(typed_now) => {
                is_stale |= !typed_now.is_empty();
                if typed_now.into_iter().any(|key| typed(&mut screen, key, wishes)) {
                    break;
                }
            }
        }
    }
    Ok(End::Asked)
}

/// Why it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Asked,
    /// The terminal has been closed.
    Gone,
}

/// Ends the program when it has been told to and does not: a terminal may go while it is being read.
fn guard(stop: Stop) -> io::Result<()> {
    let watch = move || loop {
        std::thread::sleep(TICK);
        // SIGHUP: the terminal has gone, or whoever started this.
        if stop.take_reload() {
            stop.request();
        }
        if stop.is_requested() {
            std::thread::sleep(GRACE);
            let _ = ratatui::try_restore();
            std::process::exit(exit::OK.into());
        }
    };
    std::thread::Builder::new().name("guard".into()).spawn(watch).map(drop)
}

/// Does what a key says; gives whether it ends.
fn typed(screen: &mut Screen, key: Key, wishes: &Sender<Wish>) -> bool {
    let before = screen.view;
    match key {
        Key::Interrupt => return true,
        Key::Char('?' | 'h') => screen.has_help = !screen.has_help,
        Key::Escape if screen.has_help => screen.has_help = false,
        Key::Char('q') | Key::Escape => return true,
        Key::Tab | Key::Right => screen.view = screen.view.next(),
        Key::BackTab | Key::Left => screen.view = screen.view.previous(),
        Key::Char(digit @ '1'..='9') => screen.view = View::of_digit(digit).unwrap_or(screen.view),
        Key::Char('s') => screen.sort_by_next(),
        Key::Char('r') => screen.reverse(),
        Key::Up | Key::Char('k') => screen.scroll(-1),
        Key::Down | Key::Char('j') => screen.scroll(1),
        Key::PageUp => screen.scroll(-screen.page()),
        Key::PageDown => screen.scroll(screen.page()),
        Key::Home => screen.scroll(isize::MIN),
        Key::End => screen.scroll(isize::MAX),
        Key::Char('p' | ' ') => {
            screen.is_paused = !screen.is_paused;
            let _ = wishes.send(Wish::Pause(screen.is_paused));
        }
        Key::Char(_) => {}
    }
    if screen.view != before {
        // Who watches ends with this program; that it has gone shows on the screen.
        let _ = wishes.send(Wish::See(screen.view));
    }
    false
}

/// The longest time until a signal, or what came from the store, is noticed.
const TICK: Duration = Duration::from_millis(100);
/// What drawing the last frame and giving the terminal back may take.
const GRACE: Duration = Duration::from_secs(2);
/// Columns and rows of a frame that goes to no terminal.
const PLAIN: (u16, u16) = (80, 24);
/// A terminal that says less does not know.
const SMALLEST: (u16, u16) = (20, 5);

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::process::{Command, Stdio};

    use super::*;

    const INSIDE: &str = "HEADGATE_TEST_INSIDE";

    /// What is said of a panic is on the terminal that was there before, which has its modes back.
    #[test]
    fn a_panic_gives_the_terminal_back_before_it_speaks() {
        if std::env::var_os(INSIDE).is_some() {
            let mut terminal = open().unwrap();
            terminal
                .draw(|frame| draw::draw(frame, &mut Screen::new(View::Devices), &Look::default()))
                .unwrap();
            panic!("on purpose");
        }
        let player = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/support/terminal");
        let mut command = Command::new(player);
        command.arg(std::env::current_exe().unwrap()).env(INSIDE, "").env("RUST_BACKTRACE", "0");
        command.args([
            "--exact",
            "top::tests::a_panic_gives_the_terminal_back_before_it_speaks",
            "--nocapture",
        ]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(b"end\n").unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        let end: Value = serde_json::from_slice(&output.stdout).unwrap();
        for what in ["modes", "screen", "cursor"] {
            assert_eq!(end[what], true, "{what}: {end}");
        }
        assert!(end["behind"].as_str().unwrap().contains("on purpose"), "{end}");
    }

    fn press(screen: &mut Screen, key: Key, wishes: &Sender<Wish>) -> bool {
        typed(screen, key, wishes)
    }

    #[test]
    fn keys_do_what_the_help_says() {
        let (wishes, wanted) = std::sync::mpsc::channel();
        let mut screen = Screen::new(View::Devices);
        for end in [Key::Char('q'), Key::Escape, Key::Interrupt] {
            assert!(press(&mut screen, end, &wishes));
        }
        for (key, view) in [
            (Key::Tab, View::Neighbors),
            (Key::Right, View::Traffic),
            (Key::Left, View::Neighbors),
            (Key::Char('5'), View::Sent),
            (Key::BackTab, View::Losses),
        ] {
            assert!(!press(&mut screen, key, &wishes));
            assert!(screen.view == view && matches!(wanted.try_recv(), Ok(Wish::See(seen)) if seen == view));
        }
        press(&mut screen, Key::Char('p'), &wishes);
        assert!(screen.is_paused && matches!(wanted.try_recv(), Ok(Wish::Pause(true))));
        press(&mut screen, Key::Char('?'), &wishes);
        assert!(screen.has_help);
        assert!(!press(&mut screen, Key::Escape, &wishes), "it closes the help alone");
        assert!(!screen.has_help);
        assert!(wanted.try_recv().is_err());
    }
}
