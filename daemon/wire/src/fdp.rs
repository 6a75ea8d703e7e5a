//! FDP.
