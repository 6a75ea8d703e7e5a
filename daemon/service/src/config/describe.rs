//! What a configuration file can say, key by key: the declaration of a table is also its description.

use std::path::PathBuf;

/// A key of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What it means.
    pub meaning: String,
    /// What it can be.
    pub shape: Shape,
    /// What it is when the file does not say; absent for tables, and where it is then nothing.
    pub default: Option<toml::Value>,
}

/// What a value can be.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// `true` or `false`.
    Bool,
    /// Values of one shape.
    List(Box<Shape>),
    /// A whole number, from the first to the second.
    Number(u32, u32),
    /// Keys.
    Table(Vec<Key>),
    /// Text; where it is not any, the regular expression (ECMA-262) that it matches.
    Text(Option<&'static str>),
}

/// What can stand in a configuration file.
pub trait Described {
    /// What it can be.
    fn shape() -> Shape;
    /// How a file says it; nothing for tables, and where a file says nothing.
    fn written(&self) -> Option<toml::Value>;
}

impl Described for bool {
    fn shape() -> Shape {
        Shape::Bool
    }

    fn written(&self) -> Option<toml::Value> {
        Some((*self).into())
    }
}

impl Described for PathBuf {
    fn shape() -> Shape {
        Shape::Text(None)
    }

    fn written(&self) -> Option<toml::Value> {
        Some(self.display().to_string().into())
    }
}

impl<T: Described> Described for Option<T> {
    fn shape() -> Shape {
        T::shape()
    }

    fn written(&self) -> Option<toml::Value> {
        self.as_ref()?.written()
    }
}

impl<T: Described> Described for Vec<T> {
    fn shape() -> Shape {
        Shape::List(Box::new(T::shape()))
    }

    fn written(&self) -> Option<toml::Value> {
        Some(self.iter().filter_map(Described::written).collect::<Vec<_>>().into())
    }
}

/// Declares a table of a configuration file: each key with its meaning, its type and its default.
macro_rules! described {
    ($(#[doc = $about:literal])* $table:ident {
        $($(#[doc = $meaning:literal])+ $key:ident: $type:ty = $default:expr;)+
    }) => {
        $(#[doc = $about])*
        #[derive(Clone, Debug, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $table {
            $($(#[doc = $meaning])+ pub $key: $type,)+
        }

        impl Default for $table {
            fn default() -> Self {
                $table { $($key: $default,)+ }
            }
        }

        impl $crate::config::Described for $table {
            fn shape() -> $crate::config::Shape {
                let default = $table::default();
                $crate::config::Shape::Table(vec![$($crate::config::Key {
                    name: stringify!($key),
                    meaning: concat!($($meaning),+).trim().to_owned(),
                    shape: <$type as $crate::config::Described>::shape(),
                    default: $crate::config::Described::written(&default.$key),
                },)+])
            }

            fn written(&self) -> Option<toml::Value> {
                None
            }
        }
    };
}
