//! Linux cooked captures.
