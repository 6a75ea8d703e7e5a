//! Code points of a registry: numbers that a standard gives names to, where unknown ones are data.

/// Defines an enum over a registry: each known code point as a variant, all others as `Unknown`.
///
/// It converts from the number and back, has a `name` for records and people, and is serialised as
/// `{"code": number, "name": name}`, so that no reader needs the table again.
macro_rules! registry {
    ($(#[$doc:meta])* $vis:vis enum $type:ident: $number:ty { $($(#[$variant_doc:meta])* $variant:ident = $code:literal, $name:literal;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        $vis enum $type {
            $($(#[$variant_doc])* $variant,)*
            /// Any other code point.
            Unknown($number),
        }

        impl $type {
            /// The number on the wire.
            #[must_use]
            pub fn code(self) -> $number {
                match self {
                    $($type::$variant => $code,)*
                    $type::Unknown(code) => code,
                }
            }

            /// The name, as records show it.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $($type::$variant => $name,)*
                    $type::Unknown(_) => "unknown",
                }
            }
        }

        impl From<$number> for $type {
            fn from(code: $number) -> Self {
                match code {
                    $($code => $type::$variant,)*
                    other => $type::Unknown(other),
                }
            }
        }

        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                $crate::registry::Named { code: self.code().into(), name: self.name() }.serialize(serializer)
            }
        }
    };
}

/// How a code point is shown.
#[derive(serde::Serialize)]
pub(crate) struct Named {
    pub(crate) code: u32,
    pub(crate) name: &'static str,
}

pub(crate) use registry;

#[cfg(test)]
mod tests {
    registry! {
        /// A registry.
        enum Example: u8 {
            /// 1.
            One = 1, "one";
        }
    }

    #[test]
    fn every_number_survives_the_way_through_its_variant() {
        for code in 0..=u8::MAX {
            assert_eq!(Example::from(code).code(), code);
        }
        assert_eq!(Example::from(1), Example::One);
        assert_eq!((Example::One.name(), Example::Unknown(9).name()), ("one", "unknown"));
    }
}
