//! `headgate top`: the running appliance, drawn again every second.
//!
//! It reads what `status`, `devices`, `neighbors`, `flows` and `ledger` read, from the same socket, and shows no more of anybody than
//! these do. Whoever looks must not slow down what is looked at: only what is on the screen is asked for, and a question is asked
//! again after twenty times as long as its answer took, at the earliest.

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender};
use std::time::Duration;

use headgate_service::stop::Stop;
use ratatui::DefaultTerminal;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use crate::error::CliError;
use crate::show;

mod draw;
mod screen;
mod table;
mod view;
mod watch;

pub(crate) use view::View;

use screen::Screen;
use watch::{Look, Wish};

/// Draws until q, Ctrl-C or SIGTERM; or `once`, as plain text.
///
/// # Errors
/// [`CliError::NoTerminal`] where there is none to draw on; once, also what asking the store gives.
pub(crate) fn run(config: &Path, once: bool, view: View) -> Result<(), CliError> {
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
    let result = follow(&mut terminal, Screen::new(view), &stop, &wishes, &looks);
    let restored = ratatui::try_restore();
    result.and(restored).map_err(CliError::Output)
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
) -> io::Result<()> {
    let mut look = Look::default();
    let mut is_stale = true;
    while !stop.is_requested() && !stop.take_reload() {
        // Of several that came meanwhile the last is the news.
        while let Ok(news) = looks.try_recv() {
            (look, is_stale) = (news, true);
        }
        if is_stale {
            terminal.draw(|frame| draw::draw(frame, &mut screen, &look))?;
            is_stale = false;
        }
        if !event::poll(TICK)? {
            continue;
        }
        match event::read()? {
            Event::Key(key) if key.kind != KeyEventKind::Release => {
                if typed(&mut screen, key, wishes) {
                    break;
                }
                is_stale = true;
            }
            Event::Resize(..) => is_stale = true,
            _ => {}
        }
    }
    terminal.backend_mut().flush()
}

/// Does what a key says; gives whether it ends.
fn typed(screen: &mut Screen, key: KeyEvent, wishes: &Sender<Wish>) -> bool {
    let before = screen.view;
    match key.code {
        KeyCode::Char('c' | 'd') if key.modifiers.contains(KeyModifiers::CONTROL) => return true,
        KeyCode::Char('?' | 'h') => screen.has_help = !screen.has_help,
        KeyCode::Esc if screen.has_help => screen.has_help = false,
        KeyCode::Char('q') | KeyCode::Esc => return true,
        KeyCode::Tab | KeyCode::Right => screen.view = screen.view.next(),
        KeyCode::BackTab | KeyCode::Left => screen.view = screen.view.previous(),
        KeyCode::Char(digit @ '1'..='9') => screen.view = View::of_digit(digit).unwrap_or(screen.view),
        KeyCode::Char('s') => screen.sort_by_next(),
        KeyCode::Char('r') => screen.reverse(),
        KeyCode::Up | KeyCode::Char('k') => screen.scroll(-1),
        KeyCode::Down | KeyCode::Char('j') => screen.scroll(1),
        KeyCode::PageUp => screen.scroll(-screen.page()),
        KeyCode::PageDown => screen.scroll(screen.page()),
        KeyCode::Home => screen.scroll(isize::MIN),
        KeyCode::End => screen.scroll(isize::MAX),
        KeyCode::Char('p' | ' ') => {
            screen.is_paused = !screen.is_paused;
            let _ = wishes.send(Wish::Pause(screen.is_paused));
        }
        _ => {}
    }
    if screen.view != before {
        // Who watches ends with this program; that it has gone shows on the screen.
        let _ = wishes.send(Wish::See(screen.view));
    }
    false
}

/// The longest time until a signal, or what came from the store, is noticed.
const TICK: Duration = Duration::from_millis(100);
/// Columns and rows of a frame that goes to no terminal.
const PLAIN: (u16, u16) = (80, 24);
/// A terminal that says less does not know.
const SMALLEST: (u16, u16) = (20, 5);

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use serde_json::Value;

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

    fn press(screen: &mut Screen, code: KeyCode, wishes: &Sender<Wish>) -> bool {
        typed(screen, KeyEvent::new(code, KeyModifiers::NONE), wishes)
    }

    #[test]
    fn keys_do_what_the_help_says() {
        let (wishes, wanted) = std::sync::mpsc::channel();
        let mut screen = Screen::new(View::Devices);
        for end in [KeyCode::Char('q'), KeyCode::Esc] {
            assert!(press(&mut screen, end, &wishes));
        }
        assert!(typed(&mut screen, KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL), &wishes));
        for (key, view) in [
            (KeyCode::Tab, View::Neighbors),
            (KeyCode::Right, View::Traffic),
            (KeyCode::Left, View::Neighbors),
            (KeyCode::Char('5'), View::Sent),
            (KeyCode::BackTab, View::Losses),
        ] {
            assert!(!press(&mut screen, key, &wishes));
            assert!(screen.view == view && matches!(wanted.try_recv(), Ok(Wish::See(seen)) if seen == view));
        }
        press(&mut screen, KeyCode::Char('p'), &wishes);
        assert!(screen.is_paused && matches!(wanted.try_recv(), Ok(Wish::Pause(true))));
        press(&mut screen, KeyCode::Char('?'), &wishes);
        assert!(screen.has_help);
        assert!(!press(&mut screen, KeyCode::Esc, &wishes), "it closes the help alone");
        assert!(!screen.has_help);
        assert!(wanted.try_recv().is_err());
    }
}
