//! Text that Prometheus, and whatever else speaks OpenMetrics 1.0, reads.

use std::fmt::{Display, Write};

/// A text in the making: families, each followed by its samples.
pub struct Exposition {
    prefix: &'static str,
    text: String,
}

impl Exposition {
    /// No family yet; all names begin with `prefix`.
    #[must_use]
    pub fn new(prefix: &'static str) -> Exposition {
        Exposition { prefix, text: String::new() }
    }

    /// Begins a metric family. A unit is the end of its name.
    pub fn family(&mut self, name: &str, kind: &str, unit: &str, help: &str) {
        let prefix = self.prefix;
        // Writing into a `String` does not fail.
        let _ = writeln!(self.text, "# TYPE {prefix}{name} {kind}");
        if !unit.is_empty() {
            let _ = writeln!(self.text, "# UNIT {prefix}{name} {unit}");
        }
        let _ = writeln!(self.text, "# HELP {prefix}{name} {help}");
    }

    /// A sample of the latest family; of a counter its name ends in `_total`.
    pub fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let _ = write!(self.text, "{}{name}", self.prefix);
        for (at, (key, of)) in labels.iter().enumerate() {
            let _ = write!(self.text, "{}{key}=\"{}\"", if at == 0 { '{' } else { ',' }, escape(of));
        }
        let _ = writeln!(self.text, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }

    /// The whole text with its end.
    #[must_use]
    pub fn finish(mut self) -> String {
        self.text.push_str("# EOF\n");
        self.text
    }
}

/// The text of a label: what would end it is escaped.
fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_end_where_they_end() {
        let mut text = Exposition::new("x_");
        text.family("bytes", "gauge", "bytes", "Octets.");
        text.sample("bytes", &[], 7);
        text.sample("bytes", &[("of", "a\"b\\\n"), ("in", "c")], 8);
        let expected = "# TYPE x_bytes gauge\n# UNIT x_bytes bytes\n# HELP x_bytes Octets.\n\
                        x_bytes 7\nx_bytes{of=\"a\\\"b\\\\\\n\",in=\"c\"} 8\n# EOF\n";
        assert_eq!(text.finish(), expected);
    }
}
