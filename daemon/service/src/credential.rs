//! Where secrets and pinned keys lie: the service manager's credentials directory, or the configured one.

use std::path::{Path, PathBuf};

/// The store's master key, 32 octets.
pub const MASTER_KEY: &str = "master.key";
/// The master key that is to take its place.
pub const NEXT_MASTER_KEY: &str = "master.key.new";
/// The receiver's receipt key, Ed25519 public key in PEM (SubjectPublicKeyInfo).
pub const RECEIPT_KEY: &str = "receipt.pub";
/// The organisation's public key that batches are sealed to, X25519 in PEM (SubjectPublicKeyInfo).
pub const SEAL_KEY: &str = "seal.pub";
/// The certificate authority that the receiver's certificate must come from, PEM.
pub const AUTHORITY: &str = "authority.crt";
/// The appliance's client certificate, PEM.
pub const UPLINK_CERTIFICATE: &str = "uplink.crt";
/// The private key of that certificate, PEM (PKCS #8).
pub const UPLINK_KEY: &str = "uplink.key";
/// The appliance's secret beside the certificate, 40 octets: its generation, and itself.
pub const UPLINK_SECRET: &str = "uplink.secret";
/// The X25519 key that the secret is sealed to in the answer to a request, 32 octets.
pub const REQUEST_KEY: &str = "request.key";
/// The signing request for that certificate, PEM.
pub const UPLINK_REQUEST: &str = "uplink.csr";

/// The certificate authority that the site's own collector's certificate must come from, PEM.
pub const COLLECTOR_AUTHORITY: &str = "collector.crt";
/// Headers that the collector wants, such as a token: `Name: value`, one on a line.
pub const COLLECTOR_HEADERS: &str = "collector.headers";

/// The file of credential `name`: in `$CREDENTIALS_DIRECTORY` (systemd.exec(5)) when the service
/// manager put it there, otherwise in `directory`. Whether the file exists is for its reader to say.
#[must_use]
pub fn path(directory: &Path, name: &str) -> PathBuf {
    std::env::var_os("CREDENTIALS_DIRECTORY")
        .map(|handed| Path::new(&handed).join(name))
        .filter(|file| file.exists())
        .unwrap_or_else(|| directory.join(name))
}
