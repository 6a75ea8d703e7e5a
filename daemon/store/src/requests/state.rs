//! How far a request has come.

/// How far a request has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// The administrator has not said anything.
    Waiting,
    /// The rules do not let it be asked.
    RefusedByRules,
    /// The administrator has refused it.
    Refused,
    /// The administrator has allowed it, and carries it out.
    Allowed,
    /// That is done.
    Done,
    /// That was given up.
    GivenUp,
    /// It is too late.
    Expired,
}

impl State {
    const ALL: [State; 7] = [
        State::Waiting,
        State::RefusedByRules,
        State::Refused,
        State::Allowed,
        State::Done,
        State::GivenUp,
        State::Expired,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            State::Waiting => "waiting",
            State::RefusedByRules => "refused-by-rules",
            State::Refused => "refused",
            State::Allowed => "allowed",
            State::Done => "done",
            State::GivenUp => "given-up",
            State::Expired => "expired",
        }
    }

    /// A state that nobody wrote is settled.
    pub(super) fn of(name: &str) -> State {
        State::ALL.into_iter().find(|state| state.name() == name).unwrap_or(State::GivenUp)
    }

    pub(super) fn is_settled(self) -> bool {
        !matches!(self, State::Waiting | State::Allowed)
    }

    pub(super) fn event(self) -> &'static str {
        match self {
            State::Waiting => "request-received",
            State::RefusedByRules | State::Refused => "request-refused",
            State::Allowed => "request-allowed",
            State::Done => "request-done",
            State::GivenUp => "request-given-up",
            State::Expired => "request-expired",
        }
    }
}
